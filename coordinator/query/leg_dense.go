package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/fusion"
	"sagasu/internal/dense"
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
	// refused is the problem of a vector or a filter that does not fit the index.
	refused         *api.Problem
	embedTook, took time.Duration
}

func (s *search) denseLeg(ctx context.Context) denseLeg {
	var leg denseLeg
	start := s.cfg.Now()
	vector, err := s.embedded, error(nil)
	if vector == nil {
		vector, err = s.vector(ctx)
	}
	s.embedded = vector
	if s.req.Vector == nil {
		leg.embedTook = s.cfg.Now().Sub(start)
	}
	if err != nil {
		if !errors.As(err, &leg.refused) {
			leg.failures = []failure{{embedReason(err), embedDetail(err), err}}
		}
		return leg
	}
	start = s.cfg.Now()
	if s.target.Vectors != nil {
		s.searchVectors(ctx, &leg, vector)
	} else {
		s.searchShards(ctx, &leg, vector)
	}
	leg.took = s.cfg.Now().Sub(start)
	return leg
}

// denseK is the number of hits wanted of the dense leg.
func (s *search) denseK() int { return min(s.window, maxDenseCandidates) }

// searchShards asks each shard for the nearest of its documents.
func (s *search) searchShards(ctx context.Context, leg *denseLeg, vector []float32) {
	req := DenseRequest{
		Generation: s.target.Schema.Dense.Generation, Vector: vector, K: s.denseK(), Filter: s.filter,
	}
	answers := everywhere(ctx, s.target.Shards, func(ctx context.Context, _ int, shard Shard) (DenseResult, error) {
		return shard.SearchDense(ctx, req)
	})
	leg.lists = make([][]fusion.Entry, len(answers))
	for i, a := range answers {
		switch {
		case errors.Is(a.err, sparse.ErrQuery):
			leg.refused = queryProblem(a.err)
			return
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
}

// vector gives the request's own vector, or embeds its text by the model of the generation that is searched. A vector
// of the client's that has another length than the generation, which may be newer than the one that the request was
// read by, is an *api.Problem.
func (s *search) vector(ctx context.Context) ([]float32, error) {
	model := s.target.Schema.Dense
	if s.req.Vector != nil {
		if len(s.req.Vector) != model.Dims {
			return nil, api.NewProblem(api.ProblemQuery, 400, "vector", "has %d dimensions, the index has %s",
				len(s.req.Vector), model.Describe())
		}
		return s.req.Vector, nil
	}
	if s.cfg.Embedders == nil {
		return nil, fmt.Errorf("embed query: %w: none is configured", embedclient.ErrNoService)
	}
	service, err := s.cfg.Embedders.For(model.Model)
	if err != nil {
		return nil, fmt.Errorf("embed query: %w", err)
	}
	vectors, err := call(ctx, func(ctx context.Context) ([][]float32, error) {
		return service.Embed(ctx, embedclient.Query, []string{s.req.Text})
	})
	if err != nil {
		return nil, fmt.Errorf("embed query: %w", err)
	}
	if len(vectors) != 1 {
		return nil, fmt.Errorf("embed query: %d vectors for 1 text: %w", len(vectors), embedclient.ErrBadResponse)
	}
	if len(vectors[0]) != model.Dims {
		return nil, fmt.Errorf("embed query: %w: the model gives %d, the index has %s", errDims, len(vectors[0]),
			model.Describe())
	}
	if _, err := dense.Normalize(vectors[0]); err != nil {
		return nil, fmt.Errorf("embed query: %w: %w", embedclient.ErrBadResponse, err)
	}
	return vectors[0], nil
}
