package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are what a run can be told.
type options struct {
	corpus, queries, work, bin, out, only string
	docs, limit, warm, passes, checks     int
	rebuild                               bool
	// told is told of progress.
	told *log.Logger
}

func main() {
	o := options{told: log.New(os.Stdout, "", 0)}
	flag.StringVar(&o.corpus, "corpus", "", "JSON Lines with id, title and text, plain or .zst (required)")
	flag.StringVar(&o.queries, "queries", "", "files with a query a line, between commas (required)")
	flag.StringVar(&o.work, "work", "", "directory for prepared corpus and indexes (required)")
	flag.StringVar(&o.bin, "bin", "bin/peers", "directory of the built engines")
	flag.StringVar(&o.out, "out", "", "directory for the results (required)")
	flag.StringVar(&o.only, "engines", "", "engines to measure, between commas; all by default")
	flag.IntVar(&o.docs, "docs", 0, "documents to take of the corpus, 0 for all")
	flag.IntVar(&o.limit, "limit", 1000, "queries to take of each file")
	flag.IntVar(&o.warm, "warm", 3, "times that each query is run before, which warms caches and compilers")
	flag.IntVar(&o.passes, "passes", 5, "times that each query is run in each engine; its median counts")
	flag.IntVar(&o.checks, "checks", 100, "queries per kind whose answers are held against a brute-force scorer")
	flag.BoolVar(&o.rebuild, "rebuild", false, "build indexes that are there already")
	flag.Parse()
	if err := run(&o); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(o *options) error {
	if o.corpus == "" || o.queries == "" || o.work == "" || o.out == "" {
		return errors.New("-corpus, -queries, -work and -out are required")
	}
	if err := errors.Join(os.MkdirAll(o.work, 0o755), os.MkdirAll(o.out, 0o755)); err != nil {
		return err
	}
	contenders, err := engines(o.bin, o.only)
	if err != nil {
		return err
	}
	corpus := filepath.Join(o.work, "corpus.tsv")
	docs, err := prepare(o.corpus, corpus, o.docs)
	if err != nil {
		return err
	}
	report := newReport(o, docs)
	for i := range contenders {
		e := &contenders[i]
		b, err := o.index(e, corpus, docs)
		if err != nil {
			return err
		}
		report.Built = append(report.Built, builtBy{e.name, b})
		o.told.Printf("%-16s %-24s built in %7.1f s, %6.1f MB, peak %d MiB", e.name, b.Version, b.Seconds,
			float64(b.Bytes)/1e6, b.PeakMiB)
	}
	for _, path := range strings.Split(o.queries, ",") {
		texts, err := readTexts(path)
		if err != nil {
			return err
		}
		for _, s := range sets(texts, o.limit) {
			if err := o.measure(contenders, corpus, filepath.Base(path), s, report); err != nil {
				return err
			}
		}
	}
	return report.write(o.out)
}

func (o *options) dir(e *engine) string { return filepath.Join(o.work, "index-"+e.name) }

// index builds an engine's index unless it is there from an earlier run with the same number of documents.
func (o *options) index(e *engine, corpus string, docs int) (built, error) {
	note := o.dir(e) + ".json"
	if b, err := readBuilt(note); err == nil && b.Docs == docs && !o.rebuild {
		return b, nil
	}
	b, err := e.build(corpus, o.dir(e))
	if err != nil {
		return built{}, err
	}
	return b, writeJSON(note, b)
}

// measure runs one set in all engines: checks their answers, then times them pass by pass in turn, so that what
// else the machine does meets all of them.
func (o *options) measure(contenders []engine, corpus, file string, s set, report *report) error {
	questions := filepath.Join(o.work, "questions.tsv")
	if err := writeQuestions(questions, s.questions); err != nil {
		return err
	}
	if err := o.check(contenders, corpus, s); err != nil {
		return err
	}
	runners, err := o.start(contenders, questions, &s.questions[0])
	if err != nil {
		return err
	}
	times := make([][][]time.Duration, len(runners))
	for pass := range o.warm + o.passes {
		for _, i := range turn(len(runners), pass) {
			took, err := runners[i].pass(len(s.questions))
			if err != nil {
				return err
			}
			if pass >= o.warm {
				times[i] = append(times[i], took)
			}
		}
	}
	row := rowOf(file, s.name, len(s.questions))
	for i, r := range runners {
		peak, err := r.peak()
		if err := errors.Join(err, r.close()); err != nil {
			return err
		}
		found := summarise(r.engine.name, times[i])
		found.PeakMiB = peak
		_, found.Algorithm, _ = strings.Cut(r.way, "=")
		row.add(found)
	}
	report.Rows = append(report.Rows, row)
	o.told.Println(row)
	return nil
}

// start starts all engines that can answer a set, in each of their ways. A set's questions are of one kind: its first
// tells for all.
func (o *options) start(contenders []engine, questions string, first *question) ([]*runner, error) {
	var runners []*runner
	for i := range contenders {
		e := &contenders[i]
		for _, way := range e.ways(first) {
			r, err := e.run(o.dir(e), questions, way)
			if err != nil {
				return nil, err
			}
			runners = append(runners, r)
		}
	}
	return runners, nil
}

// turn is the order of n engines in a pass: each pass begins with the next, every other lap goes backwards, so that
// none always follows the same one or meets a drift of the machine at the same place.
func turn(n, pass int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = (pass + i) % n
	}
	if pass/max(n, 1)%2 == 1 {
		slices.Reverse(order)
	}
	return order
}

// check holds the first questions of a set against the brute-force scorer.
func (o *options) check(contenders []engine, corpus string, s set) error {
	if o.checks == 0 {
		return nil
	}
	questions := s.questions[:min(o.checks, len(s.questions))]
	path := filepath.Join(o.work, "checks.tsv")
	if err := writeQuestions(path, questions); err != nil {
		return err
	}
	ref, err := newReference(corpus, questions)
	if err != nil {
		return err
	}
	want := map[judge][]answer{}
	for _, as := range []judge{{lengths: exactLengths}, {lengths: byteLengths}, {floored: true}} {
		for i := range questions {
			want[as] = append(want[as], ref.answer(&questions[i], as))
		}
	}
	for i := range contenders {
		e := &contenders[i]
		for _, way := range e.ways(&questions[0]) {
			r, err := e.run(o.dir(e), path, way)
			if err != nil {
				return err
			}
			got, err := r.check(len(questions))
			if err = errors.Join(err, r.close()); err != nil {
				return err
			}
			if err := hold(e, questions, got, want[judge{e.lengths, e.floored}]); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeQuestions(path string, questions []question) error {
	var text strings.Builder
	for i := range questions {
		text.WriteString(questions[i].line())
		text.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write questions: %w", err)
	}
	return nil
}
