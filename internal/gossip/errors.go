package gossip

import "errors"

var (
	// ErrInvalidConfig is returned by Open when a Config does not make sense; it names the field.
	ErrInvalidConfig = errors.New("invalid gossip configuration")
	// ErrInvalidMeta is returned when what a member tells of itself is damaged, too large or for a newer program.
	ErrInvalidMeta = errors.New("invalid member data")
	// ErrForeignCluster is returned to memberlist when a member of another cluster is met; JoinError has its text.
	ErrForeignCluster = errors.New("member of another cluster")
	// ErrDuplicateID is returned to memberlist when another node with this node's id is met.
	ErrDuplicateID = errors.New("node id is used twice")
	// ErrTooManyMembers is returned to memberlist when maxMembers are known.
	ErrTooManyMembers = errors.New("too many members")
	// ErrJoinEntry is returned by ParseJoin, and by the function it gives, when an entry cannot be understood.
	ErrJoinEntry = errors.New("invalid join entry")
	// ErrClosed is returned when the Gossip is closed.
	ErrClosed = errors.New("gossip is closed")
)
