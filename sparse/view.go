package sparse

import (
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"sagasu/sparse/segment"
)

// part is a segment in use: in memory or in a file. Shared by generations, counted by references.
type part struct {
	mem  *memory         // nil for a file
	file *segment.Reader // nil for memory
	// number names the file.
	number uint64
	refs   atomic.Int32
	// remove says that the file is to be removed when the last reference goes.
	remove atomic.Bool
	// deleted are, by field, the counts of a file's texts.
	deleted []deletedCounts
}

// source is what memory and files have in common.
type source interface {
	ID(doc uint32) string
	Columns(doc uint32) segment.Columns
	Stored(doc uint32) (segment.Stored, error)
	Lookup(id string) (uint32, bool)
}

func (p *part) source() source {
	if p.mem != nil {
		return p.mem
	}
	return p.file
}

// length is a document's number of tokens in a text field.
func (p *part) length(f *field, doc uint32) uint32 {
	if p.mem != nil {
		return p.mem.columns[f.ordinal].Length(doc)
	}
	return p.file.Column(f.ordinal).Length(doc)
}

// noteDeleted corrects the document frequencies of a segment in memory for a document that is now deleted.
func (p *part) noteDeleted(fields *fieldSet, doc uint32) {
	for _, f := range fields.list {
		if f.shape == segment.ShapeText {
			p.mem.columns[f.ordinal].noteDeleted(doc)
		}
	}
}

// view is a part as one generation sees it.
type view struct {
	part *part
	// docs bounds the visible documents.
	docs uint32
	// deleted is never changed once the view is published; nil for none.
	deleted *roaring.Bitmap
	// gone are the deleted documents of a file in the order in which they were deleted: that of an older view of the part
	// begins a newer one's. Who makes a newer view appends.
	gone []uint32
	// dense caches deleted as words; replaced whenever deleted is.
	dense *denseSet
}

// denseSet is a bitmap as words, made when first needed.
type denseSet struct {
	once  sync.Once
	words []uint64
}

func newView(p *part, docs uint32) *view { return &view{part: p, docs: docs, dense: &denseSet{}} }

func (v *view) clone() *view {
	return &view{part: v.part, docs: v.docs, deleted: v.deleted, gone: v.gone, dense: v.dense}
}

// hasDeletes reports whether documents are deleted.
func (v *view) hasDeletes() bool { return v.deleted != nil && !v.deleted.IsEmpty() }

// deletedWords gives the deleted documents as words, nil if there are none; possibly fewer than the
// documents need.
func (v *view) deletedWords() []uint64 {
	if !v.hasDeletes() {
		return nil
	}
	v.dense.once.Do(func() { v.dense.words = v.deleted.ToDense() })
	return v.dense.words
}

func (v *view) isDeleted(doc uint32) bool { return v.deleted != nil && v.deleted.Contains(doc) }

// lookup finds the visible live document with the id.
func (v *view) lookup(id string) (uint32, bool) {
	var doc uint32
	var ok bool
	if v.part.mem != nil {
		doc, ok = v.part.mem.lookupBefore(id, v.docs)
	} else {
		doc, ok = v.part.file.Lookup(id)
	}
	return doc, ok && !v.isDeleted(doc)
}

// place is where a key is in a view.
type place struct {
	held bool
	// mem are the postings of a segment in memory, key is what a file has.
	mem segment.Postings
	key *segment.Key
	// deleted are the documents of a file's text that are deleted.
	deleted uint32
}

// find looks a key up, and gives the number of its documents, deleted ones not counted.
func (v *view) find(f *field, key string) (place, uint32, error) {
	if v.part.mem != nil {
		col := v.part.mem.columns[f.ordinal]
		p := col.find(key)
		if p == nil {
			return place{}, 0, nil
		}
		s := col.view(p, v.docs)
		return place{held: true, mem: s}, p.live(s.total), nil
	}
	k, err := v.part.file.Column(f.ordinal).Key(key)
	if err != nil || k == nil {
		return place{}, 0, err
	}
	at := place{held: true, key: k}
	if f.shape == segment.ShapeText {
		if at.deleted, err = v.deletedDocs(f, k.Ordinal); err != nil {
			return place{}, 0, err
		}
	}
	return at, k.Docs - min(k.Docs, at.deleted), nil
}

// open gives the postings at a place where a key is held.
func (v *view) open(f *field, at place) segment.Postings {
	if at.mem != nil {
		return at.mem
	}
	return v.part.file.Column(f.ordinal).Postings(at.key.Ordinal)
}

// docFreq gives the number of documents of a key, deleted ones not counted.
func (v *view) docFreq(f *field, key string) (uint32, error) {
	if v.part.mem != nil {
		return v.part.mem.columns[f.ordinal].docFreq(key), nil
	}
	_, n, err := v.find(f, key)
	return n, err
}

// generation is the list of views that a reader sees at once.
type generation struct {
	views []*view
	// stats are of live documents, by field ordinal.
	stats []FieldStatistics
	// live counts the live documents; digest sums their digests.
	live   int
	digest uint64
	// version is the index's last version.
	version uint64
	refs    atomic.Int32
}

// acquire takes a reference unless the generation is gone.
func (g *generation) acquire() bool {
	for {
		n := g.refs.Load()
		if n == 0 {
			return false
		}
		if g.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
