package consensus

import (
	"io"

	"github.com/hashicorp/raft"
)

// transport is what raft gets instead of the caller's. Heartbeats take the way of all other calls, through raft's
// main loop: on a way of their own they raise the term under a leader that is just stamping an entry with it, and two
// different entries get one index and term. Replication is not pipelined. Once the replica has failed it sends
// nothing more: a leader whose disk hangs would otherwise go on heartbeating and keep its followers from electing.
type transport struct {
	raft.Transport
	preVote raft.WithPreVote
	failure *failure
	// confirmed is told of each append a follower has confirmed; nil for nobody.
	confirmed func(id raft.ServerID, q *raft.AppendEntriesRequest)
}

// SetHeartbeatHandler does nothing, on purpose.
func (t *transport) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntriesPipeline is refused: a pipeline stays stuck after its follower's stall.
func (t *transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries replicates entries, or heartbeats.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest,
	r *raft.AppendEntriesResponse,
) error {
	if err := t.failure.err(); err != nil {
		return err
	}
	err := t.Transport.AppendEntries(id, to, q, r)
	if err == nil && r.Success && r.Term == q.Term && t.confirmed != nil {
		t.confirmed(id, q)
	}
	return err
}

// RequestVote asks for a vote.
func (t *transport) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest,
	r *raft.RequestVoteResponse,
) error {
	if err := t.failure.err(); err != nil {
		return err
	}
	return t.Transport.RequestVote(id, to, q, r)
}

// RequestPreVote asks whether a vote would be granted.
func (t *transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest,
	r *raft.RequestPreVoteResponse,
) error {
	if err := t.failure.err(); err != nil {
		return err
	}
	return t.preVote.RequestPreVote(id, to, q, r)
}

// InstallSnapshot streams a snapshot.
func (t *transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest,
	r *raft.InstallSnapshotResponse, data io.Reader,
) error {
	if err := t.failure.err(); err != nil {
		return err
	}
	return t.Transport.InstallSnapshot(id, to, q, r, data)
}

// TimeoutNow hands leadership over.
func (t *transport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest,
	r *raft.TimeoutNowResponse,
) error {
	if err := t.failure.err(); err != nil {
		return err
	}
	return t.Transport.TimeoutNow(id, to, q, r)
}
