package segment

import (
	"fmt"
	"slices"
)

// numbering is what becomes of the documents of an input.
type numbering struct {
	docs []uint32 // new numbers, or Dropped
	// shifted says that all documents stay in order, each first numbers later; drops that some are Dropped.
	shifted, drops bool
	first          uint32
}

func numberingOf(docs []uint32) numbering {
	n := numbering{docs: docs, shifted: len(docs) > 0}
	if n.shifted {
		n.first = docs[0]
	}
	for doc, to := range docs {
		n.shifted = n.shifted && to == n.first+uint32(doc)
		n.drops = n.drops || to == Dropped
	}
	n.shifted = n.shifted && !n.drops
	return n
}

// take appends documents of an input under their new numbers, those to be dropped as Dropped.
func (e *listEncoder) take(docs []uint32, to numbering) error {
	if last := slices.Max(docs); int(last) >= len(to.docs) {
		return fmt.Errorf("%w: document %d of %d", ErrCorrupt, last, len(to.docs))
	}
	start := len(e.list)
	e.list = slices.Grow(e.list, len(docs))[:start+len(docs)]
	list := e.list[start:]
	if to.shifted {
		for i, doc := range docs {
			list[i] = doc + to.first
		}
		return nil
	}
	for i, doc := range docs {
		list[i] = to.docs[doc]
	}
	return nil
}

// dropFrom removes the postings from a place on that are of dropped documents.
func (e *listEncoder) dropFrom(start int) {
	text := e.shape == ShapeText
	kept, bytes := start, uint32(0)
	if text && start > 0 {
		bytes = e.ends[start-1]
	}
	begin := bytes
	for i := start; i < len(e.list); i++ {
		stays := e.list[i] != Dropped
		if stays {
			e.list[kept], e.freqs[kept] = e.list[i], e.freqs[i]
		}
		if text {
			end := e.ends[i]
			if stays {
				bytes += uint32(copy(e.bytes[bytes:], e.bytes[begin:end]))
				e.ends[kept] = bytes
			}
			begin = end
		}
		if stays {
			kept++
		}
	}
	e.list, e.freqs = e.list[:kept], e.freqs[:kept]
	if text {
		e.ends, e.bytes = e.ends[:kept], e.bytes[:bytes]
	}
}

// noteOrder sees whether the postings from a place on ascend, after those before.
func (e *listEncoder) noteOrder(start int) {
	for i := max(1, start); i < len(e.list) && e.ascending; i++ {
		e.ascending = e.list[i-1] < e.list[i]
	}
}
