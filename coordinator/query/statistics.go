package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"sagasu/sparse"
)

// errTerms is returned for a target of several shards without Terms.
var errTerms = errors.New("a target of several shards needs Terms")

// globalStatistics is what all shards of one search score with. It is zero for a search that needs none: of
// one shard, without scored terms, or that only counts.
type globalStatistics struct {
	terms []sparse.TermKey
	// stats is the sum over the shards; the shards share it and only read it.
	stats *sparse.Statistics
	// failed are the errors of the shards whose statistics can't be had, by shard; nil if all are known.
	failed []error
}

// failure is why a shard is not searched: its hits would be scored unlike those of the others.
func (g *globalStatistics) failure(shard int) error {
	if g.failed == nil {
		return nil
	}
	return g.failed[shard]
}

// exact reports whether the shards scored with what they have, and not with what they had a little before: whether what
// they told of themselves along with their hits adds up to what they were given.
func (g *globalStatistics) exact(answers []answer[sparseAnswer]) bool {
	if g.stats == nil {
		return true // there was nothing to be given: they scored with their own
	}
	var sum sparse.Statistics
	for i := range answers {
		sum.Add(answers[i].value.stats)
	}
	return maps.Equal(sum.Fields, g.stats.Fields) && maps.Equal(sum.Terms, g.stats.Terms)
}

// of names the statistics of the terms in one shard.
func (g *globalStatistics) of(target Target, shard int) shardTerms {
	return shardTerms{index: target.ID, shards: len(target.Shards), shard: shard, terms: g.terms}
}

// globalStatistics gives the statistics of the query's terms, with a round to those shards whose own are
// unknown or too old. Errors: sparse.ErrQuery.
func (s *search) globalStatistics(ctx context.Context, req sparse.Request) (globalStatistics, error) {
	shards := s.target.Shards
	if len(shards) == 1 || req.K == 0 {
		return globalStatistics{}, nil
	}
	if s.target.Terms == nil {
		return globalStatistics{}, fmt.Errorf("search index %q: %w", s.target.Name, errTerms)
	}
	terms, err := s.target.Terms.Terms(req.Query)
	if err != nil {
		return globalStatistics{}, fmt.Errorf("take query apart: %w", err)
	}
	if len(terms) == 0 {
		return globalStatistics{}, nil
	}
	g := globalStatistics{terms: terms}
	now := s.cfg.Now()
	sum, lacking := s.statistics.lookUp(g.of(s.target, 0), now)
	g.stats = &sum
	if len(lacking) == 0 {
		s.metrics.hits.Inc()
		return g, nil
	}
	s.metrics.rounds.Inc()
	if deadline, ok := ctx.Deadline(); ok {
		// Deadlines are of the context's clock, not of ours.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(float64(time.Until(deadline))*statisticsShare))
		defer cancel()
	}
	asked := make([]Shard, len(lacking))
	for i, shard := range lacking {
		asked[i] = shards[shard]
	}
	answers := everywhere(ctx, asked, func(ctx context.Context, _ int, shard Shard) (sparse.Statistics, error) {
		return shard.Statistics(ctx, terms)
	})
	for i, a := range answers {
		shard := lacking[i]
		if a.err != nil {
			if g.failed == nil {
				g.failed = make([]error, len(shards))
			}
			g.failed[shard] = fmt.Errorf("ask for statistics: %w", a.err)
			continue
		}
		s.statistics.learn(g.of(s.target, shard), a.value, now)
		g.stats.Add(a.value)
	}
	return g, nil
}
