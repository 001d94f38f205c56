package replica

import (
	"sync"
	"time"
)

// lags remembers how many documents wait, because counting looks at each document, and searches ask.
type lags struct {
	mu    sync.Mutex
	known map[lagKey]int
}

// lagKey is what a number of documents that wait depends on: how far a worker is, and the documents.
type lagKey struct{ done, last uint64 }

// maxLags bounds the numbers that are remembered: those of a few workers.
const maxLags = 16

// lagBehind counts the live documents behind a version.
func (r *Replica) lagBehind(done uint64) int {
	last := r.machine.version.Load()
	if done >= last {
		return 0
	}
	key := lagKey{done, last}
	r.lags.mu.Lock()
	defer r.lags.mu.Unlock()
	if n, ok := r.lags.known[key]; ok {
		return n
	}
	snap := r.sparse.Snapshot()
	defer snap.Release()
	n := snap.CountAfter(done)
	if r.lags.known == nil || len(r.lags.known) >= maxLags {
		r.lags.known = map[lagKey]int{}
	}
	r.lags.known[key] = n
	return n
}

// lag is the number of documents whose vector of a generation can't be found yet.
func (r *Replica) lag(generation int) int {
	done, ok := r.done(generation)
	if !ok {
		return 0
	}
	worker := embedName(generation)
	if r.cfg.Collection != nil {
		worker = feedName(generation)
	}
	if r.reach(worker).Load() >= r.machine.version.Load() {
		return 0
	}
	return r.lagBehind(done)
}

// DenseLag is the number of documents whose vector can't be found yet; 0 without a dense leg.
func (r *Replica) DenseLag() int {
	config, ok := r.current()
	if !ok {
		return 0
	}
	return r.lag(config.Generation)
}

// denseAge is about how long the oldest of them waits.
func (r *Replica) denseAge() time.Duration {
	config, ok := r.current()
	if !ok {
		return 0
	}
	return r.age(config.Generation)
}

func (r *Replica) age(generation int) time.Duration {
	if r.lag(generation) == 0 {
		return 0
	}
	done, _ := r.done(generation)
	return r.machine.ages.since(done + 1)
}
