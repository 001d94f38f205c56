package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/consensus"
	"sagasu/internal/obs"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// repairs is what the replicas of a host share when they are repaired: how many at once, and what came of it.
type repairs struct {
	places     chan struct{}
	outcomes   *prometheus.CounterVec
	bytes      prometheus.Counter
	registry   prometheus.Registerer
	registered []prometheus.Collector
}

// The outcomes of one attempt to repair a replica from one other node.
const (
	outcomeRepaired      = "repaired"
	outcomeSourceDamaged = "source_damaged"
	outcomeSourceBehind  = "source_behind"
	outcomeFailed        = "failed"
	// outcomeNoSource is counted when no other node has a copy that could be asked.
	outcomeNoSource = "no_source"
)

func newRepairs(registry prometheus.Registerer) (*repairs, error) {
	r := &repairs{
		places: make(chan struct{}, maxRepairs),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sagasu_repairs_total",
			Help: "Attempts to repair a damaged replica from another node's, by what came of them.",
		}, []string{"outcome"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sagasu_repair_bytes_total", Help: "Bytes of other nodes' files that took the place of damaged ones.",
		}),
		registry: registry,
	}
	for _, o := range []string{
		outcomeRepaired, outcomeSourceDamaged, outcomeSourceBehind, outcomeFailed, outcomeNoSource,
	} {
		r.outcomes.WithLabelValues(o)
	}
	r.registered = []prometheus.Collector{r.outcomes, r.bytes}
	if err := obs.Register(registry, r.registered); err != nil {
		return nil, fmt.Errorf("register metrics of repairs: %w", err)
	}
	return r, nil
}

func (r *repairs) close() { obs.Unregister(r.registry, r.registered) }

// mending is the repair of one replica.
type mending struct {
	// cause is why it is needed.
	cause error
	// rest is until when a node is not asked, since its files were found to be damaged; up to its own goroutine.
	rest map[string]time.Time

	// mu guards from, the node that is asked now, "" for none.
	mu   sync.Mutex
	from string
}

func (m *mending) ask(node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.from = node
}

// info tells of the repair, for those who list replicas.
func (s *hosted) repairInfo() rpc.RepairInfo {
	s.mu.Lock()
	m := s.mending
	s.mu.Unlock()
	if m == nil {
		return rpc.RepairInfo{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	info := rpc.RepairInfo{Reason: m.cause.Error(), From: m.from}
	if m.from != "" {
		info.Bytes, info.Total = s.valve.progress()
	}
	return info
}

func (s *hosted) setMending(m *mending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mending = m
}

// repair replaces damaged files by those of another node's replica, and tries until it could; true if it did, and the
// replica is to be opened. False if there is nothing to repair it from, or it is not to be any more. Meanwhile the
// replica is not open: it answers nothing and gives no votes.
func (s *hosted) repair(ctx context.Context, cause error) bool {
	if s.host.cfg.Peers == nil || !replica.Damaged(cause) {
		return false
	}
	m := &mending{cause: cause, rest: map[string]time.Time{}}
	s.setMending(m)
	defer s.setMending(nil)
	waits := patience{}
	for {
		want, gone := s.wanted()
		sources := s.others(want)
		// A group that is not founded has no other copy yet.
		if ctx.Err() != nil || gone != keep || !want.Founded || len(sources) == 0 {
			return false
		}
		began := s.host.cfg.Now()
		err := s.repairOnce(ctx, m, want, sources)
		if err == nil {
			return true
		}
		s.setOpen(nil, fmt.Errorf("%w; it can't be repaired: %w", cause, err))
		if ctx.Err() == nil {
			s.host.cfg.Logger.Error("replica can't be repaired, it is tried again", "shard", s.id, "index", want.Index,
				"error", err)
		}
		s.rest(ctx, waits.next(s.host.cfg.Now().Sub(began)))
	}
}

// others are the nodes that have, or are to have, another copy.
func (s *hosted) others(want Assignment) []string {
	return slices.DeleteFunc(slices.Clone(want.Nodes), func(node string) bool { return node == s.host.cfg.Node })
}

// repairOnce asks the other nodes, the best first, until one's files could be taken.
func (s *hosted) repairOnce(ctx context.Context, m *mending, want Assignment, sources []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go s.endWhenGone(ctx, cancel)
	select {
	case s.host.repairs.places <- struct{}{}:
		defer func() { <-s.host.repairs.places }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ranked, errs := s.rank(ctx, m, sources)
	if len(ranked) == 0 {
		s.host.repairs.outcomes.WithLabelValues(outcomeNoSource).Inc()
	}
	for _, node := range ranked {
		err := s.repairFrom(ctx, m, want, node)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
	return errors.Join(errs...)
}

// rank gives the nodes whose copy is well: followers before the leader, which has enough to do, and those that have
// not caught up last. It tells what is wrong with the others.
func (s *hosted) rank(ctx context.Context, m *mending, sources []string) (nodes []string, errs []error) {
	ranks := map[string]int{}
	for _, node := range sources {
		if s.host.cfg.Now().Before(m.rest[node]) {
			errs = append(errs, fmt.Errorf("node %s: %w", node, replica.ErrCopyDamaged))
			continue
		}
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		info, _, err := s.host.cfg.Peers.Info(asking, node, rpc.Call{Shard: s.id})
		cancel()
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case info.Failed != "":
			errs = append(errs, fmt.Errorf("node %s has none that works: %s", node, info.Failed))
			continue
		case info.LeaderHere:
			ranks[node] = 1
		case info.Leader == "":
			ranks[node] = 2
		}
		nodes = append(nodes, node)
	}
	slices.SortStableFunc(nodes, func(a, b string) int { return ranks[a] - ranks[b] })
	return nodes, errs
}

func (s *hosted) repairFrom(ctx context.Context, m *mending, want Assignment, node string) error {
	m.ask(node)
	defer m.ask("")
	log := s.host.cfg.Logger.With("shard", s.id, "index", want.Index, "from", node)
	s.setOpen(nil, fmt.Errorf("it is being repaired from node %s: %w", node, m.cause))
	log.Warn("replica is damaged and is being repaired", "reason", m.cause)
	began := s.host.cfg.Now()
	done, err := replica.Repair(ctx, s.configOf(want), node)
	s.host.repairs.outcomes.WithLabelValues(outcomeOf(err)).Inc()
	if err != nil {
		if errors.Is(err, replica.ErrCopyDamaged) {
			m.rest[node] = s.host.cfg.Now().Add(damagedSourceRest)
		}
		return err
	}
	bytes, _ := s.valve.progress()
	s.host.repairs.bytes.Add(float64(bytes))
	log.Warn("replica repaired", "bytes", bytes, "entry", done.Index, "took", s.host.cfg.Now().Sub(began),
		"damaged_files", done.Aside)
	return nil
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return outcomeRepaired
	case errors.Is(err, replica.ErrCopyDamaged):
		return outcomeSourceDamaged
	case errors.Is(err, consensus.ErrStateBehind):
		return outcomeSourceBehind
	}
	return outcomeFailed
}

// patience is how long to wait before something is tried again that costs much.
type patience struct{ failures int }

// next gives the pause after an attempt that took some time: twice the last one up to maxReopenPause, and enough that
// the attempts take a small share of the time.
func (p *patience) next(took time.Duration) time.Duration {
	pause := maxReopenPause
	if p.failures < 8 {
		pause = min(pause, reopenPause<<p.failures)
	}
	p.failures++
	return max(pause, openShare*took)
}
