package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sagasu/api"
	"sagasu/sparse"
)

// benchWritten is the number of documents that are written again and again while searches are timed.
const benchWritten = 50_000

// benchCopyDir is the copy of the index that is written to.
const benchCopyDir = "copy"

// benchTimes are times of single searches, in microseconds.
type benchTimes struct {
	Searches int     `json:"searches"`
	Mean     float64 `json:"mean_us"`
	P50      float64 `json:"p50_us"`
	P95      float64 `json:"p95_us"`
	P99      float64 `json:"p99_us"`
	Max      float64 `json:"max_us"`
}

// benchWhile is the line that is printed of searches beside writes.
type benchWhile struct {
	Kind string `json:"kind"`
	Op   string `json:"op"`
	// Idle searches come just before the others.
	Idle     benchTimes `json:"idle"`
	Indexing benchTimes `json:"indexing"`
	// RatioP50 and RatioP99 are Indexing over Idle.
	RatioP50 float64 `json:"ratio_p50"`
	RatioP99 float64 `json:"ratio_p99"`
	// Docs are those of the index before and after.
	Docs       [2]int  `json:"docs"`
	DocsPerSec float64 `json:"docs_per_s"`
	// LongestWrite is the batch of benchBatch documents that took longest, in milliseconds.
	LongestWrite float64 `json:"longest_write_ms"`
}

func timesOf(took []time.Duration) benchTimes {
	slices.Sort(took)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	at := func(share float64) float64 { return us(took[min(len(took)-1, int(share*float64(len(took))))]) }
	sum := time.Duration(0)
	for _, d := range took {
		sum += d
	}
	return benchTimes{
		Searches: len(took), Mean: us(sum) / float64(len(took)),
		P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: us(took[len(took)-1]),
	}
}

// measureWhile times the searches of a kind, each of them on what has been written by then: for the time given with
// nobody writing, and again while documents are written as fast as the index takes them. They go to a copy of the
// index, in dir, which is removed afterwards.
func (b *bench) measureWhile(
	ctx context.Context, original *sparse.Index, dir, kind, op string, asked [][]string, texts []api.Write,
) (line benchWhile, err error) {
	copied := filepath.Join(dir, benchCopyDir)
	if err := os.RemoveAll(copied); err != nil {
		return line, fmt.Errorf("remove copy of index: %w", err)
	}
	if _, err := original.Checkpoint(ctx, copied); err != nil {
		return line, fmt.Errorf("copy index: %w", err)
	}
	index, err := openBench(copied)
	if err != nil {
		return line, err
	}
	defer func() { err = errors.Join(err, index.Close(), os.RemoveAll(copied)) }()
	requests := make([]sparse.Request, len(asked))
	for i, terms := range asked {
		requests[i] = b.request(kind, op, terms)
		if _, err := benchSearch(ctx, index, &requests[i]); err != nil { // warms up
			return line, err
		}
	}
	line = benchWhile{Kind: kind, Op: op, Docs: [2]int{benchLen(index), 0}}
	idle, err := b.searchFor(ctx, index, requests)
	if err != nil {
		return line, err
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	wrote := make(chan error, 1)
	w := &benchWriter{index: index, texts: texts, next: line.Docs[0]}
	began := time.Now()
	go func() { wrote <- w.run(writing) }()
	busy, err := b.searchFor(ctx, index, requests)
	stop()
	if err := errors.Join(err, <-wrote); err != nil {
		return line, err
	}
	line.Docs[1] = benchLen(index)
	line.DocsPerSec = float64(line.Docs[1]-line.Docs[0]) / time.Since(began).Seconds()
	line.LongestWrite = float64(w.longest.Microseconds()) / 1000
	line.Idle, line.Indexing = timesOf(idle), timesOf(busy)
	line.RatioP50, line.RatioP99 = line.Indexing.P50/line.Idle.P50, line.Indexing.P99/line.Idle.P99
	return line, nil
}

// searchFor runs the searches, in turn and again, for the time that the user wants, and gives how long each took.
func (b *bench) searchFor(ctx context.Context, index *sparse.Index, requests []sparse.Request) ([]time.Duration, error) {
	var took []time.Duration
	for began := time.Now(); time.Since(began) < b.whileIndexing; {
		for i := range requests {
			d, err := benchSearch(ctx, index, &requests[i])
			if err != nil {
				return nil, err
			}
			took = append(took, d)
		}
	}
	return took, nil
}

func benchSearch(ctx context.Context, index *sparse.Index, request *sparse.Request) (time.Duration, error) {
	start := time.Now()
	snap := index.Snapshot()
	_, err := snap.Search(ctx, *request)
	snap.Release()
	if err != nil {
		return 0, fmt.Errorf("search while indexing: %w", err)
	}
	return time.Since(start), nil
}

func benchLen(index *sparse.Index) int {
	snap := index.Snapshot()
	defer snap.Release()
	return snap.Len()
}

// benchWriter writes the same texts again and again under ids of their own.
type benchWriter struct {
	index   *sparse.Index
	texts   []api.Write
	next    int
	longest time.Duration
}

func (w *benchWriter) run(ctx context.Context) error {
	for at := 0; ctx.Err() == nil; {
		writes := make([]api.Write, 0, benchBatch)
		for range benchBatch {
			write := w.texts[at%len(w.texts)]
			write.Doc.ID = strconv.Itoa(w.next)
			writes = append(writes, write)
			w.next, at = w.next+1, at+1
		}
		start := time.Now()
		batch := sparse.Batch{Index: w.index.AppliedIndex() + 1, Writes: writes}
		if _, err := w.index.Apply(batch); err != nil {
			return fmt.Errorf("index while searching: %w", err)
		}
		w.longest = max(w.longest, time.Since(start))
	}
	return nil
}

// writes gives the first documents of the corpus, ready to be written.
func (b *bench) writes() ([]api.Write, error) {
	f, err := os.Open(b.corpus)
	if err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	var out []api.Write
	lines := json.NewDecoder(bufio.NewReader(f))
	for len(out) < benchWritten {
		var document struct{ Title, Text string }
		if err := lines.Decode(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read corpus %s: document %d: %w", b.corpus, len(out)+1, err)
		}
		out = append(out, benchWrite(len(out), strings.Join([]string{document.Title, document.Text}, " ")))
	}
	return out, nil
}
