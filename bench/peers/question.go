package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
)

// question is one query of a set.
type question struct {
	// kind is term, and, or, phrase.
	kind string
	// k is the number of hits wanted, 0 to count only; count asks for the exact number beside the hits.
	k     int
	count bool
	// share is the percentage of documents that the filter selects, 0 for no filter.
	share int
	terms []string
}

// line is the question as the engines read it.
func (q *question) line() string {
	count, share := 0, "-"
	if q.count {
		count = 1
	}
	if q.share > 0 {
		share = fmt.Sprint(q.share)
	}
	return fmt.Sprintf("%s\t%d\t%d\t%s\t%s", q.kind, q.k, count, share, strings.Join(q.terms, " "))
}

// set is a named list of questions that are measured together.
type set struct {
	name      string
	questions []question
}

// readTexts gives the token lists of a file with a query a line, without those longer than maxTerms.
func readTexts(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read queries: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	var texts [][]string
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		if terms := tokenize(scanner.Text()); len(terms) > 0 && len(terms) <= maxTerms {
			texts = append(texts, terms)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read queries %s: %w", path, err)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("read queries: %s has none", path)
	}
	return texts, nil
}

// maxTerms bounds the terms of a query, as web queries do.
const maxTerms = 32

// sets makes of the texts of one file the sets to measure, each of at most limit questions.
func sets(texts [][]string, limit int) []set {
	if len(texts) > limit {
		texts = texts[:limit]
	}
	several := slices.DeleteFunc(slices.Clone(texts), func(terms []string) bool { return len(terms) < 2 })
	make := func(name, kind string, k int, count bool, share int, of [][]string) set {
		s := set{name: name}
		for _, terms := range of {
			s.questions = append(s.questions, question{kind, k, count, share, terms})
		}
		return s
	}
	return []set{
		make("term top-10", "term", 10, false, 0, single(texts, limit)),
		make("and top-10", "and", 10, false, 0, several),
		make("or top-10", "or", 10, false, 0, texts),
		make("phrase top-10", "phrase", 10, false, 0, several),
		make("or top-100", "or", 100, false, 0, texts),
		make("or top-100 with count", "or", 100, true, 0, texts),
		make("or count", "or", 0, true, 0, texts),
		make("or top-10, filter 1 %", "or", 10, false, 1, texts),
		make("or top-10, filter 10 %", "or", 10, false, 10, texts),
		make("or top-10, filter 50 %", "or", 10, false, 50, texts),
	}
}

// single gives each distinct term as a query, in the order in which they first occur.
func single(texts [][]string, limit int) [][]string {
	seen := map[string]bool{}
	var out [][]string
	for _, terms := range texts {
		for _, term := range terms {
			if !seen[term] && len(out) < limit {
				seen[term] = true
				out = append(out, []string{term})
			}
		}
	}
	return out
}
