package sparse

import (
	"sort"

	"sagasu/sparse/segment"
)

// noDoc is past every document.
const noDoc = ^uint32(0)

// cursor walks postings forward.
type cursor struct {
	postings    segment.Postings
	docs, freqs []uint32
	at          int
	started     bool
}

// seek moves to the first document at or above doc and returns it, noDoc at the end.
func (c *cursor) seek(doc uint32) uint32 {
	if !c.started || len(c.docs) == 0 || c.docs[len(c.docs)-1] < doc {
		if c.started && len(c.docs) == 0 {
			return noDoc
		}
		c.started = true
		if !c.postings.SeekBlock(doc) {
			c.docs = nil
			return noDoc
		}
		c.docs, c.freqs, c.at = c.postings.Docs(), c.postings.Freqs(), 0
	}
	if c.docs[c.at] < doc {
		c.at += sort.Search(len(c.docs)-c.at, func(i int) bool { return c.docs[c.at+i] >= doc })
	}
	return c.docs[c.at]
}

// block moves to the block that holds the first document at or above doc, if that is below end, and gives
// the part of it in [doc, end). Nil when there is none.
func (c *cursor) block(doc, end uint32) (docs, freqs []uint32) {
	if c.seek(doc) >= end {
		return nil, nil
	}
	from, to := c.at, len(c.docs)
	if c.docs[to-1] >= end {
		to = from + sort.Search(to-from, func(i int) bool { return c.docs[from+i] >= end })
	}
	docs = c.docs[from:to]
	if c.freqs != nil {
		freqs = c.freqs[from:to]
	}
	return docs, freqs
}

// window calls fn with runs of postings that make up [base, end).
func (c *cursor) window(base, end uint32, fn func(docs, freqs []uint32)) error {
	for doc := base; doc < end; {
		docs, freqs := c.block(doc, end)
		if docs == nil {
			break
		}
		fn(docs, freqs)
		doc = docs[len(docs)-1] + 1
	}
	return c.postings.Err()
}
