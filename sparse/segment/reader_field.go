package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/vellum"
)

// Field reads one field of a segment; safe for concurrent use.
type Field struct {
	shape Shape
	// format is the file's; docs is the number of documents.
	format                 uint32
	docs                   uint32
	norm                   Norm
	dict                   *vellum.FST
	keys                   uint32
	places, docFreqs       column // by ordinal of a key; of all formats but 1
	termsV1                []byte
	postings, positions    []byte
	lengths                column
	pointValues, pointDocs []byte
	exists                 *roaring.Bitmap
	// lookups keeps readers of dict, which is what a lookup would allocate.
	lookups sync.Pool
	known   knownKeys
}

func openField(sections sectionMap, ordinal int, shape Shape, m meta, format uint32) (*Field, error) {
	if m.Fields[ordinal].Shape != shape {
		return nil, fmt.Errorf("%w: shape %d, the schema says %d", ErrCorrupt, m.Fields[ordinal].Shape, shape)
	}
	get := func(kind sectionKind) []byte { return sections.get(kind, ordinal) }
	f := &Field{
		shape: shape, format: format, docs: m.Docs, norm: m.Fields[ordinal].Norm, keys: m.Fields[ordinal].Terms,
		exists: roaring.New(), postings: get(sectionPostings), positions: get(sectionPositions),
		pointValues: get(sectionPointValues), pointDocs: get(sectionPointDocs),
	}
	if err := f.exists.UnmarshalBinary(get(sectionExists)); err != nil {
		return nil, fmt.Errorf("%w: documents of the field: %w", ErrCorrupt, err)
	}
	if shape == ShapePoints {
		if len(f.pointValues)%8 != 0 || len(f.pointValues) != 2*len(f.pointDocs) {
			return nil, fmt.Errorf("%w: points", ErrCorrupt)
		}
		return f, nil
	}
	dict, err := vellum.Load(get(sectionDictionary))
	if err != nil {
		return nil, fmt.Errorf("%w: dictionary: %w", ErrCorrupt, err)
	}
	f.dict = dict
	if !f.openColumns(get) {
		return nil, fmt.Errorf("%w: sections do not fit their counts", ErrCorrupt)
	}
	f.known = newKnownKeys(f.Terms())
	return f, nil
}

// openColumns reports whether what is by document or by key is of as many as there are.
func (f *Field) openColumns(get func(sectionKind) []byte) bool {
	docs, keys := uint64(f.docs), uint64(f.keys)
	lengths, places, freqs := true, true, true
	if f.format == 1 {
		f.termsV1 = get(sectionTerms)
		if f.shape == ShapeText {
			f.lengths, lengths = wholeColumn(get(sectionLengths), docs, 4)
		}
		return lengths && uint64(len(f.termsV1)) == termSizeV1*keys
	}
	if f.shape == ShapeText {
		f.lengths, lengths = openColumn(get(sectionLengths), docs)
	}
	f.places, places = openColumn(get(sectionTerms), keys)
	f.docFreqs, freqs = openColumn(get(sectionDocFreqs), keys)
	return lengths && places && freqs
}

// Exists gives the documents that hold the field; not to be changed.
func (f *Field) Exists() *roaring.Bitmap { return f.exists }

// Terms is the number of distinct keys.
func (f *Field) Terms() int { return int(f.keys) }

// Listed reports whether List can read the field's keys: files of format 1 have no lists.
func (f *Field) Listed() bool { return f.format > 1 }

// Norm is what the impacts of a text's lists were computed with.
func (f *Field) Norm() Norm { return f.norm }

// DocFreq is the number of documents, deleted ones included, of the key with the ordinal.
func (f *Field) DocFreq(ordinal uint32) uint32 {
	if f.format == 1 {
		return binary.LittleEndian.Uint32(f.termsV1[termSizeV1*int(ordinal)+16:])
	}
	return uint32(f.docFreqs.at(ordinal))
}

// Postings gives the postings of the key with the ordinal.
func (f *Field) Postings(ordinal uint32) Postings {
	if f.format == 1 {
		return f.postingsV1(ordinal)
	}
	p := &listPostings{field: f}
	if err := f.List(ordinal, &p.list); err != nil {
		return &failedPostings{err}
	}
	return p
}

// failedPostings are those of a list that can't be read.
type failedPostings struct{ err error }

func (p *failedPostings) NextBlock() bool                        { return false }
func (p *failedPostings) SeekBlock(uint32) bool                  { return false }
func (p *failedPostings) Docs() []uint32                         { return nil }
func (p *failedPostings) Freqs() []uint32                        { return nil }
func (p *failedPostings) Positions(dst []uint32, _ int) []uint32 { return dst }
func (p *failedPostings) Err() error                             { return p.err }

// Length is a document's number of tokens.
func (f *Field) Length(doc uint32) uint32 { return uint32(f.lengths.at(doc)) }

// Points gives all values, ascending, with their documents.
func (f *Field) Points() ([]int64, []uint32) {
	n := len(f.pointDocs) / 4
	values, docs := make([]int64, n), make([]uint32, n)
	for i := range n {
		values[i] = f.pointValue(i)
		docs[i] = binary.LittleEndian.Uint32(f.pointDocs[4*i:])
	}
	return values, docs
}

func (f *Field) pointValue(i int) int64 {
	return int64(binary.LittleEndian.Uint64(f.pointValues[8*i:]))
}

// Between calls fn with the document of every value v, low <= v <= high.
func (f *Field) Between(low, high int64, fn func(doc uint32)) {
	n := len(f.pointDocs) / 4
	from := sort.Search(n, func(i int) bool { return f.pointValue(i) >= low })
	for i := from; i < n && f.pointValue(i) <= high; i++ {
		fn(binary.LittleEndian.Uint32(f.pointDocs[4*i:]))
	}
}

// Entries iterates all keys.
func (f *Field) Entries() Entries { return f.Range(nil, nil) }

// Range iterates the keys from low (inclusive) to high (exclusive); nil is open.
func (f *Field) Range(low, high []byte) Entries {
	it, err := f.dict.Iterator(low, high)
	e := &fieldEntries{field: f, it: it}
	if errors.Is(err, vellum.ErrIteratorDone) {
		e.done = true
	} else {
		e.err = err
	}
	return e
}

type fieldEntries struct {
	field   *Field
	it      *vellum.FSTIterator
	started bool
	done    bool
	key     []byte
	ordinal uint32
	list    listPostings // of the present key
	err     error
}

func (e *fieldEntries) Next() bool {
	if e.done || e.err != nil {
		return false
	}
	if e.started {
		if err := e.it.Next(); err != nil {
			if !errors.Is(err, vellum.ErrIteratorDone) {
				e.err = fmt.Errorf("iterate dictionary: %w", err)
			}
			e.done = true
			return false
		}
	}
	e.started = true
	key, v := e.it.Current()
	if v >= uint64(e.field.Terms()) {
		e.err = fmt.Errorf("%w: term ordinal %d of %d", ErrCorrupt, v, e.field.Terms())
		return false
	}
	e.key, e.ordinal = key, uint32(v)
	return true
}

func (e *fieldEntries) Key() []byte { return e.key }
func (e *fieldEntries) Err() error  { return e.err }

func (e *fieldEntries) Postings() Postings {
	if e.field.format == 1 {
		return e.field.postingsV1(e.ordinal)
	}
	e.list.reset(e.field)
	if err := e.field.List(e.ordinal, &e.list.list); err != nil {
		return &failedPostings{err}
	}
	return &e.list
}
