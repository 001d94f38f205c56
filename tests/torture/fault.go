package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// injury is a kind of fault.
type injury string

const (
	injuryKill      injury = "kill"      // kill -9, and a start after a while
	injuryPause     injury = "pause"     // SIGSTOP, and SIGCONT after a while
	injuryPartition injury = "partition" // cut off from all others for a while
	injuryMove      injury = "move"      // kill -9, and a start at other addresses
	injuryStop      injury = "stop"      // SIGTERM, and a start
	injuryFlip      injury = "flip"      // bits of its files flip while it serves
	injuryRot       injury = "rot"       // kill -9, bits of its files flip, and a start
)

// rotInjuries damage files. They come only when they are asked for, since nodes must then verify theirs all the time.
func rotInjuries() []injury { return []injury{injuryFlip, injuryRot} }

// allInjuries gives every other kind.
func allInjuries() []injury {
	return []injury{injuryKill, injuryPause, injuryPartition, injuryMove, injuryStop}
}

// fault is one to come. Who is hit is decided when it comes: leaders are not known before.
type fault struct {
	injury injury
	role   string
	// leader hits the leader of the metadata, or the node that leads most shards; otherwise any node of the role.
	leader bool
	// lasts is how long a node is away, rest how long all is well afterwards.
	lasts, rest time.Duration
	// pick chooses among the nodes of the role.
	pick int
}

func (f fault) String() string {
	which := "a " + f.role
	if f.leader {
		which = "the leading " + f.role
	}
	return fmt.Sprintf("%s of %s for %s", f.injury, which, f.lasts.Round(100*time.Millisecond))
}

// schedule deals faults: every injury of every role comes once, in an order that the seed gives, before any comes
// again. Two schedules of a seed are alike.
type schedule struct {
	random *rand.Rand
	kinds  []fault
	deck   []fault
}

func newSchedule(seed uint64, injuries []injury, gateways bool) *schedule {
	s := &schedule{random: rand.New(rand.NewPCG(seed, 2))}
	for _, i := range injuries {
		onShards := []fault{{injury: i, role: "shard", leader: true}, {injury: i, role: "shard"}}
		if slices.Contains(rotInjuries(), i) {
			s.kinds = append(s.kinds, onShards...) // the others have no segments
			continue
		}
		s.kinds = append(append(s.kinds, fault{injury: i, role: "coordinator", leader: true}), onShards...)
		if gateways {
			s.kinds = append(s.kinds, fault{injury: i, role: "gateway"})
		}
	}
	if !slices.Contains(rotInjuries(), injuries[0]) {
		s.kinds = append(s.kinds, fault{injury: injuries[0], role: "coordinator"})
	}
	return s
}

func (s *schedule) next() fault {
	if len(s.deck) == 0 {
		for _, i := range s.random.Perm(len(s.kinds)) {
			s.deck = append(s.deck, s.kinds[i])
		}
	}
	f := s.deck[0]
	s.deck = s.deck[1:]
	f.pick = s.random.IntN(1 << 16)
	f.lasts = time.Second + time.Duration(s.random.Int64N(int64(7*time.Second)))
	if f.injury == injuryMove {
		f.lasts /= 4
	}
	f.rest = time.Second + time.Duration(s.random.Int64N(int64(2*time.Second)))
	return f
}

// suffering is which node suffers what now, and which did last.
type suffering struct {
	mu    sync.Mutex
	node  string
	text  string
	until time.Time // of the last node; zero while it suffers
}

func (s *suffering) begin(node, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node, s.text, s.until = node, text, time.Time{}
}

func (s *suffering) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Now()
}

// touched tells whether a node has suffered at any moment since a time.
func (s *suffering) touched(node string, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return node == s.node && (s.until.IsZero() || s.until.After(since))
}

// String tells of the present fault, or how long ago the last one ended.
func (s *suffering) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.node == "":
		return "before the first fault"
	case s.until.IsZero():
		return "during " + s.text
	}
	return fmt.Sprintf("%.1fs after %s", time.Since(s.until).Seconds(), s.text)
}
