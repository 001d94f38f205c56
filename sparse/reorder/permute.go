package reorder

import "sync/atomic"

// Permute gives the documents in their new order: order[new] = old. There are docs documents; forward appends the
// ordinals of a document's terms to dst, each once and below terms (others are ignored), and is called twice for every
// document, in ascending order and by the caller's goroutine. The same input gives the same order, whatever
// cfg.Workers is. Errors: ErrConfig, ErrAborted. An error within forward is the caller's to keep, and to tell to
// cfg.Abort.
func Permute(
	docs, terms uint32, forward func(dst []uint32, doc uint32) []uint32, cfg Config,
) ([]uint32, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	order := make([]uint32, docs)
	for i := range order {
		order[i] = uint32(i)
	}
	if int(docs) <= cfg.MinPartition {
		return order, nil
	}
	run := &run{Config: cfg, costs: newCosts(docs)}
	g, err := newGraph(docs, terms, forward, run)
	if err != nil {
		return nil, err
	}
	run.graph = g
	run.halve(part{
		docs: order, keys: make([]int32, docs), spare: make([]int32, docs), terms: g.terms, workers: cfg.Workers,
	}, &scratch{})
	if run.aborted() {
		return nil, ErrAborted
	}
	return order, nil
}

// run is what all parts of one call share.
type run struct {
	Config
	graph *graph
	costs costs
	stop  atomic.Bool
}

// aborted asks Abort until it has said yes once.
func (r *run) aborted() bool {
	if r.stop.Load() {
		return true
	}
	if r.Abort != nil && r.Abort() {
		r.stop.Store(true)
		return true
	}
	return false
}
