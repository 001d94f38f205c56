package consensus

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// announcer tells followers the commit index soon after writes have stopped. Left to itself raft sends every follower
// of every group a message each CommitTimeout, for ever, so that followers learn it about as soon; with this the
// timeout may be long. It sends what a leader might send at any time: an append without entries, after the last entry
// the follower is known to have.
type announcer struct {
	armed atomic.Bool

	mu   sync.Mutex
	told map[raft.ServerID]told
	// changed is closed when told changes; nil while nobody waits.
	changed chan struct{}
}

// told is what a follower last confirmed.
type told struct {
	term       uint64 // of the leader
	index      uint64 // last entry known to be there
	entryTerm  uint64
	commit     uint64
	at         time.Time
	announcing bool
}

// note remembers a confirmed append.
func (a *announcer) note(id raft.ServerID, q *raft.AppendEntriesRequest) {
	now := told{term: q.Term, index: q.PrevLogEntry, entryTerm: q.PrevLogTerm, commit: q.LeaderCommitIndex, at: time.Now()}
	if n := len(q.Entries); n > 0 {
		now.index, now.entryTerm = q.Entries[n-1].Index, q.Entries[n-1].Term
	}
	if now.index == 0 {
		return // a heartbeat
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told == nil {
		a.told = map[raft.ServerID]told{}
	}
	if before := a.told[id]; before.term == now.term {
		now.commit = max(now.commit, before.commit) // answers may come out of order
		now.announcing = before.announcing
		if before.index > now.index {
			now.index, now.entryTerm = before.index, before.entryTerm
		}
	}
	a.told[id] = now
	a.wake()
}

// wake tells those who wait that told has changed. mu is held.
func (a *announcer) wake() {
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// knows tells whether a follower of a leader's term has confirmed a commit index; if not, changed is closed when that
// is to be asked again.
func (a *announcer) knows(term, index uint64) (known bool, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.told {
		if t.term == term && t.commit >= index {
			return true, nil
		}
	}
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	return false, a.changed
}

// due gives the followers to tell of the commit index, and marks them so; again is whether others may be due later:
// those that have just got an append, unless it is urgent.
func (a *announcer) due(term, commit uint64, urgent bool) (all map[raft.ServerID]told, again bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all = map[raft.ServerID]told{}
	for id, t := range a.told {
		switch {
		case t.term != term || t.announcing || t.commit >= min(commit, t.index):
		case !urgent && time.Since(t.at) < announceAfter:
			again = true // the next append is likely to carry it
		default:
			t.announcing = true
			a.told[id] = t
			all[id] = t
		}
	}
	return all, again
}

func (a *announcer) done(id raft.ServerID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := a.told[id]; ok {
		t.announcing = false
		a.told[id] = t
	}
	a.wake()
}

// AwaitKnown returns when a follower knows that the entry at index is committed. The entry is committed before that,
// but only this leader knows it: were it to fall silent, no other replica could show the entry until a new leader
// is there. It gives up after knownWait, for a group may have no follower that answers.
func (g *Group) AwaitKnown(ctx context.Context, index uint64) {
	if g.link == nil || g.alone() {
		return
	}
	timer := time.NewTimer(knownWait)
	defer timer.Stop()
	for {
		ready, ok := g.leadership()
		if !ok {
			return
		}
		known, changed := g.announcer.knows(ready.term, index)
		if known {
			return
		}
		g.tell(ready, true)
		select {
		case <-changed:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-g.failure.failed:
			return
		}
	}
}

// committed is called when entries were applied.
func (g *Group) committed() {
	if g.link != nil && g.ready.Load() != nil && g.announcer.armed.CompareAndSwap(false, true) {
		time.AfterFunc(announceAfter, g.announce)
	}
}

func (g *Group) announce() {
	g.announcer.armed.Store(false)
	ready, ok := g.leadership()
	if !ok || g.ctx.Err() != nil {
		return
	}
	if g.tell(ready, false) {
		g.committed()
	}
}

// tell tells followers of the commit index; true if others may be due later.
func (g *Group) tell(ready readiness, urgent bool) (again bool) {
	commit := g.raft.CommitIndex()
	followers, again := g.announcer.due(ready.term, commit, urgent)
	self := []byte(g.cfg.ID)
	for id, t := range followers {
		go func() {
			defer g.announcer.done(id)
			// The answer is noted by the transport; without one the CommitTimeout tells it later.
			_ = g.via.AppendEntries(id, raft.ServerAddress(id), &raft.AppendEntriesRequest{
				RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: self, Addr: self},
				Term:      ready.term, Leader: self,
				PrevLogEntry: t.index, PrevLogTerm: t.entryTerm, LeaderCommitIndex: min(commit, t.index),
			}, &raft.AppendEntriesResponse{})
		}()
	}
	return again
}
