package sparse

import (
	"sync/atomic"

	"sagasu/sparse/segment"
)

const (
	// countPage is the number of terms whose counts are kept side by side: they are made when one of them is asked for.
	countPage = 256
	// lookupShare is how many documents of a list are read in the time that one is looked up in.
	lookupShare = 200
)

// deletedCounts remembers, by ordinal of a file's text terms, how many of their documents are deleted, and of how many
// deletions that was: the number of deletions in the upper half, the count in the lower. A part's deletions only grow,
// so that it says which they were.
type deletedCounts []atomic.Pointer[[countPage]atomic.Uint64]

// filePart is a segment file in use.
func filePart(fields *fieldSet, file *segment.Reader, number uint64) *part {
	p := &part{file: file, number: number, deleted: make([]deletedCounts, len(fields.list))}
	for _, f := range fields.list {
		if f.shape == segment.ShapeText {
			p.deleted[f.ordinal] = make(deletedCounts, (file.Column(f.ordinal).Terms()+countPage-1)/countPage)
		}
	}
	return p
}

func (c deletedCounts) of(ordinal uint32) *atomic.Uint64 {
	page := c[ordinal/countPage].Load()
	if page == nil {
		page = new([countPage]atomic.Uint64)
		if !c[ordinal/countPage].CompareAndSwap(nil, page) {
			page = c[ordinal/countPage].Load()
		}
	}
	return &page[ordinal%countPage]
}

// deletedDocs gives how many documents of a file's text term are deleted in this view. The first to ask for a term reads
// its list; who asks after more deletions looks these up.
func (v *view) deletedDocs(f *field, ordinal uint32) (uint32, error) {
	if len(v.gone) == 0 {
		return 0, nil
	}
	kept := v.part.deleted[f.ordinal].of(ordinal)
	was := kept.Load()
	at, n := uint32(was>>32), uint32(was)
	now := uint32(len(v.gone))
	if at == now {
		return n, nil
	}
	column := v.part.file.Column(f.ordinal)
	counted := false
	if at > 0 && at < now && int(now-at)*lookupShare <= int(column.DocFreq(ordinal)) {
		more, ok, err := column.CountOf(ordinal, v.gone[at:])
		if err != nil {
			return 0, err
		}
		n, counted = n+more, ok
	}
	if !counted {
		var err error
		if n, err = column.CountIn(ordinal, v.deletedWords()); err != nil {
			return 0, err
		}
	}
	// An older view must not replace what a newer one has counted, nor two of an age each other's.
	if at < now {
		kept.CompareAndSwap(was, uint64(now)<<32|uint64(n))
	}
	return n, nil
}
