package shard

import (
	"slices"
	"strings"
)

// ReplicaReport is how a replica of this node is, for whoever decides where replicas belong.
type ReplicaReport struct {
	Shard string `json:"shard"`
	// Serving tells that it answers searches, Leads that it takes writes.
	Serving bool `json:"serving"`
	Leads   bool `json:"leads"`
	// Applied is the log index up to which it shows everything.
	Applied uint64 `json:"applied"`
	// Bytes is the size of its files.
	Bytes int64 `json:"bytes"`
	// ReadsPerSecond are the calls that read from it, over about the last minute.
	ReadsPerSecond float64 `json:"reads_per_second"`
	// Copied of ToCopy bytes of its files are here, while another's are copied, and afterwards.
	Copied int64 `json:"copied"`
	ToCopy int64 `json:"to_copy"`
	// Trouble is why it does not serve, "" if it does.
	Trouble string `json:"trouble,omitempty"`
}

// Report tells of the replicas of some shards that are on this node, of all for none, by shard.
func (h *Host) Report(shards ...string) ([]ReplicaReport, error) {
	h.mu.RLock()
	var of []*hosted
	for id, s := range h.shards {
		if len(shards) == 0 || slices.Contains(shards, id) {
			of = append(of, s)
		}
	}
	h.mu.RUnlock()
	slices.SortFunc(of, func(a, b *hosted) int { return strings.Compare(a.id, b.id) })
	out := make([]ReplicaReport, 0, len(of))
	for _, s := range of {
		if s.ended() {
			continue
		}
		r, err := s.report()
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (s *hosted) report() (ReplicaReport, error) {
	r := ReplicaReport{Shard: s.id, ReadsPerSecond: s.reads.rate(s.host.cfg.Now())}
	r.Copied, r.ToCopy = s.valve.progress()
	open, _, trouble := s.lease()
	switch {
	case open == nil && trouble != nil:
		r.Trouble = trouble.Error()
	case open == nil:
		r.Trouble = errNotOpen.Error()
	case open.replica.Err() != nil:
		r.Trouble = open.replica.Err().Error()
	case !open.replica.CaughtUp():
		r.Trouble = "it has not caught up with its group"
	default:
		r.Serving = true
	}
	if open != nil {
		r.Applied = open.replica.Applied()
		_, _, r.Leads = open.replica.Leadership()
	}
	var err error
	r.Bytes, err = diskUse(s.dir())
	return r, err
}

// Leading is the number of groups that this node leads.
func (h *Host) Leading() (n int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, s := range h.shards {
		if open, _, _ := s.lease(); open != nil && open.replica.Group().IsLeader() {
			n++
		}
	}
	return n
}

// InFlight is the number of calls to this node's replicas that are under way.
func (h *Host) InFlight() int { return int(h.calls.Load()) }
