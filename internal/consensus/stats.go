package consensus

import "strconv"

// Stats is a view of one replica at about one moment.
type Stats struct {
	State         string // Leader, Follower, Candidate or Shutdown
	Leader        string // id, empty when unknown
	Term          uint64
	CommitIndex   uint64
	AppliedIndex  uint64 // nothing up to it is left to apply; AppliedIndex of the group, or later by raft's own entries
	DurableIndex  uint64 // last command the machine reported durable
	FirstIndex    uint64 // of the log; 0 when empty
	LastIndex     uint64
	SnapshotIndex uint64
	Failed        string // reason, empty while it works
	Members       []Server
}

// LogEntries is the number of entries the log holds.
func (s Stats) LogEntries() uint64 {
	if s.FirstIndex == 0 {
		return 0
	}
	return s.LastIndex - s.FirstIndex + 1
}

// end is the replica's last entry, which may be in the snapshot only.
func (s Stats) end() uint64 { return max(s.LastIndex, s.SnapshotIndex) }

// Stats gives the replica's present figures.
func (g *Group) Stats() Stats {
	s := Stats{
		State: g.raft.State().String(), Term: g.raft.CurrentTerm(), CommitIndex: g.raft.CommitIndex(),
		AppliedIndex: g.passed(), DurableIndex: g.durable.Load(),
	}
	s.Leader, _ = g.Leader()
	// These two are kept in memory by the store and can't fail.
	s.FirstIndex, _ = g.guard.store.FirstIndex()
	s.LastIndex, _ = g.guard.store.LastIndex()
	if n, err := strconv.ParseUint(g.raft.Stats()["last_snapshot_index"], 10, 64); err == nil {
		s.SnapshotIndex = n
	}
	s.Members = g.Servers()
	if err := g.failure.err(); err != nil {
		s.Failed = err.Error()
	}
	return s
}
