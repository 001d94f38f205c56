package route

import (
	"context"
	"sync/atomic"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/sparse"
)

// shard is a shard as one search sees it.
type shard struct {
	router *Router
	// min is the log index that copies must have applied, reached the latest that an answer is known to show.
	min, reached atomic.Uint64
	// view is replaced when a replica tells that it is stale.
	view atomic.Pointer[ShardView]
}

var _ query.Shard = (*shard)(nil)

// sparseAnswer is what a replica gives the sparse leg.
type sparseAnswer struct {
	top   sparse.TopDocs
	stats sparse.Statistics
}

// SearchSparse asks a copy for its best documents, and for its statistics of the terms in want.
func (s *shard) SearchSparse(
	ctx context.Context, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, error) {
	answer, err := fly(ctx, s, kindSparse, func(ctx context.Context, r Replica, call Call) (sparseAnswer, Mark, error) {
		top, stats, mark, err := r.SearchSparse(ctx, call, req, want)
		return sparseAnswer{top: top, stats: stats}, mark, err
	})
	return answer.top, answer.stats, err
}

// SearchDense asks a copy for the nearest documents.
func (s *shard) SearchDense(ctx context.Context, req query.DenseRequest) (query.DenseResult, error) {
	return fly(ctx, s, kindDense, func(ctx context.Context, r Replica, call Call) (query.DenseResult, Mark, error) {
		return r.SearchDense(ctx, call, req)
	})
}

// Fetch asks a copy for stored documents.
func (s *shard) Fetch(ctx context.Context, ids []string) ([]sparse.Stored, error) {
	return fly(ctx, s, kindFetch, func(ctx context.Context, r Replica, call Call) ([]sparse.Stored, Mark, error) {
		return r.Fetch(ctx, call, ids)
	})
}

// Count asks a copy for the number of its documents that match.
func (s *shard) Count(ctx context.Context, q api.Query) (int, error) {
	return fly(ctx, s, kindCount, func(ctx context.Context, r Replica, call Call) (int, Mark, error) {
		return r.Count(ctx, call, q)
	})
}

// Statistics asks a copy for its statistics of the terms.
func (s *shard) Statistics(ctx context.Context, terms []sparse.TermKey) (sparse.Statistics, error) {
	return fly(ctx, s, kindStatistics,
		func(ctx context.Context, r Replica, call Call) (sparse.Statistics, Mark, error) {
			return r.Statistics(ctx, call, terms)
		})
}

// Current asks a copy for the present versions of documents.
func (s *shard) Current(ctx context.Context, ids []string, generation int) (query.Presence, error) {
	return fly(ctx, s, kindCurrent, func(ctx context.Context, r Replica, call Call) (query.Presence, Mark, error) {
		return r.Current(ctx, call, ids, generation)
	})
}

// SelectIDs asks a copy for the ids of the documents that a filter selects.
func (s *shard) SelectIDs(ctx context.Context, filter api.Query, limit int) ([]string, error) {
	return fly(ctx, s, kindSelect, func(ctx context.Context, r Replica, call Call) ([]string, Mark, error) {
		return r.SelectIDs(ctx, call, filter, limit)
	})
}

// positionAnswer is a copy's position and a log index by which it was there.
type positionAnswer struct {
	position query.Position
	applied  uint64
}

// Position asks a copy by what it answers. The copy shows no less than what answered before, and what is asked
// afterwards shows no less than the position: so positions that are the same before and after other calls are those
// that these were answered by.
func (s *shard) Position(ctx context.Context) (query.Position, error) {
	raise(&s.min, s.reached.Load())
	a, err := fly(ctx, s, kindPosition, func(ctx context.Context, r Replica, call Call) (positionAnswer, Mark, error) {
		position, mark, err := r.Position(ctx, call)
		return positionAnswer{position, mark.Applied}, mark, err
	})
	raise(&s.min, a.applied)
	return a.position, err
}

// raise makes a number at least as large as to.
func raise(a *atomic.Uint64, to uint64) {
	for {
		before := a.Load()
		if to <= before || a.CompareAndSwap(before, to) {
			return
		}
	}
}
