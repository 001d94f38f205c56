package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
	"sagasu/bench/quality"
	"sagasu/coordinator"
	"sagasu/coordinator/httpapi"
	"sagasu/embedclient"
	"sagasu/sparse/analysis"
)

// evalDepth is the depth of each ranking: recall@100 looks no deeper.
const evalDepth = 100

func evalCommand(t *terminal) *cobra.Command {
	e := &eval{terminal: t}
	c := &cobra.Command{
		Use:   "eval --corpus FILE --queries FILE --qrels FILE",
		Short: "Measure ranking quality on a judged collection",
		Long: "Builds an index in a temporary directory, runs every query, and prints one JSON line with\n" +
			"ndcg@10, mrr@10, recall@100 and the time of a search.",
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return e.run(c.Context()) },
	}
	flags := c.Flags()
	flags.StringVar(&e.corpus, "corpus", "", "documents, JSON Lines with id, title and text")
	flags.StringVar(&e.queries, "queries", "", "queries: id, tab, text")
	flags.StringVar(&e.qrels, "qrels", "", "judgements: query id, tab, document id, tab, grade")
	flags.StringVar(&e.mode, "mode", string(api.ModeSparse), "sparse, dense or hybrid")
	flags.StringVar(&e.lang, "lang", "en", "en or ja: which analyzer the text has")
	flags.StringVar(&e.analyzer, "analyzer", "", "analyzer instead of the language's, to compare")
	flags.StringVar(&e.vectors, "vectors", "", "directory with passages.f16, queries.f16 and vectors.json")
	flags.StringVar(&e.embedURL, "embed-url", "", "embedding service instead of vectors")
	return c
}

// eval is one evaluation.
type eval struct {
	*terminal
	corpus, queries, qrels string
	mode, lang, analyzer   string
	vectors, embedURL      string

	documents []quality.Document
	asked     []quality.Query
	judged    quality.Qrels
	passages  quality.Vectors
	questions quality.Vectors
	// shared is made on first use.
	shared *process
}

// evalResult is the line that is printed.
type evalResult struct {
	quality.Scores
	Documents int     `json:"documents"`
	Mode      string  `json:"mode"`
	Analyzer  string  `json:"analyzer"`
	P50       float64 `json:"p50_ms"`
	P95       float64 `json:"p95_ms"`
}

func (e *eval) run(ctx context.Context) (err error) {
	if err := e.check(); err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	if err := e.read(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sagasu-eval-")
	if err != nil {
		return fmt.Errorf("make temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	node, err := e.open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	if e.shared.embedders != nil {
		defer func() { err = errors.Join(err, e.shared.embedders.Close()) }()
	}
	schema, err := e.load(ctx, node)
	if err != nil {
		return err
	}
	ranked, times, err := e.ask(ctx, node, schema)
	if err != nil {
		return err
	}
	slices.Sort(times)
	return e.printJSON(evalResult{
		Scores: quality.Evaluate(e.judged, ranked), Documents: len(e.documents), Mode: e.mode,
		Analyzer: e.analyzer, P50: percentile(times, 50), P95: percentile(times, 95),
	})
}

func (e *eval) check() error {
	for _, f := range []struct{ name, value string }{
		{"--corpus", e.corpus}, {"--queries", e.queries}, {"--qrels", e.qrels},
	} {
		if f.value == "" {
			return fmt.Errorf("%s is not set", f.name)
		}
	}
	if !slices.Contains([]api.Mode{api.ModeSparse, api.ModeDense, api.ModeHybrid}, api.Mode(e.mode)) {
		return fmt.Errorf("--mode is %q, must be sparse, dense or hybrid", e.mode)
	}
	switch e.lang {
	case "en", "ja":
	default:
		return fmt.Errorf("--lang is %q, must be en or ja", e.lang)
	}
	if e.analyzer == "" {
		e.analyzer = map[string]string{"en": "english", "ja": "japanese"}[e.lang]
	}
	if !slices.Contains(api.Analyzers(), e.analyzer) {
		return fmt.Errorf("--analyzer is %q, must be one of %v", e.analyzer, api.Analyzers())
	}
	if given := e.vectors != "" || e.embedURL != ""; !given && api.Mode(e.mode) != api.ModeSparse {
		return fmt.Errorf("--mode %s needs --vectors or --embed-url", e.mode)
	}
	if e.vectors != "" && e.embedURL != "" {
		return errors.New("--vectors and --embed-url exclude each other")
	}
	return nil
}

func (e *eval) read() (err error) {
	if e.documents, err = quality.ReadCorpus(e.corpus); err != nil {
		return err
	}
	if e.asked, err = quality.ReadQueries(e.queries); err != nil {
		return err
	}
	if e.judged, err = quality.ReadQrels(e.qrels); err != nil {
		return err
	}
	if e.vectors == "" {
		return nil
	}
	if e.passages, err = quality.ReadVectors(e.vectors, quality.Passages); err != nil {
		return err
	}
	if e.questions, err = quality.ReadVectors(e.vectors, quality.Queries); err != nil {
		return err
	}
	if len(e.passages.Rows) != len(e.documents) || len(e.questions.Rows) != len(e.asked) {
		return fmt.Errorf("%s has vectors of %d documents and %d queries, the collection has %d and %d", e.vectors,
			len(e.passages.Rows), len(e.questions.Rows), len(e.documents), len(e.asked))
	}
	return nil
}

// load makes the index and writes the documents.
func (e *eval) load(ctx context.Context, node *coordinator.Node) (*api.Schema, error) {
	schema := api.Schema{Fields: map[string]api.Field{
		"title": {Type: api.TypeText, Analyzer: e.analyzer}, "text": {Type: api.TypeText, Analyzer: e.analyzer},
	}}
	dense := api.Mode(e.mode) != api.ModeSparse
	switch {
	case dense && e.vectors != "":
		schema.Dense = &api.DenseConfig{Dims: e.passages.Dims}
	case dense:
		dims, err := e.embeddingDims(ctx)
		if err != nil {
			return nil, err
		}
		schema.Dense = &api.DenseConfig{Dims: dims, Fields: []string{"title", "text"}}
	}
	if _, err := node.CreateIndex(ctx, evalIndex, schema, api.Layout{}); err != nil {
		return nil, err
	}
	writes := make([]api.Write, 0, len(e.documents))
	for i, d := range e.documents {
		data, err := json.Marshal(map[string]string{"title": d.Title, "text": d.Text})
		if err != nil {
			return nil, fmt.Errorf("encode document %q: %w", d.ID, err)
		}
		w, err := api.ParseDocumentAs(&schema, d.ID, data)
		if err != nil {
			return nil, fmt.Errorf("document %q: %w", d.ID, err)
		}
		if dense && e.vectors != "" {
			w.Doc.Vector = e.passages.Rows[i]
		}
		writes = append(writes, w)
	}
	for batch := range slices.Chunk(writes, maxBulkBatch) {
		if _, err := node.Write(ctx, evalIndex, batch, httpapi.WriteOptions{WaitDense: dense}); err != nil {
			return nil, fmt.Errorf("write documents: %w", err)
		}
	}
	return &schema, nil
}

const evalIndex = "eval"

// ask runs every query, and gives the ids it found and the times it took in milliseconds.
func (e *eval) ask(
	ctx context.Context, node *coordinator.Node, schema *api.Schema,
) (map[string][]string, []float64, error) {
	ranked := make(map[string][]string, len(e.asked))
	times := make([]float64, 0, len(e.asked))
	for i, q := range e.asked {
		body := map[string]any{
			"query": q.Text, "mode": e.mode, "size": evalDepth, "allow_partial": false, "timeout": "30s",
		}
		data, err := json.Marshal(body)
		if err != nil {
			return nil, nil, fmt.Errorf("encode query %q: %w", q.ID, err)
		}
		req, err := api.ParseSearchRequest(schema, data)
		if err != nil {
			return nil, nil, fmt.Errorf("query %q: %w", q.ID, err)
		}
		if schema.Dense != nil && e.vectors != "" {
			req.Vector, req.Text = e.questions.Rows[i], ""
		}
		start := time.Now()
		answer, err := node.Search(ctx, evalIndex, req)
		if err != nil {
			return nil, nil, fmt.Errorf("query %q: %w", q.ID, err)
		}
		times = append(times, float64(time.Since(start).Microseconds())/1000)
		for _, h := range answer.Hits {
			ranked[q.ID] = append(ranked[q.ID], h.ID)
		}
	}
	return ranked, times, nil
}

// percentile is the nearest-rank percentile of ascending values, 0 of none.
func percentile(sorted []float64, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// open opens a node over a temporary directory.
func (e *eval) open(ctx context.Context, dir string) (*coordinator.Node, error) {
	p, err := e.process()
	if err != nil {
		return nil, err
	}
	cfg := coordinator.Default()
	cfg.DataDir, cfg.Analyzers, cfg.Logger, cfg.Registry = dir, analysis.NewRegistry(), p.logger, p.registry
	if p.embedders != nil {
		cfg.Embedders = p.embedders
	}
	return coordinator.Open(ctx, cfg)
}

func (e *eval) process() (*process, error) {
	if e.shared != nil {
		return e.shared, nil
	}
	p := &process{logger: slog.New(slog.DiscardHandler)}
	var err error
	if p.registry, err = newRegistry(); err != nil {
		return nil, err
	}
	if e.embedURL != "" {
		cfg := embedclient.ServicesConfig{Default: embedclient.Default(), Logger: p.logger, Registry: p.registry}
		cfg.Default.URL = e.embedURL
		if p.embedders, err = embedclient.NewServices(cfg); err != nil {
			return nil, usageError("--embed-url: %w", err)
		}
	}
	e.shared = p
	return p, nil
}

// embeddingDims asks the service for a vector to learn its length.
func (e *eval) embeddingDims(ctx context.Context) (int, error) {
	p, err := e.process()
	if err != nil {
		return 0, err
	}
	service, err := p.embedders.For("")
	if err != nil {
		return 0, err
	}
	vectors, err := service.Embed(ctx, embedclient.Passage, []string{"a"})
	if err != nil {
		return 0, fmt.Errorf("ask the embedding service: %w", err)
	}
	return len(vectors[0]), nil
}
