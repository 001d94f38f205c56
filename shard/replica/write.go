package replica

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
// Writes that follow one another are applied as one. Errors: ErrWrite, ErrTooLarge if such do not fit into an entry,
// dense.ErrFull, ErrOverloaded, ErrNotLeader and ctx's before anything was written, api.ErrUnknownOutcome.
func (r *Replica) Write(ctx context.Context, id RequestID, writes []api.Write) ([]api.WriteResult, uint64, error) {
	for i := range writes {
		if err := r.check(&writes[i]); err != nil {
			return nil, 0, fmt.Errorf("write %d: %w", i, err)
		}
	}
	mixed := r.wanted.Load().Mixed
	requests, err := cut(id, writes, mixed)
	if err != nil {
		return nil, 0, fmt.Errorf("write: %w", err)
	}
	if err := r.fits(ctx, writes); err != nil {
		return nil, 0, fmt.Errorf("write: %w", err)
	}
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
			results = append(results, result(&writes[len(results)], o))
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
	case w.Kind < api.OpIndex || w.Kind > api.OpTrim:
		return fmt.Errorf("kind %d: %w", w.Kind, ErrWrite)
	case id == "" || len(id) > api.MaxIDBytes || !utf8.ValidString(id):
		return fmt.Errorf("id of %d bytes: %w", len(id), ErrWrite)
	case w.Kind == api.OpTrim && (w.From < 0 || w.IfVersion != nil || w.Doc.Vector != nil || w.Doc.Values != nil):
		return fmt.Errorf("trim of %q from %d on with more than that: %w", id, w.From, ErrWrite)
	case w.Doc.Vector == nil:
		return nil
	}
	if _, ok := r.current(); !ok {
		return fmt.Errorf("vector for document %q: %w: %w", id, ErrWrite, ErrNoDense)
	}
	dims, ok := r.state.has(w.Doc.Generation)
	if !ok || dims == 0 {
		// This replica may not know it yet; the state machine decides.
		dims = len(w.Doc.Vector)
	}
	if err := checkVector(w.Doc.Vector, dims); err != nil {
		return fmt.Errorf("vector of document %q for generation %d: %w: %w", id, w.Doc.Generation, ErrWrite, err)
	}
	return nil
}

// fits returns dense.ErrFull if the vectors that come with writes have no room.
func (r *Replica) fits(ctx context.Context, writes []api.Write) error {
	brought := map[int]int{}
	for i := range writes {
		if writes[i].Doc.Vector != nil {
			brought[writes[i].Doc.Generation]++
		}
	}
	for generation, n := range brought {
		if err := r.room(ctx, generation, n); err != nil {
			return err
		}
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

// cut encodes writes into requests of at most one entry each. Those that follow one another stay in one, however
// large that is, up to maxGroupBytes and maxGroupWrites: ErrTooLarge. With mixed, nothing may be in them that an
// earlier version can't read.
func cut(id RequestID, writes []api.Write, mixed bool) ([]*request, error) {
	var requests []*request
	var last *request
	for i := 0; i < len(writes); {
		group, count, err := encodeGroup(writes[i:], mixed)
		if err != nil {
			return nil, fmt.Errorf("write %d: %w", i, err)
		}
		if last == nil || last.count+count > maxEntryWrites || len(last.encoded)+len(group) > maxEntryBytes {
			last = &request{id: id.part(len(requests)), done: make(chan reply, 1), mixed: mixed}
			requests = append(requests, last)
		}
		last.encoded = append(last.encoded, group...)
		last.count += count
		i += count
	}
	if len(writes) > 0 && writes[0].Follows {
		return nil, fmt.Errorf("write 0 follows none: %w", ErrWrite)
	}
	return requests, nil
}

// encodeGroup encodes the first write and those that follow it.
func encodeGroup(writes []api.Write, mixed bool) (encoded []byte, count int, err error) {
	for count < len(writes) && (count == 0 || writes[count].Follows) {
		w := &writes[count]
		if mixed && (w.Follows || w.Kind == api.OpTrim || w.Doc.Generation != 0) {
			return nil, 0, fmt.Errorf("nodes of an earlier version can't read it: %w", ErrWrite)
		}
		encoded = appendWrite(encoded, w)
		count++
		if count > maxGroupWrites || count > 1 && len(encoded) > maxGroupBytes {
			return nil, 0, fmt.Errorf("document %q: over %d writes or %d bytes: %w", writes[0].Doc.ID, maxGroupWrites,
				maxGroupBytes, ErrTooLarge)
		}
	}
	return encoded, count, nil
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
func result(w *api.Write, o sparse.Outcome) api.WriteResult {
	r := api.WriteResult{ID: w.Doc.ID, Status: o.Status, Version: o.Version}
	if o.Status == api.StatusError {
		r.Error = api.NewProblem(api.ProblemConflict, http.StatusConflict, "vector",
			"is for generation %d of the index's vectors, which is not there or has other dimensions than %d",
			w.Doc.Generation, len(w.Doc.Vector))
	}
	return r
}
