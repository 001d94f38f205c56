package route

import (
	"context"
	"fmt"
	"time"

	"sagasu/coordinator/query"
)

// won notes the answer that ends the flight.
func (f *flight[T]) won(out outcome[T]) {
	m := f.router.metrics
	// The attempt's own time, not the flight's: waiting for the first copy must not make the next flights
	// wait longer.
	f.router.windows[f.kind].observe(out.took, out.start.Add(out.took))
	raise(&f.shard.reached, out.mark.Applied)
	if out.mark.Service > 0 {
		m.byKind[f.kind].overhead.Observe((f.since() - out.mark.Service).Seconds())
	}
	if out.hedge {
		m.hedges.WithLabelValues(hedgeWon).Inc()
		f.hedged = false
	}
	if out.mark.Epoch > f.view.Epoch {
		f.tellStale(out.mark.Epoch)
	}
}

// settle counts a hedge that did not win.
func (f *flight[T]) settle() {
	if f.hedged {
		f.router.metrics.hedges.WithLabelValues(hedgeWasted).Inc()
	}
}

// failed decides what follows a failure: nil to wait on, or the error that ends the flight.
func (f *flight[T]) failed(ctx context.Context, out outcome[T]) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ask shard %s: %w", f.view.ID, err)
	}
	if query.Final(out.err) {
		return out.err
	}
	if epoch, ok := staleEpoch(out.err); ok {
		f.router.metrics.stale.Inc()
		if epoch > f.view.Epoch {
			f.stale = max(f.stale, epoch)
			f.tellStale(epoch)
		}
	}
	if len(f.flying) > 0 {
		// Another copy has been asked already.
		return nil
	}
	if f.stale > f.view.Epoch && f.refresh(ctx) {
		f.router.metrics.retries.WithLabelValues(reasonStale).Inc()
		f.launch(ctx, f.choose(), false)
		return nil
	}
	if !f.again(ctx, f.router.reason(out.err)) {
		return out.err
	}
	return nil
}

// again asks another copy because of that reason, if there is one and the budget allows.
func (f *flight[T]) again(ctx context.Context, reason string) bool {
	if len(f.untried) == 0 {
		return false
	}
	if !f.router.retries.take(0) {
		f.router.metrics.denied.Inc()
		return false
	}
	f.router.metrics.retries.WithLabelValues(reason).Inc()
	f.launch(ctx, f.choose(), false)
	return true
}

// late asks another copy, as the ones asked have not answered in time.
func (f *flight[T]) late(ctx context.Context) {
	switch since := f.since(); {
	case since >= f.stuckAt:
		f.stuckAt = never
		now := f.router.cfg.Now()
		for _, a := range f.flying {
			if now.Sub(a.start) >= stuckAfter && a.node.suspect(now) {
				a.avoided(reasonSlow)
			}
		}
		f.again(ctx, reasonSlow)
	case since >= f.hedgeAt:
		f.hedgeAt = never
		f.hedge(ctx)
	}
}

// hedge asks a second copy, if there is one that is in order and the budget allows. If it does not, it is
// asked again when the call is very late, and each time that has doubled.
func (f *flight[T]) hedge(ctx context.Context) {
	var few [8]candidate
	candidates := f.candidates(few[:0])
	at := choose(candidates, f.router.cfg.Rand)
	if candidates[at].tier == tierSuspect {
		return
	}
	waited := f.router.cfg.Now().Sub(f.flying[0].start)
	reserve := 0.0
	if waited < veryLate*f.delay {
		reserve = hedgeReserve * float64(f.router.cfg.HedgeBurst)
	}
	if !f.router.hedges.take(reserve) {
		if !f.denied {
			f.router.metrics.hedges.WithLabelValues(hedgeDenied).Inc()
		}
		f.denied = true
		f.hedgeAt = f.since() + max(veryLate*f.delay-waited, waited)
		return
	}
	f.hedged = true
	f.launch(ctx, at, true)
}

// tellStale tells that a replica knows a newer epoch than the view.
func (f *flight[T]) tellStale(epoch uint64) {
	if f.router.cfg.OnStale != nil {
		f.router.cfg.OnStale(f.view.ID, epoch)
	}
}

// refresh waits, once a flight and at most half of what is left, for a newer view. It reports whether there
// is one; then all its copies are untried.
func (f *flight[T]) refresh(ctx context.Context) bool {
	if f.refreshed || f.router.cfg.Refresh == nil {
		return false
	}
	f.refreshed = true
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	view, ok := f.router.cfg.Refresh(ctx, f.view.ID, f.stale)
	if !ok || view.Epoch <= f.view.Epoch || len(view.Copies) == 0 {
		return false
	}
	f.shard.view.Store(&view)
	f.see(&view)
	return true
}
