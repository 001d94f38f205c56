package consensus

import "context"

// Command is a committed command as the state machine sees it.
type Command struct {
	// Index and Term of its log entry; indexes ascend, with gaps where raft keeps entries of its own.
	Index, Term uint64
	// Type is the machine's own command type.
	Type uint16
	// Version of the payload's encoding.
	Version uint16
	// Key is the idempotency key, zero for none.
	Key [16]byte
	// Payload is owned by the log; the machine must copy what it keeps.
	Payload []byte
}

// StateMachine is applied to by one goroutine. It must be deterministic: no clock, no randomness, no map order.
type StateMachine interface {
	// Apply applies committed commands in order and returns exactly one result per command. It is never called with
	// none.
	Apply(cmds []Command) []any
	// AppliedIndex is the index up to which the machine's state is durable by itself; commands at or below it are
	// not handed to Apply again after a restart. It is asked once, by Open.
	AppliedIndex() uint64
	// Persist makes everything applied so far durable and returns the index of the last durable command. It is
	// called from another goroutine than Apply, before log entries are discarded.
	Persist(ctx context.Context) (uint64, error)
	// Hash is a digest of the state after the last applied command, equal on all replicas at the same command. It
	// is called on Apply's goroutine and should be cheap (incremental).
	Hash() uint64
}

// Proposal is a command to commit.
type Proposal struct {
	// Type and Version are the machine's own.
	Type, Version uint16
	// MinReader is the least ReaderVersion that may apply the command; higher than this program's is refused.
	MinReader uint16
	// Flags is 0 or FlagIgnorable.
	Flags uint16
	// Key makes the command idempotent: of the commands with one key only the first within DedupWindow entries is
	// applied. Zero for none.
	Key [16]byte
	// Payload is the command itself, MaxPayload bytes at most. It is copied.
	Payload []byte
}

// FlagIgnorable marks a command that a program too old to read it may skip instead of stopping.
const FlagIgnorable uint16 = 1 << 0
