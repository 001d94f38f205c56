package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sagasu/sparse"
)

func benchCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure this machine", Args: exactly(0)}
	c.AddCommand(benchLocalCommand(t))
	return c
}

func benchLocalCommand(t *terminal) *cobra.Command {
	b := &bench{terminal: t}
	c := &cobra.Command{
		Use:   "local --corpus FILE --queries FILE",
		Short: "Time the index engine alone, in this process",
		Long: "Indexes the corpus as one segment, runs every query by one thread, and prints one JSON line per kind of\n" +
			"query and operation. A line of queries is +a +b for all words, \"a b\" for a phrase, a word, or any words.",
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c.Context()) },
	}
	flags := c.Flags()
	flags.StringVar(&b.corpus, "corpus", "", "documents, JSON Lines with id, title and text")
	flags.StringVar(&b.queries, "queries", "", "queries, one a line")
	flags.StringSliceVar(&b.ops, "ops", []string{"top10", "top100", "count"}, "top10, top100, top100count, count")
	flags.StringVar(&b.kind, "kind", "", "take all queries as and, or, phrase or term")
	flags.IntVar(&b.filter, "filter", 0, "search 1, 10 or 50 percent of the documents only")
	flags.IntVar(&b.repeat, "repeat", 5, "times that each query is run; its median counts")
	flags.StringVar(&b.dir, "dir", "", "keep the index here, and use it again for the same corpus")
	flags.DurationVar(&b.whileIndexing, "while-indexing", 0,
		"time searches for that long, and again while documents are written as fast as can be, such as 30s")
	flags.StringVar(&b.profile, "cpuprofile", "", "write a CPU profile of the searches to this file")
	return c
}

// bench is one run of bench local.
type bench struct {
	*terminal
	corpus, queries, kind, dir, profile string
	ops                                 []string
	filter, repeat                      int
	whileIndexing                       time.Duration
}

// Names of operations and kinds.
const (
	opTop10, opTop100, opTop100Count, opCount = "top10", "top100", "top100count", "count"

	kindTerm, kindAnd, kindOr, kindPhrase = "term", "and", "or", "phrase"
)

func benchOps() []string    { return []string{opTop10, opTop100, opTop100Count, opCount} }
func benchKinds() []string  { return []string{kindTerm, kindAnd, kindOr, kindPhrase} }
func benchShares() []int    { return []int{1, 10, 50} }
func (b *bench) each() bool { return b.kind == kindTerm }

func (b *bench) check() error {
	if b.corpus == "" || b.queries == "" {
		return errors.New("--corpus and --queries are required")
	}
	for _, op := range b.ops {
		if !slices.Contains(benchOps(), op) {
			return fmt.Errorf("--ops has %q, must be of %s", op, strings.Join(benchOps(), ", "))
		}
	}
	if b.kind != "" && !slices.Contains(benchKinds(), b.kind) {
		return fmt.Errorf("--kind is %q, must be one of %s", b.kind, strings.Join(benchKinds(), ", "))
	}
	if b.filter != 0 && !slices.Contains(benchShares(), b.filter) {
		return fmt.Errorf("--filter is %d, must be 1, 10 or 50", b.filter)
	}
	if b.repeat < 1 {
		return fmt.Errorf("--repeat is %d, must be at least 1", b.repeat)
	}
	if b.whileIndexing < 0 {
		return fmt.Errorf("--while-indexing is %s, must not be negative", b.whileIndexing)
	}
	return nil
}

func (b *bench) run(ctx context.Context) (err error) {
	if err := b.check(); err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	asked, err := b.read()
	if err != nil {
		return err
	}
	dir := b.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "sagasu-bench-"); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	index, err := b.index(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	stop, err := profile(b.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	line, err := b.lines(index, dir)
	if err != nil {
		return err
	}
	out := json.NewEncoder(b.out)
	for _, kind := range benchKinds() {
		of := asked[kind]
		if len(of) == 0 {
			continue
		}
		for _, op := range b.ops {
			b.tell("%s %s: %d queries of %s", kind, op, len(of), filepath.Base(b.queries))
			found, err := line(ctx, kind, op, of)
			if err != nil {
				return err
			}
			if err := out.Encode(found); err != nil {
				return fmt.Errorf("write result: %w", err)
			}
		}
	}
	return nil
}

// lines gives what measures a kind of query and an operation; dir is what the index's directory is in.
func (b *bench) lines(index *sparse.Index, dir string) (
	line func(ctx context.Context, kind, op string, asked [][]string) (any, error), err error,
) {
	if b.whileIndexing == 0 {
		return func(ctx context.Context, kind, op string, asked [][]string) (any, error) {
			snap := index.Snapshot()
			defer snap.Release()
			return b.measure(ctx, snap, kind, op, asked)
		}, nil
	}
	texts, err := b.writes()
	return func(ctx context.Context, kind, op string, asked [][]string) (any, error) {
		return b.measureWhile(ctx, index, dir, kind, op, asked, texts)
	}, err
}

// tell is progress. A failing stderr leaves nobody to tell.
func (b *bench) tell(format string, args ...any) { _, _ = fmt.Fprintf(b.err, format+"\n", args...) }
