package segment

import (
	"fmt"
	"math/bits"
	"slices"
)

// CountIn gives the number of a key's documents that are in the set, whose words of bits may be fewer than the documents
// need. It reads the whole list. Errors: ErrCorrupt.
func (f *Field) CountIn(ordinal uint32, set []uint64) (uint32, error) {
	if f.format == 1 {
		return f.countInV1(ordinal, set)
	}
	l := new(List)
	if err := f.List(ordinal, l); err != nil {
		return 0, err
	}
	n := uint32(0)
	switch l.Form {
	case FormTiny:
		n = countOf(l.Tiny[:l.Docs], set)
	case FormBlocks:
		var docs [BlockDocs]uint32
		for b := range l.Blocks() {
			got := l.Block(b, &docs)
			if got == 0 {
				return 0, fmt.Errorf("%w: postings of term %d", ErrCorrupt, ordinal)
			}
			n += countOf(docs[:got], set)
		}
	case FormDense:
		for i, w := range l.Words[:min(len(l.Words), len(set))] {
			n += uint32(bits.OnesCount64(w & set[i]))
		}
	}
	return n, nil
}

func (f *Field) countInV1(ordinal uint32, set []uint64) (uint32, error) {
	n := uint32(0)
	p := f.postingsV1(ordinal)
	for p.NextBlock() {
		n += countOf(p.Docs(), set)
	}
	return n, p.Err()
}

// countOf gives how many of the documents are in the set.
func countOf(docs []uint32, set []uint64) uint32 {
	n := uint32(0)
	for _, doc := range docs {
		if word := int(doc >> 6); word < len(set) {
			n += uint32(set[word] >> (doc & 63) & 1)
		}
	}
	return n
}

// CountOf gives how many of the documents, in any order, the key's list has; ok is false where it can't look them up
// one by one. Errors: ErrCorrupt.
func (f *Field) CountOf(ordinal uint32, docs []uint32) (n uint32, ok bool, err error) {
	if f.format == 1 {
		return 0, false, nil
	}
	l := new(List)
	if err := f.List(ordinal, l); err != nil {
		return 0, false, err
	}
	var block [BlockDocs]uint32
	held, loaded := 0, -1
	for _, doc := range docs {
		switch l.Form {
		case FormTiny:
			if slices.Contains(l.Tiny[:l.Docs], doc) {
				n++
			}
		case FormDense:
			if word := int(doc >> 6); word < len(l.Words) {
				n += uint32(l.Words[word] >> (doc & 63) & 1)
			}
		case FormBlocks:
			at, _ := slices.BinarySearch(l.Lasts, doc)
			if at == len(l.Lasts) {
				continue
			}
			if at != loaded {
				if held, loaded = l.Block(at, &block), at; held == 0 {
					return 0, false, fmt.Errorf("%w: postings of term %d", ErrCorrupt, ordinal)
				}
			}
			if _, found := slices.BinarySearch(block[:held], doc); found {
				n++
			}
		}
	}
	return n, true, nil
}
