// Command sagasu is this repository's engine behind the protocol of bench/peers/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse"
	"sagasu/sparse/analysis"
)

// Names of the two fields.
const (
	textField  = "text"
	shareField = "share"
)

// batchSize is the number of documents applied at a time, as a bulk request brings them.
const batchSize = 1000

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: sagasu-peer build CORPUS DIR | run DIR QUERIES")
	}
	switch args[0] {
	case "build":
		return build(args[1], args[2])
	case "run":
		return serve(args[1], args[2])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func open(dir string) (*sparse.Index, error) {
	cfg := sparse.Default()
	cfg.FS, cfg.Dir = vfs.OS(), dir
	cfg.Analyzers = analysis.NewRegistry()
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Schema = api.Schema{Fields: map[string]api.Field{
		textField: {Type: api.TypeText, Analyzer: api.DefaultAnalyzer}, shareField: {Type: api.TypeKeyword},
	}}
	return sparse.Open(cfg)
}

func build(corpus, dir string) (err error) {
	start := time.Now()
	index, err := open(dir)
	if err != nil {
		return err
	}
	f, err := os.Open(corpus)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	scanner := bufio.NewScanner(f)
	scanner.Buffer(make([]byte, 1<<20), 64<<20)
	docs, batches := 0, uint64(0)
	var writes []api.Write
	apply := func() error {
		batches++
		_, err := index.Apply(sparse.Batch{Index: batches, Writes: writes})
		writes = nil
		return err
	}
	for scanner.Scan() {
		writes = append(writes, write(scanner.Text()))
		docs++
		if len(writes) == batchSize {
			if err := apply(); err != nil {
				return err
			}
		}
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	if err := apply(); err != nil {
		return err
	}
	if err := index.Compact(context.Background()); err != nil {
		return err
	}
	if err := index.Close(); err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	size, err := sizeOf(dir)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"docs": docs, "seconds": seconds, "bytes": size, "version": version(),
	})
}

func write(line string) api.Write {
	part := strings.SplitN(line, "\t", 3)
	doc := api.Document{ID: part[0], Source: []byte("{}")}
	if part[1] != "" {
		doc.Values = append(doc.Values, api.Value{Field: shareField, Strings: strings.Split(part[1], " ")})
	}
	doc.Values = append(doc.Values, api.Value{Field: textField, Strings: part[2:]})
	return api.Write{Kind: api.OpIndex, Doc: doc}
}

func sizeOf(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// version is the commit this program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return "unknown"
}

// question is one query of a set.
type question struct {
	request sparse.Request
	count   bool
}

func readQuestions(path string) ([]question, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []question
	for _, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		q, err := parse(strings.Split(line, "\t"))
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

func parse(part []string) (question, error) {
	k, err := strconv.Atoi(part[1])
	if err != nil {
		return question{}, err
	}
	q := question{request: sparse.Request{K: k, Count: -1}, count: part[2] == "1"}
	if q.count {
		q.request.Count = 0
	}
	fields := []api.FieldBoost{{Field: textField, Boost: 1}}
	match := &api.Match{Text: part[4], Fields: fields, Boost: 1}
	switch part[0] {
	case "phrase":
		q.request.Query = &api.Phrase{Text: part[4], Fields: fields, Boost: 1}
	case "and":
		match.Operator = api.OperatorAnd
		q.request.Query = match
	case "or", "term":
		match.Operator = api.OperatorOr
		q.request.Query = match
	default:
		return question{}, fmt.Errorf("unknown kind %q", part[0])
	}
	if part[3] != "-" {
		q.request.Filter = &api.Term{
			Field: shareField, Value: api.Scalar{Type: api.TypeKeyword, Str: part[3]}, Boost: 1,
		}
	}
	return q, nil
}

func serve(dir, queries string) error {
	index, err := open(dir)
	if err != nil {
		return err
	}
	questions, err := readQuestions(queries)
	if err != nil {
		return err
	}
	snap := index.Snapshot()
	out := bufio.NewWriter(os.Stdout)
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		switch commands.Text() {
		case "pass":
			err = pass(snap, questions, out)
		case "check":
			err = check(snap, questions, out)
		default:
			err = fmt.Errorf("unknown command %q", commands.Text())
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return err
		}
	}
	snap.Release()
	return index.Close()
}

func pass(snap *sparse.Snapshot, questions []question, out *bufio.Writer) error {
	ctx := context.Background()
	for i := range questions {
		start := time.Now()
		if _, err := snap.Search(ctx, questions[i].request); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%d ", time.Since(start).Nanoseconds()); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out)
	return err
}

func check(snap *sparse.Snapshot, questions []question, out *bufio.Writer) error {
	ctx := context.Background()
	for i := range questions {
		found, err := snap.Search(ctx, questions[i].request)
		if err != nil {
			return err
		}
		count := -1
		if questions[i].count {
			count = found.Total
		}
		line := strconv.Itoa(count)
		for _, h := range found.Hits {
			line += fmt.Sprintf(" %s:%g", h.ID, h.Score)
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, "end")
	return err
}
