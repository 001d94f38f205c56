package reorder

import "slices"

// graph holds the terms of every document that still count: those of document d are lists[starts[d]:ends[d]], and
// starts has one more. A part
// that is halved numbers its terms anew and drops those that no longer count from its documents' lists; only the
// goroutine that has the part touches them.
type graph struct {
	lists  []uint32
	starts []uint32
	ends   []uint32
	terms  int
}

// of gives the terms of a document, to be read or written in place.
func (g *graph) of(doc uint32) []uint32 { return g.lists[g.starts[doc]:g.ends[doc]] }

// newGraph reads the lists twice, to count and to keep. Error: ErrAborted.
func newGraph(docs uint32, freqs []uint32, lists Lists, r *run) (*graph, error) {
	numbers := slices.Clone(freqs)
	g := &graph{starts: make([]uint32, docs+1), ends: make([]uint32, docs)}
	g.terms = number(numbers, docs, r.Config)
	wanted := func(term uint32) bool { return int(term) < len(numbers) && numbers[term] > 0 }
	terms := 0
	read := func(take func(number uint32, of []uint32)) bool {
		complete := true
		lists(wanted, func(term uint32, of []uint32) bool {
			if terms++; terms%abortEvery == 0 && r.aborted() {
				complete = false
			}
			if complete && wanted(term) {
				take(numbers[term]-1, of)
			}
			return complete
		})
		return complete
	}
	if !read(func(_ uint32, of []uint32) {
		for _, doc := range of {
			if doc < docs {
				g.ends[doc]++
			}
		}
	}) {
		return nil, ErrAborted
	}
	at := uint32(0)
	for doc, n := range g.ends {
		g.starts[doc], g.ends[doc] = at, at
		at += n
	}
	g.starts[docs] = at
	g.lists = make([]uint32, at)
	if !read(func(number uint32, of []uint32) {
		for _, doc := range of {
			// The second condition holds unless more is given than at first.
			if doc < docs && g.ends[doc] < g.starts[doc+1] {
				g.lists[g.ends[doc]] = number
				g.ends[doc]++
			}
		}
	}) {
		return nil, ErrAborted
	}
	return g, nil
}

// number turns the frequencies into the numbers of the terms that count, from 1, and 0 for the others. It gives how
// many terms count.
func number(freqs []uint32, docs uint32, cfg Config) (terms int) {
	least, most := uint32(min(cfg.MinDocFreq, int(docs)+1)), uint32(cfg.MaxDocShare*float64(docs))
	var kept []uint32
	postings := 0
	for _, n := range freqs {
		if n >= least && n <= most {
			kept = append(kept, n)
			postings += int(n)
		}
	}
	slices.Sort(kept)
	// Terms of the frequency that doesn't fit go together, so that no number of a term decides.
	for len(kept) > 0 && postings > cfg.MaxPostings {
		most = kept[len(kept)-1] - 1
		for len(kept) > 0 && kept[len(kept)-1] > most {
			postings -= int(kept[len(kept)-1])
			kept = kept[:len(kept)-1]
		}
	}
	for t, n := range freqs {
		freqs[t] = 0
		if n >= least && n <= most {
			terms++
			freqs[t] = uint32(terms)
		}
	}
	return terms
}
