package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
	"sagasu/internal/auth"
	"sagasu/sparse"
)

// ErrConfig is returned by New when something is missing or can't be.
var ErrConfig = errors.New("incomplete configuration")

// Config configures a Searcher.
type Config struct {
	// Embedders embed queries; nil if there is no embedding service, which degrades searches that need one.
	Embedders Embedders
	Registry  prometheus.Registerer
	Logger    *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// StatisticsAge is how old the statistics may be that the shards of an index score with together.
	StatisticsAge time.Duration
	// StatisticsBytes bounds the memory in which statistics are kept.
	StatisticsBytes int
	// Answers keeps answers; nil for none.
	Answers Cache
	// Settle is how long an index must have stayed as it is for its answers to be kept, SettleVectors the same where
	// Milvus finds its vectors.
	Settle, SettleVectors time.Duration
}

// Default gives the defaults; Registry and Logger are to be set.
func Default() Config {
	return Config{
		Now: time.Now, StatisticsAge: statisticsAge, StatisticsBytes: statisticsBytes,
		Settle: settle, SettleVectors: settleVectors,
	}
}

// Validate returns ErrConfig if a required part is missing or a limit can't be.
func (c Config) Validate() error {
	if c.Registry == nil || c.Logger == nil || c.Now == nil {
		return fmt.Errorf("%w: registry, logger and clock are required", ErrConfig)
	}
	if c.StatisticsAge < 0 || c.StatisticsBytes < 0 {
		return fmt.Errorf("%w: StatisticsAge is %v and StatisticsBytes %d, must not be negative",
			ErrConfig, c.StatisticsAge, c.StatisticsBytes)
	}
	return c.validateCaches()
}

// Searcher runs searches. It may be used concurrently.
type Searcher struct {
	cfg        Config
	metrics    *metrics
	suspects   *suspects
	quiet      *quiet
	statistics *statisticsCache
	answers    *answers
	flights    *flights
}

// New makes a Searcher.
func New(cfg Config) (*Searcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s := &Searcher{
		cfg: cfg, metrics: m, suspects: newSuspects(), quiet: newQuiet(),
		statistics: newStatisticsCache(cfg.StatisticsAge, cfg.StatisticsBytes, cfg.Now()),
		flights:    newFlights(cfg.Now),
	}
	s.answers = newAnswers(&s.cfg, m)
	return s, nil
}

// search is one search under way.
type search struct {
	*Searcher
	target Target
	req    *api.SearchRequest
	// filter is what the documents of every leg must be selected by: what the request asks for, and what its caller is
	// bound to.
	filter api.Query
	window int
	// owners tells which shard holds a document; nil if there is one shard.
	owners map[string]int
	// embedded is the query's vector once there is one.
	embedded []float32
	// inexact is true if the shards scored with statistics that are a little old.
	inexact  bool
	degraded degradations
	response api.SearchResponse
}

// Search answers req. Its errors are *api.Problem: 400 for a query that does not fit the index, 422 for
// one that panicked before, 503 and 504 if no leg answered or the client takes no partial answer; or
// the context's if the client left. The hits are shared with others and must not be changed.
func (s *Searcher) Search(ctx context.Context, target Target, req *api.SearchRequest) (*api.SearchResponse, error) {
	start := s.cfg.Now()
	if s.suspects.refused(target.Name, req) {
		return nil, api.NewProblem(api.ProblemRefused, 422, "query",
			"this query failed inside the engine %d times and is not run again", panicsAllowed)
	}
	response, err := s.once(ctx, target, req)
	took := s.cfg.Now().Sub(start)
	s.metrics.observe("total", took)
	if err != nil {
		return nil, err
	}
	answer := *response
	answer.TookMS = milliseconds(took)
	return &answer, nil
}

// execute runs a search, and keeps its answer if there is a place for it.
func (s *Searcher) execute(
	ctx context.Context, target Target, req *api.SearchRequest, at *place,
) (*api.SearchResponse, error) {
	run := &search{Searcher: s, target: target, req: req, window: window(req)}
	run.filter = auth.Restrict(req.Filter, req.Only)
	if len(target.Shards) > 1 {
		run.owners = map[string]int{}
	}
	run.response.Hits, run.response.Degraded = []api.SearchHit{}, []api.Degraded{}
	run.response.Fusion = req.Fusion
	run.response.Fusion.Window = run.window
	err := run.run(ctx)
	s.metrics.count(run.degraded)
	if err != nil {
		return nil, err
	}
	if run.degraded != nil {
		run.response.Degraded = run.degraded
	}
	if at != nil {
		s.answers.offer(&target, at, run)
	}
	return &run.response, nil
}

func (s *search) run(parent context.Context) error {
	ctx, cancel := context.WithTimeout(parent, s.req.Timeout)
	defer cancel()
	legs, cancelLegs := context.WithTimeout(ctx, time.Duration(float64(s.req.Timeout)*legShare))
	defer cancelLegs()

	lexical, meaning, err := s.gather(legs)
	if err == nil {
		lexical, meaning, err = s.widen(legs, lexical, meaning)
	}
	if err != nil {
		return err
	}
	if err := parent.Err(); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	if err := s.account(lexical, meaning); err != nil {
		return err
	}
	ranked, err := s.rank(lexical, meaning)
	if err != nil {
		return err
	}
	page := s.page
	if s.req.Collapse != nil {
		page = s.pageFamilies
	}
	if err := page(ctx, ranked); err != nil {
		return err
	}
	if len(s.degraded) > 0 && !s.req.AllowPartial {
		return s.degraded.refusal("the answer would be partial, which allow_partial excludes")
	}
	return nil
}

// gather runs the legs side by side; those that don't run are nil.
func (s *search) gather(ctx context.Context) (lexical *sparseLeg, meaning *denseLeg, err error) {
	// The dense leg starts first, for it is the slowest.
	denseDone := make(chan denseLeg, 1)
	wantSparse, wantDense := s.legs()
	if wantDense {
		go func() { denseDone <- s.denseLeg(ctx) }()
	}
	if wantSparse {
		leg, err := s.sparseLeg(ctx)
		if err != nil {
			return nil, nil, err
		}
		lexical = &leg
	}
	if wantDense {
		leg := <-denseDone
		meaning = &leg
	}
	return lexical, meaning, nil
}

// totalOf gives the total of a search that counts up to a number of matches, whatever the shards have counted beyond
// it, so that the layout is not to be seen.
func totalOf(total, limit int) api.Total {
	out := api.Total{Value: total, Relation: api.RelationExact, Scope: api.LegSparse}
	if limit < 0 || limit > 0 && total >= limit {
		out.Relation = api.RelationAtLeast
	}
	if limit > 0 {
		out.Value = min(total, limit)
	}
	return out
}

// legs says which legs run. A hybrid search that only counts needs no dense leg.
func (s *search) legs() (wantSparse, wantDense bool) {
	switch s.req.Mode {
	case api.ModeSparse:
		return true, false
	case api.ModeDense:
		return false, true
	}
	return true, s.req.Size > 0
}

// account notes timings, totals and what failed, and gives the problem of a search that no leg
// answered.
func (s *search) account(lexical *sparseLeg, meaning *denseLeg) error {
	r := &s.response
	answered := false
	if lexical != nil {
		r.TimingsMS.Sparse = milliseconds(lexical.took)
		s.metrics.observe(api.LegSparse, lexical.took)
		s.blame(api.LegSparse, lexical.failures)
		if lexical.refused != nil {
			return lexical.refused
		}
		answered = lexical.answered > 0
		r.Total = totalOf(lexical.total, s.req.Count)
		if lexical.answered < len(s.target.Shards) {
			r.Total.Relation = api.RelationAtLeast
		}
	}
	if meaning != nil {
		r.TimingsMS.Embed, r.TimingsMS.Dense = milliseconds(meaning.embedTook), milliseconds(meaning.took)
		s.metrics.observe("embed", meaning.embedTook)
		s.metrics.observe(api.LegDense, meaning.took)
		s.blame(api.LegDense, meaning.failures)
		if meaning.refused != nil {
			return meaning.refused
		}
		if !answered {
			r.Total = api.Total{Value: len(meaning.hits), Relation: api.RelationAtLeast, Scope: api.LegDense}
		}
		answered = answered || meaning.answered > 0
		if meaning.lag > 0 {
			detail := fmt.Sprintf("%d documents wait for their vectors", meaning.lag)
			if s.req.Only != nil {
				detail = "documents wait for their vectors" // how many others have is not for this caller
			}
			s.degraded.add(api.LegDense, api.ReasonDenseLagging, detail)
		}
	}
	if !answered {
		return s.degraded.refusal("no leg answered")
	}
	return nil
}

// failure is what went wrong in a leg.
type failure struct {
	reason api.Reason
	detail string
	err    error
}

// blame puts failures into the answer, the log and the memory of queries that panic.
func (s *search) blame(leg string, failures []failure) {
	for _, f := range failures {
		s.degraded.add(leg, f.reason, f.detail)
		var p *panicError
		if errors.As(f.err, &p) {
			s.metrics.panics.Inc()
			s.suspects.record(s.target.Name, s.req)
			s.cfg.Logger.Error("search panicked", "index", s.target.Name, "leg", leg,
				"panic", fmt.Sprint(p.value), "stack", string(p.stack))
			continue
		}
		if left, ok := s.quiet.say(s.target.Name+" "+leg+" "+string(f.reason), s.cfg.Now()); ok {
			s.cfg.Logger.Warn("search degraded", "index", s.target.Name, "leg", leg, "reason", string(f.reason),
				"detail", f.detail, "error", f.err, "left_out", left)
		}
	}
}

// Count gives the exact number of documents that match q in all shards; nil matches all.
func (s *Searcher) Count(ctx context.Context, target Target, q api.Query) (int, error) {
	answers := everywhere(ctx, target.Shards, func(ctx context.Context, _ int, shard Shard) (int, error) {
		return shard.Count(ctx, q)
	})
	total := 0
	for _, a := range answers {
		switch {
		case errors.Is(a.err, sparse.ErrQuery):
			return 0, queryProblem(a.err)
		case isPanic(a.err):
			s.metrics.panics.Inc()
			return 0, fmt.Errorf("count: %w: %w", api.ErrUnavailable, a.err)
		case a.err != nil:
			return 0, fmt.Errorf("count: %w", a.err)
		}
		total += a.value
	}
	return total, nil
}

// queryProblem is the answer to a query that a shard refused.
func queryProblem(err error) *api.Problem {
	return api.NewProblem(api.ProblemQuery, 400, "query", "%v", err)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
