package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// lengths says how an engine keeps the number of tokens of a document.
type lengths int

const (
	// exactLengths are kept as they are.
	exactLengths lengths = iota
	// byteLengths are rounded down to one of 256, as by Lucene's SmallFloat.intToByte4 and tantivy's field norms.
	byteLengths
)

// judge is how an engine is judged: what it keeps of lengths, and how it weighs terms.
type judge struct {
	lengths lengths
	floored bool
}

// idf is the weight of a term in so many of all documents.
func (j judge) idf(docs, of int) float64 {
	odds := (float64(docs-of) + 0.5) / (float64(of) + 0.5)
	if j.floored {
		return math.Max(1e-6, math.Log(odds))
	}
	return math.Log1p(odds)
}

// BM25's parameters, in every engine.
const (
	k1 = 1.2
	b  = 0.75
)

// reference scores by brute force what the questions of a check ask for.
type reference struct {
	docs    int
	tokens  int
	lengths []int32
	// positions has for each term that is asked for its positions by document.
	positions map[string]map[int32][]int32
	shares    []byte
}

// newReference reads a prepared corpus, of which it keeps the terms of the questions.
func newReference(corpus string, questions []question) (*reference, error) {
	r := &reference{positions: map[string]map[int32][]int32{}}
	for i := range questions {
		for _, term := range questions[i].terms {
			r.positions[term] = map[int32][]int32{}
		}
	}
	f, err := os.Open(corpus)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	scanner := bufio.NewScanner(f)
	scanner.Buffer(make([]byte, 1<<20), 64<<20)
	for scanner.Scan() {
		part := strings.SplitN(scanner.Text(), "\t", 3)
		number, err := strconv.Atoi(part[0])
		if err != nil || number != r.docs {
			return nil, errors.New("documents of a prepared corpus are not numbered from 0")
		}
		tokens := strings.Fields(part[2])
		for at, token := range tokens {
			if of, ok := r.positions[token]; ok {
				of[int32(number)] = append(of[int32(number)], int32(at))
			}
		}
		r.docs++
		r.tokens += len(tokens)
		r.lengths = append(r.lengths, int32(len(tokens)))
		r.shares = append(r.shares, shareMask(part[1]))
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read prepared corpus: %w", err)
	}
	return r, nil
}

// shareMask has a bit per entry of shares.
func shareMask(names string) byte {
	var mask byte
	for i, share := range shares() {
		if slices.Contains(strings.Fields(names), strconv.Itoa(share)) {
			mask |= 1 << i
		}
	}
	return mask
}

// answer gives all matching documents, best first, and their number.
func (r *reference) answer(q *question, as judge) answer {
	scores := map[int32]float64{}
	matches := map[int32]int{}
	seen := map[string]int{}
	for _, term := range q.terms {
		seen[term]++
	}
	average := float64(r.tokens) / float64(r.docs)
	phrase := q.kind == "phrase" && len(q.terms) > 1
	weight := 0.0
	for term, times := range seen {
		of := r.positions[term]
		idf := as.idf(r.docs, len(of))
		weight += float64(times) * idf
		for doc, at := range of {
			matches[doc]++
			scores[doc] += float64(times) * idf * saturation(len(at), r.length(doc, as.lengths), average)
		}
	}
	var found []scored
	for doc, score := range scores {
		if q.kind != "or" && matches[doc] < len(seen) || !r.selected(doc, q.share) {
			continue
		}
		if phrase {
			n := r.occurrences(doc, q.terms)
			if n == 0 {
				continue
			}
			score = weight * saturation(n, r.length(doc, as.lengths), average)
		}
		found = append(found, scored{int(doc), score})
	}
	sort.Slice(found, func(i, j int) bool { return found[i].score > found[j].score })
	return answer{count: len(found), hits: found[:min(q.k, len(found))]}
}

func saturation(frequency int, length, average float64) float64 {
	tf := float64(frequency)
	return tf / (tf + k1*(1-b+b*length/average))
}

func (r *reference) selected(doc int32, share int) bool {
	if share == 0 {
		return true
	}
	return r.shares[doc]>>slices.Index(shares(), share)&1 == 1
}

// occurrences counts the places of a document where the terms follow each other.
func (r *reference) occurrences(doc int32, terms []string) int {
	n := 0
	for _, at := range r.positions[terms[0]][doc] {
		whole := true
		for i, term := range terms[1:] {
			if _, ok := slices.BinarySearch(r.positions[term][doc], at+int32(i)+1); !ok {
				whole = false
				break
			}
		}
		if whole {
			n++
		}
	}
	return n
}

func (r *reference) length(doc int32, kept lengths) float64 {
	n := r.lengths[doc]
	if kept == byteLengths {
		return float64(roundLength(uint32(n)))
	}
	return float64(n)
}

// exactSmall is the number of lengths that a byte keeps as they are.
const exactSmall = 24

// roundLength is what remains of a length in a byte: up to exactSmall all of it, beyond that the first four
// binary digits of what is above.
func roundLength(n uint32) uint32 {
	if n < exactSmall {
		return n
	}
	n -= exactSmall
	if width := bits.Len32(n); width > 4 {
		n = n >> (width - 4) << (width - 4)
	}
	return n + exactSmall
}
