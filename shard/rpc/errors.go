package rpc

import (
	"errors"
	"fmt"
	"strings"

	"sagasu/api"
	"sagasu/shard/replica"
)

var (
	// ErrMessage is returned when a body can't be decoded, or a value can't be encoded.
	ErrMessage = errors.New("malformed message")
	// ErrVersion is returned when a body has a version that this node, or the one that was asked, does not
	// speak; the message names both.
	ErrVersion = errors.New("unknown version of a message")
	// ErrTooLarge is returned when a call or an answer exceeds a limit of limits.go.
	ErrTooLarge = errors.New("message is too large")
	// ErrPath is returned when a path of a checkpoint would lead out of it, or is not written plainly.
	ErrPath = errors.New("bad path of a file")
	// ErrNoSession is returned when a checkpoint was closed, or was never opened.
	ErrNoSession = errors.New("no such checkpoint")
	// ErrChecksum is returned when a piece or a file is not what was sent.
	ErrChecksum = errors.New("checksum does not match")
	// ErrLagging is returned when a replica does not reach Call.MinIndex in time; another may have. It is
	// replica.ErrLagging, and so an api.ErrUnavailable.
	ErrLagging = replica.ErrLagging
)

// NotLeaderError is returned for a write by a replica that does not lead its group, or leads it in another
// term; nothing was written. It is a replica.ErrNotLeader and so an api.ErrUnavailable.
type NotLeaderError struct {
	// Leader is the node that leads as far as the replica knows, "" for none.
	Leader string
	// Term is the group's as the replica knows it.
	Term uint64
}

// Error names the leader.
func (e *NotLeaderError) Error() string {
	if e.Leader == "" {
		return fmt.Sprintf("not the leader, and none is known in term %d", e.Term)
	}
	return fmt.Sprintf("not the leader: node %q is, in term %d", e.Leader, e.Term)
}

// Unwrap gives what it is a case of.
func (e *NotLeaderError) Unwrap() error { return replica.ErrNotLeader }

// EpochError is returned to a call with an older epoch than the replica's: the caller must look at newer
// metadata. It is an api.ErrUnavailable.
type EpochError struct {
	// Epoch is the replica's.
	Epoch uint64
}

// Error names the epoch.
func (e *EpochError) Error() string {
	return fmt.Sprintf("the shard has changed since, its epoch is %d", e.Epoch)
}

// Unwrap gives what it is a case of.
func (e *EpochError) Unwrap() error { return api.ErrUnavailable }

// StaleEpoch gives the replica's epoch.
func (e *EpochError) StaleEpoch() uint64 { return e.Epoch }

// NoShardError is returned by a node that has no replica of the shard. It is an api.ErrUnavailable.
type NoShardError struct {
	Shard string
	// Version is that of the metadata the node goes by.
	Version uint64
}

// Error names the shard.
func (e *NoShardError) Error() string {
	return fmt.Sprintf("no replica of shard %q here as of version %d of the metadata", e.Shard, e.Version)
}

// Unwrap gives what it is a case of.
func (e *NoShardError) Unwrap() error { return api.ErrUnavailable }

// clip shortens a text to at most limit bytes of whole characters.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}
