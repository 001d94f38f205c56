package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/fusion"
	"sagasu/sparse"
)

// errDims is returned when the embedding service gives vectors of another length than the index has.
var errDims = errors.New("wrong number of dimensions")

// denseLeg is the outcome of the dense leg.
type denseLeg struct {
	// hits of all shards that answered, best first, ties by id.
	hits []fusion.Entry
	// lists are the hits by shard.
	lists    [][]fusion.Entry
	lag      int
	answered int
	failures []failure
	// refused is the problem of a filter that does not fit the index.
	refused         *api.Problem
	embedTook, took time.Duration
}

func (s *search) denseLeg(ctx context.Context) denseLeg {
	var leg denseLeg
	start := s.cfg.Now()
	vector, err := s.vector(ctx)
	if s.req.Vector == nil {
		leg.embedTook = s.cfg.Now().Sub(start)
	}
	if err != nil {
		leg.failures = []failure{{embedReason(err), embedDetail(err), err}}
		return leg
	}
	start = s.cfg.Now()
	req := DenseRequest{Vector: vector, K: min(s.window, maxDenseCandidates), Filter: s.req.Filter}
	answers := everywhere(ctx, s.target.Shards, func(ctx context.Context, _ int, shard Shard) (DenseResult, error) {
		return shard.SearchDense(ctx, req)
	})
	leg.took = s.cfg.Now().Sub(start)
	leg.lists = make([][]fusion.Entry, len(answers))
	for i, a := range answers {
		switch {
		case errors.Is(a.err, sparse.ErrQuery):
			leg.refused = queryProblem(a.err)
			return leg
		case a.err != nil:
			leg.failures = append(leg.failures, failure{denseReason(a.err), denseDetail(a.err, i, len(answers)), a.err})
			continue
		}
		leg.answered++
		leg.lag += a.value.Lag
		leg.lists[i] = make([]fusion.Entry, len(a.value.Hits))
		for j, h := range a.value.Hits {
			leg.lists[i][j] = fusion.Entry{ID: h.ID, Score: float64(h.Score)}
		}
	}
	leg.hits = merge(leg.lists, req.K)
	return leg
}

// vector gives the request's own vector, or embeds its text.
func (s *search) vector(ctx context.Context) ([]float32, error) {
	if s.req.Vector != nil {
		return s.req.Vector, nil
	}
	if s.cfg.Embedder == nil {
		return nil, fmt.Errorf("embed query: no embedding service is configured: %w", embedclient.ErrUnavailable)
	}
	vectors, err := call(ctx, func(ctx context.Context) ([][]float32, error) {
		return s.cfg.Embedder.Embed(ctx, embedclient.Query, []string{s.req.Text})
	})
	if err != nil {
		return nil, fmt.Errorf("embed query: %w", err)
	}
	if len(vectors) != 1 {
		return nil, fmt.Errorf("embed query: %d vectors for 1 text: %w", len(vectors), embedclient.ErrBadResponse)
	}
	if want := s.target.Schema.Dense.Dims; len(vectors[0]) != want {
		return nil, fmt.Errorf("embed query: %w: the model gives %d, the index has %d", errDims, len(vectors[0]), want)
	}
	return vectors[0], nil
}
