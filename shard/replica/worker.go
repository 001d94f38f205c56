package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"sagasu/api"
	"sagasu/internal/dense/vectorfile"
	"sagasu/sparse"
)

// common is what all workers of a replica work with.
type common struct {
	index, shard string
	schema       api.Schema
	sparse       *sparse.Index
	machine      *machine
	state        *state
	vectors      *vectors
	log          proposer
	after        func(time.Duration) <-chan time.Time
	now          func() time.Time
	logger       *slog.Logger
	metrics      *metrics
}

// propose puts an entry into the log and returns when it is applied.
func (c *common) propose(ctx context.Context, typ, version uint16, payload []byte) error {
	_, _, err := propose(ctx, c.log, typ, version, payload)
	return err
}

// move commits a consumer's progress.
func (c *common) move(ctx context.Context, m *consumerMove) error {
	if err := c.propose(ctx, typeConsumer, 1, encodeMove(m)); err != nil {
		return fmt.Errorf("commit progress of %s: %w", m.name, err)
	}
	return nil
}

// loop runs the rounds of one worker: again at once while there is something to do, when something was applied
// otherwise, and after a pause when a round failed. It keeps nothing that a restart could lose: what was not
// committed is done again.
type loop struct {
	*common
	name string
	// idle is how long it waits at most for something to do, 0 for ever; most is the longest pause after failures.
	idle, most time.Duration
	// trouble is why the last round failed; nil after one that did not.
	trouble atomic.Pointer[string]
}

// run calls round until ctx ends. It tells whether there may be more to do.
func (l *loop) run(ctx context.Context, round func(ctx context.Context) (more bool, err error)) {
	failures := 0
	for ctx.Err() == nil {
		rung := l.machine.bell.next()
		more, err := round(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			l.report(err, failures)
			l.pause(ctx, backoff(failures, l.most))
		default:
			failures = 0
			l.trouble.Store(nil)
			if !more {
				l.rest(ctx, rung)
			}
		}
	}
}

func (l *loop) pause(ctx context.Context, d time.Duration) {
	select {
	case <-l.after(d):
	case <-ctx.Done():
	}
}

// rest waits until something was applied.
func (l *loop) rest(ctx context.Context, rung <-chan struct{}) {
	var timer <-chan time.Time
	if l.idle > 0 {
		timer = l.after(l.idle)
	}
	select {
	case <-rung:
	case <-timer:
	case <-ctx.Done():
	}
}

func (l *loop) report(err error, failures int) {
	text := err.Error()
	l.trouble.Store(&text)
	l.metrics.denseErrors.Inc()
	if errors.Is(err, vectorfile.ErrCorrupt) {
		l.machine.stop(err) // it does not get better by waiting
	}
	// The first failure of a row is worth a warning; the metrics tell about the others.
	if failures == 1 && !errors.Is(err, ErrNotLeader) {
		l.logger.Warn("worker waits and repeats", "worker", l.name, "shard", l.shard, "error", err)
	}
}

// held is why the worker is held up, "" if it isn't.
func (l *loop) held() string {
	if text := l.trouble.Load(); text != nil {
		return l.name + ": " + *text
	}
	return ""
}

// backoff doubles from minBackoff to most and takes a random time between half of that and all.
func backoff(failures int, most time.Duration) time.Duration {
	d := most
	if shift := failures - 1; shift < 8 {
		d = min(most, minBackoff<<shift)
	}
	return d/2 + rand.N(d/2)
}
