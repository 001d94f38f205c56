package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
)

// workers are those of a leader, for as long as it leads and the metadata want the same.
type workers struct {
	steward *loop
	embed   map[int]*embedWorker
	feed    map[int]*feedWorker
	ledger  *ledgerWorker
}

// lead runs the workers whenever this replica leads.
func (r *Replica) lead(ctx context.Context) {
	changes := r.group.LeaderChanges()
	leading := r.group.IsLeader()
	for ctx.Err() == nil {
		term, end := context.WithCancel(ctx)
		var running sync.WaitGroup
		if leading {
			running.Go(func() { r.work(term, r.wanted.Load()) })
		}
		select {
		case leading = <-changes:
		case <-r.rewanted:
		case <-ctx.Done():
		}
		end()
		running.Wait()
		r.workers.Store(nil)
	}
}

// work brings the generations to what is wanted, and then runs the workers.
func (r *Replica) work(ctx context.Context, want *Wanted) {
	common := r.common()
	all := &workers{
		steward: &loop{common: common, name: "generations", most: embedBackoff},
		embed:   map[int]*embedWorker{}, feed: map[int]*feedWorker{},
	}
	for _, config := range want.configs() {
		all.embed[config.Generation] = r.newEmbedWorker(common, config)
		if r.cfg.Collection != nil {
			all.feed[config.Generation] = r.newFeedWorker(common, config, want)
		}
	}
	if r.cfg.Ledger != nil {
		all.ledger = r.newLedgerWorker(common)
	}
	r.workers.Store(all)
	if !r.arrange(ctx, all.steward, want) {
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	for _, w := range all.embed {
		running.Go(func() { w.run(ctx, w.round) })
	}
	for _, w := range all.feed {
		running.Go(func() { w.work(ctx) })
	}
	if w := all.ledger; w != nil {
		running.Go(func() { w.run(ctx, w.round) })
	}
}

var errMixed = errors.New("the workers rest while nodes of an earlier version may hold replicas")

// arrange begins and drops generations until they are those that are wanted; false if ctx ended first.
func (r *Replica) arrange(ctx context.Context, l *loop, want *Wanted) bool {
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	arranged := errors.New("arranged")
	l.run(ctx, func(ctx context.Context) (bool, error) {
		if want.Mixed {
			return false, errMixed
		}
		if err := r.arrangeOnce(ctx, l.common, want); err != nil {
			return false, err
		}
		done(arranged)
		return false, nil
	})
	if errors.Is(context.Cause(ctx), arranged) {
		l.trouble.Store(nil)
		return true
	}
	return false
}

func (r *Replica) arrangeOnce(ctx context.Context, c *common, want *Wanted) error {
	var changes []generationChange
	for _, config := range want.configs() {
		if _, ok := r.state.has(config.Generation); !ok {
			changes = append(changes, generationChange{generationBegin, config.Generation, config.Dims})
		}
	}
	for _, number := range r.state.numbers() {
		if want.outdated(number) {
			changes = append(changes, generationChange{generationEnd, number, 0})
		}
	}
	if r.state.isUnkept() {
		changes = append(changes, generationChange{generationAnew, 0, 0})
	}
	for _, change := range changes {
		if err := c.propose(ctx, typeGeneration, 1, encodeGeneration(change)); err != nil {
			return fmt.Errorf("change generation %d of vectors: %w", change.number, err)
		}
	}
	return nil
}

// common is what the workers share.
func (r *Replica) common() *common {
	return &common{
		index: r.cfg.Name, shard: r.cfg.Shard, schema: r.cfg.Schema, sparse: r.sparse, machine: r.machine, state: r.state,
		vectors: r.vectors, log: r.group, after: r.cfg.After, now: r.cfg.Now,
		logger: r.cfg.Logger.With("index", r.cfg.Name), metrics: r.metrics,
	}
}

func (r *Replica) newEmbedWorker(c *common, config api.DenseConfig) *embedWorker {
	w := &embedWorker{
		loop:   loop{common: c, name: "embedding", most: embedBackoff},
		config: config, reached: r.reach(embedName(config.Generation)), meter: newMeter(r.cfg.Now),
		room: func(ctx context.Context, vectors int) error { return r.room(ctx, config.Generation, vectors) },
	}
	if r.cfg.Embedder != nil {
		var service embedclient.Embedder
		if service, w.unserved = r.cfg.Embedder(config.Model); service != nil {
			w.embedder = newThrifty(service)
		}
	}
	return w
}

func (r *Replica) newFeedWorker(c *common, config api.DenseConfig, want *Wanted) *feedWorker {
	w := &feedWorker{
		loop:       loop{common: c, name: "vectors", idle: identifyEvery, most: feedBackoff},
		generation: config.Generation,
		reached:    r.reach(feedName(config.Generation)), meter: newMeter(r.cfg.Now),
		open: func(ctx context.Context) (dense.Collection, func(), error) { return r.cfg.Collection(ctx, config) },
	}
	w.from, w.to = want.slots()
	return w
}

func (r *Replica) newLedgerWorker(c *common) *ledgerWorker {
	return &ledgerWorker{
		loop:   loop{common: c, name: "catalog", idle: locateEvery, most: ledgerBackoff},
		ledger: r.cfg.Ledger, shardName: LedgerShard{Index: r.cfg.Name, IndexID: r.cfg.IndexID, Shard: r.cfg.Shard},
		meter: newMeter(r.cfg.Now),
		generation: func() (int, bool) {
			config, ok := r.current()
			return config.Generation, ok
		},
	}
}

func embedName(generation int) string { return fmt.Sprint("embed.", generation) }

// reach gives what a worker notes the version in up to which there was nothing left to do.
func (r *Replica) reach(worker string) *atomic.Uint64 {
	reached, _ := r.reached.LoadOrStore(worker, &atomic.Uint64{})
	return reached.(*atomic.Uint64)
}

// bury removes the files of dropped generations once the manifest knows nothing of them.
func (r *Replica) bury(ctx context.Context) {
	for {
		select {
		case <-r.vectors.ended:
		case <-ctx.Done():
			return
		}
		for more := true; more && ctx.Err() == nil; {
			if _, err := r.sparse.Flush(ctx); err != nil {
				return // who watches the index is told
			}
			var err error
			if more, err = r.vectors.bury(r.sparse.DurableIndex()); err != nil {
				r.cfg.Logger.Error("dropped vectors are left until the replica is opened again", "index", r.cfg.Name,
					"error", err)
			}
		}
	}
}

// trouble is why the workers of a generation are held up, "" if they aren't, and where this replica does not lead.
func (w *workers) trouble(generation int) string {
	if w == nil {
		return ""
	}
	if text := w.steward.held(); text != "" {
		return text
	}
	if e := w.embed[generation]; e != nil {
		if text := e.held(); text != "" {
			return text
		}
	}
	if f := w.feed[generation]; f != nil {
		return f.held()
	}
	return ""
}

// rate is how many documents a second a generation's workers get through.
func (w *workers) rate(generation int) float64 {
	if w == nil || w.embed[generation] == nil {
		return 0
	}
	return w.embed[generation].meter.rate()
}
