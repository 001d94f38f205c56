package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// benchLine bounds a line of a corpus or of queries, in bytes: a document is no longer.
const benchLine = 64 << 20

// benchTokens gives the runs of ASCII letters and digits in lower case, as bench/peers does.
func benchTokens(text string) []string {
	tokens := strings.FieldsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	for i, token := range tokens {
		tokens[i] = strings.ToLower(token)
	}
	return tokens
}

// benchKind tells a query's kind by its own syntax.
func benchKind(line string, terms []string) string {
	line = strings.TrimSpace(line)
	if len(terms) == 1 {
		return kindTerm
	}
	if len(line) > 1 && line[0] == '"' && line[len(line)-1] == '"' {
		return kindPhrase
	}
	for _, word := range strings.Fields(line) {
		if word[0] != '+' {
			return kindOr
		}
	}
	return kindAnd
}

// read gives the terms of all queries by kind. A kind that the user names takes all queries that can be of it: those of
// several words, and as terms each word once.
func (b *bench) read() (map[string][][]string, error) {
	f, err := os.Open(b.queries)
	if err != nil {
		return nil, fmt.Errorf("read queries: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	asked := map[string][][]string{}
	seen := map[string]bool{}
	found := 0
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, benchLine)
	for scanner.Scan() {
		terms := benchTokens(scanner.Text())
		if len(terms) == 0 {
			continue
		}
		kind := b.kind
		if kind == "" {
			kind = benchKind(scanner.Text(), terms)
		}
		if b.each() {
			for _, term := range terms {
				if !seen[term] {
					seen[term] = true
					asked[kind] = append(asked[kind], []string{term})
				}
			}
		} else if kind == kindOr || kind == kindTerm || len(terms) > 1 {
			asked[kind] = append(asked[kind], terms)
		}
		found += len(asked[kind])
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read queries %s: %w", b.queries, err)
	}
	if found == 0 {
		return nil, fmt.Errorf("read queries: %s has none of the kind", b.queries)
	}
	return asked, nil
}
