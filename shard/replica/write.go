package replica

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// Write applies writes in their order and returns one result each, and the index of the log entry that
// made the last of them: a replica that has applied it shows them all. On return they are durable and the
// next search here sees them. Writes share log entries with those of other callers; a call larger than an
// entry is cut into several, so it is not atomic: if an error comes back, some may have been applied.
// Repeating a call with the same id and the same writes, here or at another leader, applies nothing twice.
// Errors: ErrWrite, ErrOverloaded, ErrNotLeader and ctx's before anything was written, api.ErrUnknownOutcome.
func (r *Replica) Write(ctx context.Context, id RequestID, writes []api.Write) ([]api.WriteResult, uint64, error) {
	for i := range writes {
		if err := r.check(&writes[i]); err != nil {
			return nil, 0, fmt.Errorf("write %d: %w", i, err)
		}
	}
	requests := cut(id, writes)
	if err := r.committer.enqueue(requests); err != nil {
		return nil, 0, fmt.Errorf("write: %w", err)
	}
	results := make([]api.WriteResult, 0, len(writes))
	index := uint64(0)
	var failed error
	for _, q := range requests {
		got, err := r.await(ctx, q)
		if err != nil {
			// Later requests must be waited for or withdrawn as well: the caller's error has to tell whether
			// any of the writes may have happened.
			failed = errors.Join(failed, err)
			continue
		}
		index = max(index, got.index)
		for _, o := range got.outcomes {
			results = append(results, result(writes[len(results)].Doc.ID, o))
		}
	}
	if failed != nil {
		if len(results) > 0 {
			failed = fmt.Errorf("%w: %d of %d writes done: %w", api.ErrUnknownOutcome, len(results), len(writes), failed)
		}
		return nil, 0, fmt.Errorf("write: %w", failed)
	}
	return results, index, nil
}

// check refuses what the state machine could not apply. Documents were parsed by package api already.
func (r *Replica) check(w *api.Write) error {
	id := w.Doc.ID
	switch {
	case w.Kind < api.OpIndex || w.Kind > api.OpDelete:
		return fmt.Errorf("kind %d: %w", w.Kind, ErrWrite)
	case id == "" || len(id) > api.MaxIDBytes || !utf8.ValidString(id):
		return fmt.Errorf("id of %d bytes: %w", len(id), ErrWrite)
	case w.Doc.Vector == nil:
		return nil
	case r.cfg.Schema.Dense == nil:
		return fmt.Errorf("vector for document %q: %w: %w", id, ErrWrite, ErrNoDense)
	}
	if err := checkVector(w.Doc.Vector, r.cfg.Schema.Dense.Dims); err != nil {
		return fmt.Errorf("vector of document %q: %w: %w", id, ErrWrite, err)
	}
	return nil
}

// checkVector refuses what a dense index would refuse, which in the state machine would be too late:
// dense.ErrDimension, dense.ErrNotFinite.
func checkVector(v []float32, dims int) error {
	if err := dense.CheckDims(v, dims); err != nil {
		return err
	}
	_, err := dense.Normalize(v)
	return err
}

// cut encodes writes into requests of at most one entry each.
func cut(id RequestID, writes []api.Write) []*request {
	var requests []*request
	var last *request
	for i := range writes {
		encoded := appendWrite(nil, &writes[i])
		if last == nil || last.count == maxEntryWrites || len(last.encoded)+len(encoded) > maxEntryBytes {
			last = &request{id: id.part(len(requests)), done: make(chan reply, 1)}
			requests = append(requests, last)
		}
		last.encoded = append(last.encoded, encoded...)
		last.count++
	}
	return requests
}

// await gives the request's results. A request is withdrawn when ctx ends before it was taken.
func (r *Replica) await(ctx context.Context, q *request) (reply, error) {
	select {
	case got := <-q.done:
		return got, got.err
	case <-ctx.Done():
	}
	if r.committer.withdraw(q) {
		return reply{}, ctx.Err()
	}
	select {
	case got := <-q.done:
		return got, got.err
	default:
		return reply{}, fmt.Errorf("%w: %w", api.ErrUnknownOutcome, ctx.Err())
	}
}

// result gives what became of a write; what a conflict is about is told by whoever knows the request.
func result(id string, o sparse.Outcome) api.WriteResult {
	return api.WriteResult{ID: id, Status: o.Status, Version: o.Version}
}
