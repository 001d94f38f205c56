package query

import (
	"context"
	"errors"

	"sagasu/api"
	"sagasu/internal/auth"
	"sagasu/sparse"
)

// page fetches the documents of the page. A document deleted since the legs found it is passed over, and
// the next in rank takes its place. A document replaced since is given with its present text.
func (s *search) page(ctx context.Context, order []ranked) error {
	start := s.cfg.Now()
	order = order[min(s.req.From, len(order)):]
	failed := 0
	for range maxRefills {
		want := s.req.Size - len(s.response.Hits) - failed
		next := order[:min(max(want, 0), len(order))]
		order = order[len(next):]
		if len(next) == 0 {
			break
		}
		documents, lost := s.fetch(ctx, next)
		failed += lost
		for i := range next {
			hit := &next[i]
			source, ok := documents[hit.id]
			if !ok {
				continue
			}
			out := api.SearchHit{ID: hit.id, Score: hit.score, Source: source}
			if s.target.Schema.Passages != nil {
				out.Source, out.Passage = api.TakePassage(source)
			}
			if s.req.Explain {
				out.Legs = &hit.legs
			}
			s.response.Hits = append(s.response.Hits, out)
		}
	}
	took := s.cfg.Now().Sub(start)
	s.response.TimingsMS.Fetch = milliseconds(took)
	s.metrics.observe("fetch", took)
	if failed > 0 && len(s.response.Hits) == 0 {
		return s.degraded.refusal("no document could be fetched")
	}
	return nil
}

// fetch gives the sources by id of those that are still there, and how many it could not ask for.
func (s *search) fetch(ctx context.Context, hits []ranked) (documents map[string]api.RawJSON, lost int) {
	ids := make([][]string, len(s.target.Shards))
	for i := range hits {
		shard := s.owners[hits[i].id]
		ids[shard] = append(ids[shard], hits[i].id)
	}
	documents, failed := s.fetchIDs(ctx, ids)
	for i, none := range failed {
		if none {
			lost += len(ids[i])
		}
	}
	return documents, lost
}

// fetchIDs gives the sources by id of those that are still there, of ids by shard, and which shards could not be asked.
func (s *search) fetchIDs(ctx context.Context, ids [][]string) (documents map[string]api.RawJSON, failed []bool) {
	answers := everywhere(ctx, s.target.Shards, func(ctx context.Context, i int, shard Shard) ([]sparse.Stored, error) {
		if len(ids[i]) == 0 {
			return nil, nil
		}
		return shard.Fetch(ctx, ids[i])
	})
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	wanted := 0
	for _, of := range ids {
		wanted += len(of)
	}
	documents, failed = make(map[string]api.RawJSON, wanted), make([]bool, len(answers))
	for i, a := range answers {
		if a.err != nil {
			failed[i] = true
			s.blame(s.fetchLeg(), []failure{{sparseReason(a.err, late), "while fetching documents", a.err}})
			continue
		}
		for _, stored := range a.value {
			if s.visible(stored.Source) {
				documents[stored.ID] = stored.Source
			}
		}
	}
	return documents, failed
}

// visible reports whether the caller may see a document as it is now: since the legs found it, it may have become
// somebody else's.
func (s *search) visible(source api.RawJSON) bool {
	if s.req.Only == nil {
		return true
	}
	if s.target.Schema.Passages != nil {
		source, _ = api.TakePassage(source)
	}
	return auth.Visible(s.target.Schema, s.req.Only, source)
}

// fetchLeg is the leg that lacks documents which can't be fetched.
func (s *search) fetchLeg() string {
	if s.req.Mode == api.ModeDense {
		return api.LegDense
	}
	return api.LegSparse
}
