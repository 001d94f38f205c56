package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// load runs until ctx ends and everything it has sent is answered, or given up by its own limit.
func (s *session) load(ctx context.Context) {
	var running sync.WaitGroup
	// Writes that were checked searched already.
	searches := max(1, s.cfg.searches-s.cfg.writes/checkOneIn)
	running.Go(func() { s.open(ctx, searches, s.searchOnce) })
	running.Go(func() { s.open(ctx, s.cfg.writes, s.writeOnce) })
	running.Go(func() { s.sample(ctx) })
	if s.cfg.rots() {
		running.Go(func() { s.open(ctx, corpusRate, s.searchCorpus) })
	}
	for client := range hotClients {
		running.Go(func() { s.hot.play(ctx, client) })
	}
	running.Wait()
}

// open starts so many requests a second until ctx ends, and returns when all are over. Each is told when it was due.
func (s *session) open(ctx context.Context, rate int, do func(ctx context.Context, due time.Time)) {
	var running sync.WaitGroup
	defer running.Wait()
	var atOnce atomic.Int64
	every := time.Second / time.Duration(rate)
	due := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		for ; !due.After(time.Now()); due = due.Add(every) {
			if atOnce.Load() >= maxAtOnce {
				s.tally.drop()
				continue
			}
			atOnce.Add(1)
			this := due
			running.Go(func() {
				defer atOnce.Add(-1)
				do(ctx, this)
			})
		}
		timer.Reset(time.Until(due))
	}
}

// writeOnce makes a write of the load. It is not broken off when the run ends: an outcome that is only unknown because
// we did not wait proves nothing.
func (s *session) writeOnce(ctx context.Context, _ time.Time) {
	ctx = context.WithoutCancel(ctx)
	k, what := s.choose()
	defer k.unlock()
	before := k.present()
	r := s.write(ctx, k, what)
	switch {
	case r.outcome == acknowledged && s.intn(checkOneIn) == 0:
		s.checkVisible(ctx, k, r, before)
	case r.outcome == conflict:
		// What is there must have been written by somebody, and is known from now on.
		s.readKey(ctx, k)
	}
}

// choose gives a locked key and what to do to it: half of the writes make new ones.
func (s *session) choose() (*key, kind) {
	n := s.intn(20)
	if n >= 10 {
		if k := s.keys.pick(s.intn); k != nil {
			there := k.present().exists
			switch {
			case n < 13 && there:
				return k, kindReplaceIf
			case n < 13:
				return k, kindCreate
			case n < 15:
				return k, kindDelete
			}
			return k, kindIndex
		}
	}
	k := s.keys.add(fmt.Sprintf("k%d", s.serial.Add(1)))
	if n%2 == 0 {
		return k, kindCreate
	}
	return k, kindIndex
}

// sample reads some keys every now and then.
func (s *session) sample(ctx context.Context) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for range sampleKeys {
			if k := s.keys.pick(s.intn); k != nil {
				s.readKey(ctx, k)
				k.unlock()
			}
		}
	}
}

// readKey reads a locked key and judges what it holds. It tells whether there was an answer.
func (s *session) readKey(ctx context.Context, k *key) bool {
	got, err := s.read(ctx, k.id)
	if ctx.Err() != nil {
		return false // the run is over
	}
	if err != nil {
		s.tally.unread(err)
		return false
	}
	if err := k.judge(got); err != nil {
		s.tally.lose(k.id, err)
	}
	return true
}
