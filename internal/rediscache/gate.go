package rediscache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// gate lets calls through to the server while that answers. It starts closed; a goroutine connects and opens it, and
// probes the server whenever it has closed.
type gate struct {
	cfg     *Config
	connect func() (server, error)
	metrics *metrics

	// open is the server while calls are let through, else nil.
	open atomic.Pointer[opened]
	// score is what failures have come to.
	score atomic.Int64
	// closed wakes the prober.
	closed chan struct{}

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// opened is a server that answers.
type opened struct{ server server }

func newGate(cfg *Config, m *metrics, connect func() (server, error)) *gate {
	g := &gate{cfg: cfg, connect: connect, metrics: m, closed: make(chan struct{}, 1)}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.closed <- struct{}{}
	g.running.Go(g.attend)
	return g
}

// pass runs f on the server, with a deadline, and reports whether it was answered. what names the call in metrics. A
// call that the server refused for itself alone, such as one for lack of memory, says nothing of others.
func (g *gate) pass(
	ctx context.Context, what string, timeout time.Duration, f func(context.Context, server) error,
) bool {
	open := g.open.Load()
	if open == nil {
		g.metrics.bypassed[what].Inc()
		return false
	}
	call, cancel := context.WithTimeout(ctx, timeout)
	err := f(call, open.server)
	cancel()
	if err == nil {
		if g.score.Load() > 0 {
			g.score.Add(-1)
		}
		return true
	}
	if ctx.Err() != nil {
		return false // who called left, which is not the server's fault
	}
	g.metrics.bypassed[what].Inc()
	reason := reasonOf(err)
	g.metrics.errors.WithLabelValues(reason).Inc()
	if reason != reasonFull && reason != reasonReply && g.score.Add(failureWeight) >= failureLimit {
		g.shut(open, fmt.Errorf("%s: %w", what, err))
	}
	return false
}

// shut closes the gate, unless somebody has.
func (g *gate) shut(open *opened, err error) {
	if !g.open.CompareAndSwap(open, nil) {
		return
	}
	g.metrics.available.Set(0)
	g.cfg.Logger.Warn("Redis is bypassed", "addresses", g.cfg.Addresses, "error", err)
	g.closed <- struct{}{}
}

// attend opens the gate again whenever it has closed, until the end.
func (g *gate) attend() {
	var s server
	defer func() {
		if s != nil {
			s.close()
		}
	}()
	var since time.Time
	pause := time.Duration(0)
	for {
		select {
		case <-g.closed:
		case <-g.ctx.Done():
			return
		}
		start := g.cfg.Now()
		if start.Sub(since) > steady {
			pause = 0
		}
		if s, pause = g.recover(s, pause); g.ctx.Err() != nil {
			return
		}
		g.score.Store(0)
		g.metrics.available.Set(1)
		since = g.cfg.Now()
		g.cfg.Logger.Info("Redis is used", "addresses", g.cfg.Addresses, "after", since.Sub(start))
		g.open.Store(&opened{s})
	}
}

// recover connects if s is nil, and probes until the server answers in time or the gate ends. pause is how long to
// wait before the first try; the result is that of the next time.
func (g *gate) recover(s server, pause time.Duration) (server, time.Duration) {
	said := false
	for ; g.wait(pause); pause = min(max(2*pause, firstPause), lastPause) {
		var err error
		if s == nil {
			s, err = g.connect()
		}
		for passed := 0; err == nil && passed < probesWanted; passed++ {
			err = g.probe(s)
		}
		if err == nil {
			break
		}
		if !said && g.ctx.Err() == nil {
			said = true
			g.cfg.Logger.Warn("Redis does not answer", "addresses", g.cfg.Addresses, "error", err)
		}
	}
	return s, min(max(2*pause, firstPause), lastPause)
}

// wait pauses, a little more or less so that gateways which lost the server together come back one by one. It reports
// false at the end.
func (g *gate) wait(pause time.Duration) bool {
	if pause > 0 {
		timer := time.NewTimer(pause/2 + rand.N(pause))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-g.ctx.Done():
		}
	}
	return g.ctx.Err() == nil
}

// probe asks as a search would, so that a server which is only slow or refuses us is not taken for one of use.
func (g *gate) probe(s server) error {
	ctx, cancel := context.WithTimeout(g.ctx, g.cfg.Timeout)
	defer cancel()
	if _, err := s.get(ctx, []string{g.cfg.Prefix + "probe"}); err != nil {
		return fmt.Errorf("probe Redis: %w", err)
	}
	return nil
}

// end closes the gate for good.
func (g *gate) end() {
	g.cancel()
	g.running.Wait()
	g.open.Store(nil)
}
