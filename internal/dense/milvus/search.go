package milvus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/internal/dense"
)

// Search asks the server. Of a document with several versions it gives the newest of those found. An empty answer
// is held against a count: Milvus gives one, without an error, while segments are being loaded or moved; that is
// dense.ErrIncomplete. So is one of a collection that was lost and has not been filled again.
func (x *Index) Search(ctx context.Context, q dense.Query) ([]dense.Hit, error) {
	if err := dense.CheckDims(q.Vector, x.dims); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	unit, err := dense.Normalize(q.Vector)
	if err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	if err := dense.CheckFilter(q.Filter, x.fields); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	if q.K <= 0 {
		return nil, nil
	}
	// Most documents have one value in a field. Whether there are others is asked only if it matters.
	filter := expression{}
	if q.Filter != nil {
		if filter, err = translate(q.Filter, x.partition, 1); err != nil {
			return nil, fmt.Errorf("search vectors: %w", err)
		}
	}
	var hits []dense.Hit
	err = x.use(ctx, func(ctx context.Context) error {
		if filter.intervals {
			width, err := x.width(ctx)
			if err != nil {
				return err
			}
			if filter, err = translate(q.Filter, x.partition, width); err != nil {
				return err
			}
		}
		hits, err = x.distinct(ctx, unit, min(q.K, maxHits), filter.text)
		if err == nil && len(hits) == 0 {
			err = x.checkEmpty(ctx, filter.text)
		}
		return err
	})
	if errors.Is(err, errGone) {
		return nil, fmt.Errorf("search vectors: %w: %w", dense.ErrIncomplete, err)
	}
	if err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	return hits, nil
}

// width gives a number of values that no document exceeds in a field: 1, 2, 4 or maxSlots. It returns
// dense.ErrFilterUnsupported while there is a document with more.
func (x *Index) width(ctx context.Context) (int, error) {
	for width := 1; width <= maxSlots; width *= 2 {
		wider, err := x.keys(ctx, fmt.Sprintf("%s > %d", widthColumn, width), x.server.level, client.WithLimit(1))
		if err != nil {
			return 0, err
		}
		if len(wider) == 0 {
			return width, nil
		}
	}
	return 0, fmt.Errorf("%w: range or prefix, because a document has more than %d values in a field",
		dense.ErrFilterUnsupported, maxSlots)
}

// checkEmpty returns dense.ErrIncomplete if there is something to be found, or was before the collection was lost.
func (x *Index) checkEmpty(ctx context.Context, expr string) error {
	n, err := x.count(ctx, expr, x.server.level)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: no hit out of %d vectors", dense.ErrIncomplete, n)
	}
	x.mu.Lock()
	lost := x.lost
	x.mu.Unlock()
	if !lost {
		return nil
	}
	if n, err = x.count(ctx, "", x.server.level); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: the collection was dropped and is not filled yet", dense.ErrIncomplete)
	}
	x.mu.Lock()
	x.lost = false
	x.mu.Unlock()
	return nil
}

// distinct gives the k best documents, best first: rows that are versions of one document make way for others.
func (x *Index) distinct(ctx context.Context, unit []float32, k int, expr string) ([]dense.Hit, error) {
	for ask := k; ; ask = min(2*ask, maxHits) {
		found, err := x.search(ctx, unit, ask, expr)
		if err != nil {
			return nil, err
		}
		hits := newestVersions(found)
		if len(hits) >= k || len(found) < ask || ask == maxHits {
			slices.SortFunc(hits, func(a, b dense.Hit) int {
				return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
			})
			return hits[:min(k, len(hits))], nil
		}
	}
}

// newestVersions gives the newest version of each document.
func newestVersions(found []dense.Hit) []dense.Hit {
	hits := make([]dense.Hit, 0, len(found))
	at := make(map[string]int, len(found))
	for _, h := range found {
		if i, ok := at[h.ID]; ok {
			if h.Version > hits[i].Version {
				hits[i] = h
			}
			continue
		}
		at[h.ID] = len(hits)
		hits = append(hits, h)
	}
	return hits
}

// search gives the k best rows, in no order.
func (x *Index) search(ctx context.Context, unit []float32, k int, expr string) ([]dense.Hit, error) {
	params, err := x.neighbour.search(k)
	if err != nil {
		return nil, err
	}
	results, err := x.server.client.Search(ctx, x.name, nil, expr, nil,
		[]entity.Vector{entity.FloatVector(unit)}, vectorColumn, entity.COSINE, k, params,
		client.WithSearchQueryConsistencyLevel(x.server.level))
	if err != nil {
		return nil, unreadable(err)
	}
	// Without hits there are no columns, which the SDK takes for an error.
	if len(results) == 0 || results[0].ResultCount == 0 {
		return nil, nil
	}
	r := results[0]
	if r.Err != nil {
		return nil, r.Err
	}
	keys, err := keysOf(r.IDs)
	if err != nil {
		return nil, err
	}
	if len(keys) != len(r.Scores) {
		return nil, fmt.Errorf("%w: %d keys and %d scores", dense.ErrIncomplete, len(keys), len(r.Scores))
	}
	hits := make([]dense.Hit, 0, len(keys))
	for i, key := range keys {
		hits = append(hits, dense.Hit{ID: key.ID, Version: key.Version, Score: r.Scores[i]})
	}
	return hits, nil
}
