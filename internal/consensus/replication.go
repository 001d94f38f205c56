package consensus

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/raft"
)

// replication is the transport as raft itself has it. An append to a follower that was not reached is not answered: it
// is sent again and again, and so is there soon after the follower is. After an answer raft would wait before the next
// one, each time twice as long and in the end for 10 s.
type replication struct {
	*transport
	group *Group
}

// AppendEntries replicates entries until they get there, or as long as it makes sense; heartbeats it sends once.
func (p *replication) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest,
	r *raft.AppendEntriesResponse,
) error {
	err := p.transport.AppendEntries(id, to, q, r)
	if q.PrevLogEntry == 0 && len(q.Entries) == 0 && q.LeaderCommitIndex == 0 {
		return err // a heartbeat, on a goroutine of its own that waits for less
	}
	again := *q
	for end := time.Now().Add(patience); unreached(err) && time.Now().Before(end); {
		if !p.group.replicates(id, q.Term) || !p.group.pause(retryPause+rand.N(retryPause)) ||
			!p.group.replicates(id, q.Term) {
			break
		}
		// Without it the follower would not learn what was committed meanwhile until the next append.
		again.LeaderCommitIndex = max(q.LeaderCommitIndex, p.group.raft.CommitIndex())
		err = p.transport.AppendEntries(id, to, &again, r)
	}
	return err
}

// unreached tells whether an error says that no replica has answered.
func unreached(err error) bool { return errors.Is(err, errUnreached) || errors.Is(err, ErrNoGroup) }

// replicates tells whether this replica leads in the term and has the server as a follower. While leadership is
// transferred it denies that: the transfer waits for the goroutine that replicates, and proposals for the transfer.
func (g *Group) replicates(id raft.ServerID, term uint64) bool {
	select {
	case <-g.started:
	default:
		return false
	}
	if g.transfers.Load() > 0 || g.raft.State() != raft.Leader || g.raft.CurrentTerm() != term {
		return false
	}
	_, ok := member(g.raft.GetConfiguration().Configuration(), string(id))
	return ok
}

// pause waits; false when the replica closes or fails.
func (g *Group) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.ctx.Done():
	case <-g.failure.failed:
	}
	return false
}

// transfer waits for a transfer of leadership.
func (g *Group) transfer(start func() raft.Future) error {
	g.transfers.Add(1)
	defer g.transfers.Add(-1)
	return start().Error()
}
