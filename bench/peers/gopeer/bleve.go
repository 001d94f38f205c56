package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/custom"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/whitespace"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/index/scorch/mergeplan"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search/query"
)

// Names of the two fields and of the analyzer.
const (
	textField  = "text"
	shareField = "share"
	spaces     = "spaces"
)

// moduleVersion is that of a module this program was built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return ""
}

type bleveEngine struct{}

func (bleveEngine) version() string { return moduleVersion("github.com/blevesearch/bleve/v2") }

func bleveMapping() (mapping.IndexMapping, error) {
	m := bleve.NewIndexMapping()
	err := m.AddCustomAnalyzer(spaces, map[string]any{"type": custom.Name, "tokenizer": whitespace.Name})
	if err != nil {
		return nil, err
	}
	m.ScoringModel = "bm25"
	m.DefaultAnalyzer = spaces
	m.DefaultMapping.Dynamic = false
	text := bleve.NewTextFieldMapping()
	text.Analyzer, text.Store, text.DocValues, text.IncludeInAll, text.IncludeTermVectors = spaces, false, false, false, true
	share := bleve.NewTextFieldMapping()
	share.Analyzer, share.Store, share.DocValues, share.IncludeInAll, share.IncludeTermVectors = spaces, false, false, false, false
	m.DefaultMapping.AddFieldMappingsAt(textField, text)
	m.DefaultMapping.AddFieldMappingsAt(shareField, share)
	return m, nil
}

func (bleveEngine) build(dir string, next func() (number, shares, text string, ok bool, err error)) error {
	m, err := bleveMapping()
	if err != nil {
		return err
	}
	index, err := bleve.NewUsing(dir, m, scorch.Name, scorch.Name, nil)
	if err != nil {
		return err
	}
	batch := index.NewBatch()
	for {
		number, shares, text, ok, err := next()
		if err != nil {
			return err
		}
		if ok {
			if err := batch.Index(number, map[string]string{textField: text, shareField: shares}); err != nil {
				return err
			}
		}
		if batch.Size() >= 1000 || !ok && batch.Size() > 0 {
			if err := index.Batch(batch); err != nil {
				return err
			}
			batch.Reset()
		}
		if !ok {
			break
		}
	}
	inner, err := index.Advanced()
	if err != nil {
		return err
	}
	s, ok := inner.(*scorch.Scorch)
	if !ok {
		return fmt.Errorf("the index is a %T, not scorch", inner)
	}
	if err := s.ForceMerge(context.Background(), &mergeplan.SingleSegmentMergePlanOptions); err != nil {
		return err
	}
	return index.Close()
}

func (bleveEngine) open(dir string) (searcher, error) {
	index, err := bleve.Open(dir)
	if err != nil {
		return nil, err
	}
	return &bleveSearcher{index}, nil
}

type bleveSearcher struct{ index bleve.Index }

func (s *bleveSearcher) close() error { return s.index.Close() }

func bleveQuery(q *question) query.Query {
	var parts []query.Query
	for _, t := range q.terms {
		term := bleve.NewTermQuery(t)
		term.SetField(textField)
		parts = append(parts, term)
	}
	var whole query.Query
	switch q.kind {
	case "and":
		whole = bleve.NewConjunctionQuery(parts...)
	case "phrase":
		if len(parts) > 1 {
			whole = query.NewPhraseQuery(q.terms, textField)
			break
		}
		whole = parts[0]
	case "term":
		whole = parts[0]
	default:
		whole = bleve.NewDisjunctionQuery(parts...)
	}
	if q.share == "" {
		return whole
	}
	filter := bleve.NewTermQuery(q.share)
	filter.SetField(shareField)
	filter.SetBoost(0)
	return bleve.NewConjunctionQuery(whole, filter)
}

func (s *bleveSearcher) search(ctx context.Context, q *question) (int, []hit, error) {
	request := bleve.NewSearchRequestOptions(bleveQuery(q), q.k, 0, false)
	if q.k == 0 {
		request.Score = "none"
	}
	found, err := s.index.SearchInContext(ctx, request)
	if err != nil {
		return 0, nil, err
	}
	hits := make([]hit, 0, len(found.Hits))
	for _, h := range found.Hits {
		hits = append(hits, hit{h.ID, h.Score})
	}
	return int(found.Total), hits, nil
}
