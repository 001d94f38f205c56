package query

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"sagasu/api"
)

// Cache keeps values that never change under their key; *rediscache.Cache satisfies it. It may be used concurrently.
type Cache interface {
	// Get gives a value, which is shared and must not be changed.
	Get(ctx context.Context, key string) ([]byte, bool)
	// Set hands a value over, which nobody may change from then on. It does not wait.
	Set(key string, value []byte)
}

// answers are the answers of searches that are known. The key of one holds all that it depends on, the positions of the
// index's shards among it, so that it is given only where running the search would give the same.
//
// An index that is being written to has no answers worth keeping, and asking its shards for positions would only take
// time. So they are asked again only some time after they were seen to change, and answers are kept once they have
// stayed for as long: by then what the answers are made of, such as vectors that Milvus shows late, has settled too.
type answers struct {
	cfg       *Config
	metrics   *metrics
	requests  *codec
	responses *codec
	buffers   sync.Pool // of *[]byte
	// keeping bounds the answers that are being kept.
	keeping chan struct{}

	mu sync.Mutex
	// seen is what was seen of the indexes, by their ids.
	seen map[string]*stillness
}

// stillness is since when an index was not seen to change.
type stillness struct {
	positions []Position
	since     time.Time
	// notBefore is when the shards may be asked again.
	notBefore time.Time
}

func newAnswers(cfg *Config, m *metrics) *answers {
	return &answers{
		cfg: cfg, metrics: m, requests: newRequestCodec(), responses: newAnswerCodec(),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
		keeping: make(chan struct{}, maxKeeping), seen: map[string]*stillness{},
	}
}

// place tells where the answer of a search is kept; nil if it is not to be kept, nor looked for.
func (a *answers) place(ctx context.Context, target *Target, q *question, timeout time.Duration) *place {
	if a.cfg.Answers == nil {
		return nil
	}
	now := a.cfg.Now()
	if !a.due(target.ID, now) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(float64(timeout)*positionShare))
	defer cancel()
	positions := readPositions(ctx, target.Shards)
	if !a.still(target, positions, now) {
		return nil
	}
	return newPlace(q, positions)
}

// readPositions asks every shard; nil if one does not tell.
func readPositions(ctx context.Context, shards []Shard) []Position {
	answers := everywhere(ctx, shards, func(ctx context.Context, _ int, shard Shard) (Position, error) {
		return shard.Position(ctx)
	})
	positions := make([]Position, len(answers))
	for i, answer := range answers {
		if answer.err != nil {
			return nil
		}
		positions[i] = answer.value
	}
	return positions
}

// due reports whether the shards of an index may be asked.
func (a *answers) due(index string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.seen[index]
	return s == nil || !now.Before(s.notBefore)
}

// still takes note of positions that were asked for at that time, and reports whether they have stayed long enough.
func (a *answers) still(target *Target, positions []Position, now time.Time) bool {
	settle := a.cfg.Settle
	if target.Vectors != nil {
		settle = a.cfg.SettleVectors
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.seen[target.ID]
	if s != nil && positions != nil && slices.Equal(positions, s.positions) {
		return now.Sub(s.since) >= settle
	}
	if s == nil {
		if len(a.seen) >= maxStill {
			clear(a.seen)
		}
		s = &stillness{}
		a.seen[target.ID] = s
	}
	*s = stillness{positions: positions, since: now, notBefore: now.Add(settle)}
	return settle == 0 && positions != nil
}

// once runs a search, unless it is under way or its answer is known.
func (s *Searcher) once(ctx context.Context, target Target, req *api.SearchRequest) (*api.SearchResponse, error) {
	if req.NoCache {
		return s.execute(ctx, target, req, nil)
	}
	q := s.answers.ask(&target, req)
	young := time.Duration(float64(req.Timeout) * joinShare)
	response, joined, err := s.flights.share(ctx, q.flight, young,
		func(ctx context.Context) (*api.SearchResponse, error) {
			at := s.answers.place(ctx, &target, &q, req.Timeout)
			if at == nil {
				return s.execute(ctx, target, req, nil)
			}
			if known := s.answers.find(ctx, at); known != nil {
				return known, nil
			}
			return s.execute(ctx, target, req, at)
		})
	if joined {
		s.metrics.joined.Inc()
	}
	var p *panicError
	if errors.As(err, &p) && !joined {
		s.metrics.panics.Inc()
		s.cfg.Logger.Error("search panicked", "index", target.Name, "panic", fmt.Sprint(p.value), "stack",
			string(p.stack))
	}
	return response, err
}

// find gives the answer that is kept at a place; nil if there is none.
func (a *answers) find(ctx context.Context, at *place) *api.SearchResponse {
	data, ok := a.cfg.Answers.Get(ctx, at.key)
	if !ok {
		return nil
	}
	response := &api.SearchResponse{}
	r := reader{codec: a.responses, data: data}
	if err := r.read(reflect.ValueOf(response).Elem()); err != nil || len(r.data) > 0 {
		a.cfg.Logger.Warn("a cached answer can't be read", "error", err, "left", len(r.data))
		return nil
	}
	response.Cached = true
	return response
}

// offer keeps the answer of a search if it is whole and exact.
func (a *answers) offer(target *Target, at *place, run *search) {
	switch {
	case len(run.response.Degraded) > 0:
		a.metrics.kept.WithLabelValues("partial").Inc()
	case run.inexact:
		a.metrics.kept.WithLabelValues("inexact").Inc()
	case size(&run.response) > maxAnswerBytes:
		a.metrics.kept.WithLabelValues("large").Inc()
	default:
		a.keep(target, at, &run.response)
	}
}

// keep keeps an answer, unless the index has changed while it was made. It does not wait.
func (a *answers) keep(target *Target, at *place, response *api.SearchResponse) {
	select {
	case a.keeping <- struct{}{}:
	default:
		a.metrics.kept.WithLabelValues("busy").Inc()
		return
	}
	Go(func() {
		defer func() { <-a.keeping }()
		outcome, err := Contain(func() (string, error) {
			ctx, cancel := context.WithTimeout(context.Background(), keepTimeout)
			defer cancel()
			now := a.cfg.Now()
			if positions := readPositions(ctx, target.Shards); !slices.Equal(positions, at.positions) {
				a.still(target, positions, now)
				return "changed", nil
			}
			data := make([]byte, 0, size(response)+answerOverhead)
			a.cfg.Answers.Set(at.key, a.responses.append(data, reflect.ValueOf(response).Elem()))
			return "kept", nil
		})
		if err != nil {
			a.cfg.Logger.Error("keeping an answer failed", "error", err)
			outcome = "failed"
		}
		a.metrics.kept.WithLabelValues(outcome).Inc()
	})
}

// size is about what an answer takes.
func size(response *api.SearchResponse) int {
	n := 0
	for i := range response.Hits {
		hit := &response.Hits[i]
		n += len(hit.ID) + len(hit.Source) + len(hit.Passage) + hitOverhead
		for j := range hit.Passages {
			n += len(hit.Passages[j].Source) + len(hit.Passages[j].Passage)
		}
	}
	return n
}

// validateCaches checks what concerns caches.
func (c *Config) validateCaches() error {
	if c.Settle < 0 || c.SettleVectors < 0 {
		return fmt.Errorf("%w: Settle is %v and SettleVectors %v, must not be negative", ErrConfig, c.Settle,
			c.SettleVectors)
	}
	return nil
}
