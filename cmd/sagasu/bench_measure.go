package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"sagasu/api"
	"sagasu/sparse"
)

// nsPerPosting is what exhaustive scoring takes at least for a posting, docs/benchmarks.md says why.
const nsPerPosting = 1.3

// benchResult is the line that is printed; times in microseconds, as in bench/peers.
type benchResult struct {
	Kind    string  `json:"kind"`
	Op      string  `json:"op"`
	Filter  int     `json:"filter"`
	Docs    int     `json:"docs"`
	Queries int     `json:"queries"`
	Passes  int     `json:"passes"`
	Mean    float64 `json:"mean_us"`
	P50     float64 `json:"p50_us"`
	P95     float64 `json:"p95_us"`
	P99     float64 `json:"p99_us"`
	// Postings are those of the queries' terms, on average, and Eta is the time over what these take at least.
	Postings float64 `json:"postings"`
	Eta      float64 `json:"eta"`
	// AllocBytes and Allocs are of a query, on average.
	AllocBytes float64 `json:"alloc_bytes"`
	Allocs     float64 `json:"allocs"`
}

// measure runs all queries of a kind: once to warm up, repeat times for the clock, once for allocations.
func (b *bench) measure(
	ctx context.Context, snap *sparse.Snapshot, kind, op string, asked [][]string,
) (benchResult, error) {
	requests := make([]sparse.Request, len(asked))
	postings := uint64(0)
	for i, terms := range asked {
		requests[i] = b.request(kind, op, terms)
		of, err := benchPostings(snap, terms)
		if err != nil {
			return benchResult{}, err
		}
		postings += of
	}
	times := make([][]time.Duration, len(requests))
	for pass := range b.repeat + 1 {
		for i := range requests {
			start := time.Now()
			if _, err := snap.Search(ctx, requests[i]); err != nil {
				return benchResult{}, fmt.Errorf("search %q: %w", strings.Join(asked[i], " "), err)
			}
			if took := time.Since(start); pass > 0 {
				times[i] = append(times[i], took)
			}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range requests {
		if _, err := snap.Search(ctx, requests[i]); err != nil {
			return benchResult{}, fmt.Errorf("search %q: %w", strings.Join(asked[i], " "), err)
		}
	}
	runtime.ReadMemStats(&after)
	n := float64(len(requests))
	line := benchResult{
		Kind: kind, Op: op, Filter: b.filter, Docs: snap.Len(), Queries: len(requests), Passes: b.repeat,
		Postings:   float64(postings) / n,
		AllocBytes: float64(after.TotalAlloc-before.TotalAlloc) / n,
		Allocs:     float64(after.Mallocs-before.Mallocs) / n,
	}
	line.distribute(times)
	if postings > 0 {
		line.Eta = line.Mean * 1000 / (line.Postings * nsPerPosting)
	}
	return line, nil
}

// distribute takes of each query the median of its passes.
func (r *benchResult) distribute(times [][]time.Duration) {
	medians := make([]float64, len(times))
	sum := 0.0
	for i, passes := range times {
		slices.Sort(passes)
		medians[i] = float64(passes[len(passes)/2].Nanoseconds()) / 1000
		sum += medians[i]
	}
	slices.Sort(medians)
	at := func(share float64) float64 { return medians[min(len(medians)-1, int(share*float64(len(medians))))] }
	r.Mean, r.P50, r.P95, r.P99 = sum/float64(len(medians)), at(0.5), at(0.95), at(0.99)
}

func (b *bench) request(kind, op string, terms []string) sparse.Request {
	request := sparse.Request{Count: -1}
	switch op {
	case opTop10:
		request.K = 10
	case opTop100:
		request.K = 100
	case opTop100Count:
		request.K, request.Count = 100, 0
	case opCount:
		request.Count = 0
	}
	fields := []api.FieldBoost{{Field: benchTextField, Boost: 1}}
	text := strings.Join(terms, " ")
	switch kind {
	case kindPhrase:
		request.Query = &api.Phrase{Text: text, Fields: fields, Boost: 1}
	case kindAnd:
		request.Query = &api.Match{Text: text, Fields: fields, Boost: 1, Operator: api.OperatorAnd}
	default:
		request.Query = &api.Match{Text: text, Fields: fields, Boost: 1, Operator: api.OperatorOr}
	}
	if b.filter > 0 {
		share := api.Scalar{Type: api.TypeKeyword, Str: strconv.Itoa(b.filter)}
		request.Filter = &api.Term{Field: benchShareField, Value: share, Boost: 1}
	}
	return request
}

// benchPostings is the number of postings of a query's distinct terms.
func benchPostings(snap *sparse.Snapshot, terms []string) (uint64, error) {
	keys := make([]sparse.TermKey, len(terms))
	for i, term := range terms {
		keys[i] = sparse.TermKey{Field: benchTextField, Term: term}
	}
	stats, err := snap.Statistics(keys)
	if err != nil {
		return 0, fmt.Errorf("count postings: %w", err)
	}
	sum := uint64(0)
	for _, n := range stats.Terms {
		sum += n
	}
	return sum, nil
}
