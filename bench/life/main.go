// Command life measures the way of documents through all stores: how soon shards, Milvus and the catalog agree
// after the last acknowledgement, how much of the embedding service's own rate the outbox gets out of it, and
// what an outage of Milvus costs. It starts the real services by the scripts of deploy/scripts, and a node.
//
//	go run ./bench/life -binary bin/sagasu -corpus scifact/corpus.jsonl
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are what a run can be told.
type options struct {
	binary, corpus, only string
	docs, texts, rounds  int
	outage               time.Duration
	writes               int
}

func main() {
	o := options{}
	flag.StringVar(&o.binary, "binary", "bin/sagasu", "the program to measure")
	flag.StringVar(&o.corpus, "corpus", "", "JSON Lines with id, title and text (required)")
	flag.StringVar(&o.only, "only", "agree,rate,outage", "what to measure, between commas")
	flag.IntVar(&o.docs, "docs", 5000, "documents whose stores are to agree")
	flag.IntVar(&o.texts, "texts", 60, "texts embedded in each round of rate, by each side")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of rate")
	flag.DurationVar(&o.outage, "outage", time.Minute, "how long Milvus is stopped")
	flag.IntVar(&o.writes, "writes", 100, "writes a second during the outage")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "life:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

func run(ctx context.Context, o *options) (err error) {
	if o.corpus == "" {
		return errors.New("-corpus is required")
	}
	documents, err := readCorpus(o.corpus)
	if err != nil {
		return err
	}
	s := &stand{options: o, told: log.New(os.Stdout, "", 0), documents: documents}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx); err != nil {
		return err
	}
	measures := []struct {
		name string
		of   func(context.Context) error
	}{{"agree", s.agree}, {"rate", s.rate}, {"outage", s.outageOfMilvus}}
	for _, m := range measures {
		if !slices.Contains(strings.Split(o.only, ","), m.name) {
			continue
		}
		if err := m.of(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
	}
	return nil
}
