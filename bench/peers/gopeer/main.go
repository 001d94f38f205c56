// Command gopeer is bleve or bluge behind the protocol of bench/peers/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// question is one query of a set.
type question struct {
	kind  string
	k     int
	count bool
	// share names the filter, "" for none.
	share string
	terms []string
}

// hit is one document found.
type hit struct {
	number string
	score  float64
}

// searcher is an open index.
type searcher interface {
	// search gives the best documents, and how many match if the question asks for it, else -1.
	search(ctx context.Context, q *question) (count int, hits []hit, err error)
	close() error
}

// engine makes and opens indexes.
type engine interface {
	version() string
	// build indexes what next gives, until that says false, as one segment.
	build(dir string, next func() (number string, shares, text string, ok bool, err error)) error
	open(dir string) (searcher, error)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("usage: gopeer bleve|bluge build CORPUS DIR | run DIR QUERIES")
	}
	engines := map[string]engine{"bleve": bleveEngine{}, "bluge": blugeEngine{}}
	e, ok := engines[args[0]]
	if !ok {
		return fmt.Errorf("unknown engine %q", args[0])
	}
	switch args[1] {
	case "build":
		return build(e, args[2], args[3])
	case "run":
		return serve(e, args[2], args[3])
	}
	return fmt.Errorf("unknown command %q", args[1])
}

func build(e engine, corpus, dir string) error {
	start := time.Now()
	f, err := os.Open(corpus)
	if err != nil {
		return err
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	scanner.Buffer(make([]byte, 1<<20), 64<<20)
	docs := 0
	err = e.build(dir, func() (string, string, string, bool, error) {
		if !scanner.Scan() {
			return "", "", "", false, scanner.Err()
		}
		docs++
		part := strings.SplitN(scanner.Text(), "\t", 3)
		return part[0], part[1], part[2], true, nil
	})
	if err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	var size int64
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"docs": docs, "seconds": seconds, "bytes": size, "version": e.version(),
	})
}

func readQuestions(path string) ([]question, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []question
	for _, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		part := strings.Split(line, "\t")
		q := question{kind: part[0], count: part[2] == "1", terms: strings.Split(part[4], " ")}
		if q.k, err = strconv.Atoi(part[1]); err != nil {
			return nil, err
		}
		if part[3] != "-" {
			q.share = part[3]
		}
		out = append(out, q)
	}
	return out, nil
}

func serve(e engine, dir, queries string) error {
	questions, err := readQuestions(queries)
	if err != nil {
		return err
	}
	s, err := e.open(dir)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		switch commands.Text() {
		case "pass":
			err = pass(s, questions, out)
		case "check":
			err = check(s, questions, out)
		default:
			err = fmt.Errorf("unknown command %q", commands.Text())
		}
		if err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return s.close()
}

func pass(s searcher, questions []question, out *bufio.Writer) error {
	ctx := context.Background()
	for i := range questions {
		start := time.Now()
		if _, _, err := s.search(ctx, &questions[i]); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d ", time.Since(start).Nanoseconds())
	}
	_, err := fmt.Fprintln(out)
	return err
}

func check(s searcher, questions []question, out *bufio.Writer) error {
	ctx := context.Background()
	for i := range questions {
		count, hits, err := s.search(ctx, &questions[i])
		if err != nil {
			return err
		}
		if !questions[i].count {
			count = -1
		}
		fmt.Fprint(out, count)
		for _, h := range hits {
			fmt.Fprintf(out, " %s:%g", h.number, h.score)
		}
		fmt.Fprintln(out)
	}
	_, err := fmt.Fprintln(out, "end")
	return err
}
