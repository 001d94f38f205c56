package reorder

import "sync/atomic"

// Lists calls visit with the documents of every term that wanted accepts, term by term, those of one term at once or in
// several calls, until visit returns false.
type Lists func(wanted func(term uint32) bool, visit func(term uint32, docs []uint32) bool)

// Permute gives the documents in their new order: order[new] = old. There are docs documents, freqs are the terms'
// numbers of them, and lists, which is called twice and by the caller's goroutine, gives them, each once and below docs
// (others are ignored). The same input gives the same order, whatever cfg.Workers is. Errors: ErrConfig, ErrAborted. An
// error within lists is the caller's to keep, and to tell to cfg.Abort.
func Permute(docs uint32, freqs []uint32, lists Lists, cfg Config) ([]uint32, error) {
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
	g, err := newGraph(docs, freqs, lists, run)
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
