package reorder

import "slices"

// graph holds the terms of every document that still count: those of document d are lists[starts[d]:ends[d]]. A part
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

// newGraph reads all documents twice, to count and to keep. Error: ErrAborted.
func newGraph(docs, terms uint32, forward func([]uint32, uint32) []uint32, r *run) (*graph, error) {
	freqs := make([]uint32, terms)
	var buf []uint32
	for doc := range docs {
		if doc%abortEvery == 0 && r.aborted() {
			return nil, ErrAborted
		}
		buf = forward(buf[:0], doc)
		for _, t := range buf {
			if t < terms {
				freqs[t]++
			}
		}
	}
	g := &graph{starts: make([]uint32, docs), ends: make([]uint32, docs)}
	var postings int
	g.terms, postings = number(freqs, docs, r.Config)
	g.lists = make([]uint32, 0, postings)
	for doc := range docs {
		if doc%abortEvery == 0 && r.aborted() {
			return nil, ErrAborted
		}
		g.starts[doc] = uint32(len(g.lists))
		buf = forward(buf[:0], doc)
		for _, t := range buf {
			// The second condition holds unless forward gives more than at first.
			if t < terms && freqs[t] > 0 && len(g.lists) < cap(g.lists) {
				g.lists = append(g.lists, freqs[t]-1)
			}
		}
		g.ends[doc] = uint32(len(g.lists))
	}
	return g, nil
}

// number turns the frequencies into the numbers of the terms that count, from 1, and 0 for the others. It gives how
// many terms and postings count.
func number(freqs []uint32, docs uint32, cfg Config) (terms, postings int) {
	least, most := uint32(min(cfg.MinDocFreq, int(docs)+1)), uint32(cfg.MaxDocShare*float64(docs))
	var kept []uint32
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
	return terms, postings
}
