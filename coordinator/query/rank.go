package query

import (
	"fmt"

	"sagasu/api"
	"sagasu/fusion"
)

// ranked is a document in the final order.
type ranked struct {
	id    string
	score float64
	legs  api.Legs
}

// window is the number of hits of each leg that take part in fusion.
func window(req *api.SearchRequest) int {
	if req.Fusion.Window > 0 {
		return req.Fusion.Window
	}
	return fusion.Window(req.From, req.Size)
}

// rank gives the final order: that of the one leg asked for, with its own scores, or the fusion.
func (s *search) rank(lexical *sparseLeg, meaning *denseLeg) ([]ranked, error) {
	var entries, near []fusion.Entry
	if lexical != nil {
		entries = lexical.hits
		s.own(lexical.lists)
	}
	if meaning != nil {
		near = meaning.hits
		s.own(meaning.lists)
	}
	switch s.req.Mode {
	case api.ModeSparse:
		return s.single(entries, func(legs *api.Legs, share *api.LegShare) { legs.Sparse = share }), nil
	case api.ModeDense:
		return s.single(near, func(legs *api.Legs, share *api.LegShare) { legs.Dense = share }), nil
	}
	return s.fuse(entries, near)
}

func (s *search) fuse(entries, near []fusion.Entry) ([]ranked, error) {
	weights := s.req.Fusion.Weights
	legs := []fusion.Leg{
		{Name: api.LegSparse, Weight: weights.Sparse, Entries: entries},
		{Name: api.LegDense, Weight: weights.Dense, Entries: near},
	}
	var hits []fusion.Hit
	var err error
	if s.req.Fusion.Method == api.FusionRelativeScore {
		hits, err = fusion.RelativeScore(legs, s.window)
	} else {
		hits, err = fusion.RRF(legs, s.req.Fusion.K, s.window)
	}
	if err != nil {
		return nil, fmt.Errorf("fuse: %w", err)
	}
	out := make([]ranked, len(hits))
	for i, h := range hits {
		out[i] = ranked{id: h.ID, score: h.Score}
		if s.req.Explain {
			out[i].legs = api.Legs{Sparse: share(h.Shares[0]), Dense: share(h.Shares[1])}
		}
	}
	return out, nil
}

func share(s fusion.Share) *api.LegShare {
	if s.Rank == 0 {
		return nil
	}
	return &api.LegShare{Rank: s.Rank, Score: s.Score, Share: s.Share}
}

// single ranks by one leg; its score is the hit's, and its whole share.
func (s *search) single(entries []fusion.Entry, set func(*api.Legs, *api.LegShare)) []ranked {
	out := make([]ranked, len(entries))
	for i, e := range entries {
		out[i] = ranked{id: e.ID, score: e.Score}
		if s.req.Explain {
			set(&out[i].legs, &api.LegShare{Rank: i + 1, Score: e.Score, Share: e.Score})
		}
	}
	return out
}

// own remembers which shard found which document.
func (s *search) own(lists [][]fusion.Entry) {
	if s.owners == nil {
		return
	}
	if len(s.owners) == 0 {
		found := 0
		for _, list := range lists {
			found += len(list)
		}
		s.owners = make(map[string]int, found)
	}
	for shard, list := range lists {
		for _, e := range list {
			s.owners[e.ID] = shard
		}
	}
}
