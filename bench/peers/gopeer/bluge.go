package main

import (
	"context"
	"errors"

	"github.com/blugelabs/bluge"
	"github.com/blugelabs/bluge/analysis"
	"github.com/blugelabs/bluge/analysis/tokenizer"
	"github.com/blugelabs/bluge/search"
)

type blugeEngine struct{}

func (blugeEngine) version() string { return moduleVersion("github.com/blugelabs/bluge") }

func (blugeEngine) build(dir string, next func() (number, shares, text string, ok bool, err error)) error {
	w, err := bluge.OpenOfflineWriter(bluge.DefaultConfig(dir), 1000, 10)
	if err != nil {
		return err
	}
	analyzer := &analysis.Analyzer{Tokenizer: tokenizer.NewWhitespaceTokenizer()}
	for {
		number, shares, text, ok, err := next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		document := bluge.NewDocument(number).
			AddField(bluge.NewTextField(textField, text).WithAnalyzer(analyzer).SearchTermPositions()).
			AddField(bluge.NewTextField(shareField, shares).WithAnalyzer(analyzer))
		if err := w.Insert(document); err != nil {
			return err
		}
	}
	return w.Close()
}

func (blugeEngine) open(dir string) (searcher, error) {
	r, err := bluge.OpenReader(bluge.DefaultConfig(dir))
	if err != nil {
		return nil, err
	}
	return &blugeSearcher{r}, nil
}

type blugeSearcher struct{ reader *bluge.Reader }

func (s *blugeSearcher) close() error { return s.reader.Close() }

func blugeQuery(q *question) bluge.Query {
	var parts []bluge.Query
	for _, t := range q.terms {
		parts = append(parts, bluge.NewTermQuery(t).SetField(textField))
	}
	var whole bluge.Query
	switch q.kind {
	case "and":
		whole = bluge.NewBooleanQuery().AddMust(parts...)
	case "phrase":
		whole = parts[0]
		if len(parts) > 1 {
			terms := make([][]string, len(q.terms))
			for i, t := range q.terms {
				terms[i] = []string{t}
			}
			whole = bluge.NewMultiPhraseQuery(terms).SetField(textField)
		}
	case "term":
		whole = parts[0]
	default:
		whole = bluge.NewBooleanQuery().AddShould(parts...)
	}
	if q.share == "" {
		return whole
	}
	filter := bluge.NewTermQuery(q.share).SetField(shareField).SetBoost(0)
	return bluge.NewBooleanQuery().AddMust(whole, filter)
}

func (s *blugeSearcher) search(ctx context.Context, q *question) (int, []hit, error) {
	var request bluge.SearchRequest
	if q.count || q.k == 0 {
		request = bluge.NewTopNSearch(q.k, blugeQuery(q)).WithStandardAggregations()
	} else {
		request = bluge.NewTopNSearch(q.k, blugeQuery(q))
	}
	matches, err := s.reader.Search(ctx, request)
	if err != nil {
		return 0, nil, err
	}
	var hits []hit
	for {
		m, err := matches.Next()
		if err != nil {
			return 0, nil, err
		}
		if m == nil {
			break
		}
		number, err := blugeID(m)
		if err != nil {
			return 0, nil, err
		}
		hits = append(hits, hit{number, m.Score})
	}
	count := -1
	if q.count || q.k == 0 {
		count = int(matches.Aggregations().Count())
	}
	return count, hits, nil
}

func blugeID(m *search.DocumentMatch) (string, error) {
	var id string
	err := m.VisitStoredFields(func(field string, value []byte) bool {
		if field == "_id" {
			id = string(value)
			return false
		}
		return true
	})
	if err == nil && id == "" {
		err = errors.New("document without an id")
	}
	return id, err
}
