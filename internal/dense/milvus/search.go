package milvus

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/internal/dense"
)

// Search asks the server. An empty answer is held against a count: Milvus gives one, without an error,
// while segments are being loaded or moved; that is dense.ErrIncomplete.
func (x *Index) Search(ctx context.Context, q dense.Query) ([]dense.Hit, error) {
	if err := dense.CheckDims(q.Vector, x.cfg.Dims); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	unit, err := dense.Normalize(q.Vector)
	if err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	if err := dense.CheckFilter(q.Filter, x.cfg.Fields); err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	if q.K <= 0 {
		return nil, nil
	}
	filter := expression{}
	if q.Filter != nil {
		if filter, err = translate(q.Filter); err != nil {
			return nil, fmt.Errorf("search vectors: %w", err)
		}
	}
	var hits []dense.Hit
	err = x.call(ctx, func(ctx context.Context) error {
		if filter.slots {
			if err := x.checkMany(ctx); err != nil {
				return err
			}
		}
		hits, err = x.search(ctx, unit, min(q.K, maxHits), filter.text)
		if err == nil && len(hits) == 0 {
			err = x.checkEmpty(ctx, filter.text)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	return hits, nil
}

// checkMany returns dense.ErrFilterUnsupported while a document has more values than an interval is
// searched in.
func (x *Index) checkMany(ctx context.Context) error {
	found, err := x.client.Query(ctx, x.cfg.Collection, nil, manyColumn+" == true", []string{idColumn},
		client.WithLimit(1), client.WithSearchQueryConsistencyLevel(x.level))
	if err != nil {
		return err
	}
	if ids := found.GetColumn(idColumn); ids != nil && ids.Len() > 0 {
		return fmt.Errorf("%w: range or prefix, because a document has more than %d values in a field",
			dense.ErrFilterUnsupported, maxSlots)
	}
	return nil
}

// checkEmpty returns dense.ErrIncomplete if there is something to be found.
func (x *Index) checkEmpty(ctx context.Context, expr string) error {
	n, err := x.count(ctx, expr, x.level)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: no hit out of %d vectors", dense.ErrIncomplete, n)
	}
	return nil
}

func (x *Index) search(ctx context.Context, unit []float32, k int, expr string) ([]dense.Hit, error) {
	params, err := entity.NewIndexHNSWSearchParam(min(max(x.cfg.Ef, k), maxEf))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	results, err := x.client.Search(ctx, x.cfg.Collection, nil, expr, []string{versionColumn},
		[]entity.Vector{entity.FloatVector(unit)}, vectorColumn, entity.COSINE, k, params,
		client.WithSearchQueryConsistencyLevel(x.level))
	if err != nil {
		return nil, err
	}
	// Without hits there are no columns, which the SDK takes for an error.
	if len(results) == 0 || results[0].ResultCount == 0 {
		return nil, nil
	}
	r := results[0]
	if r.Err != nil {
		return nil, r.Err
	}
	ids, versions, err := keyColumns(r.IDs, r.Fields.GetColumn(versionColumn))
	if err != nil {
		return nil, err
	}
	if len(ids) != len(r.Scores) {
		return nil, fmt.Errorf("%w: %d ids and %d scores", dense.ErrIncomplete, len(ids), len(r.Scores))
	}
	hits := make([]dense.Hit, 0, len(ids))
	for i, id := range ids {
		hits = append(hits, dense.Hit{ID: id, Version: uint64(versions[i]), Score: r.Scores[i]})
	}
	slices.SortFunc(hits, func(a, b dense.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return hits, nil
}
