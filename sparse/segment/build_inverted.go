package segment

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/vellum"
)

// Cells in which the dictionary's builder looks for suffixes that it has written already, and how many it looks at for
// each. What fits the second-level cache makes dictionaries a thirtieth larger than all cells that it could use, in a
// third of the time.
const (
	suffixCells  = 1024
	suffixProbes = 2
)

// pausePostings are written between two pauses, in some hundred microseconds.
const pausePostings = 4096

// dictionary says how to build dictionaries. That of a flush shares no suffixes, which makes it a fifth larger in half
// the time: it is soon merged.
func (b *builder) dictionary() *vellum.BuilderOpts {
	for _, in := range b.inputs {
		if _, merge := in.Source.(*Reader); merge {
			return &vellum.BuilderOpts{Encoder: 1, RegistryTableSize: suffixCells, RegistryMRUSize: suffixProbes}
		}
	}
	return &vellum.BuilderOpts{Encoder: 1}
}

// invertedMerge merges the entries of one field of all inputs.
type invertedMerge struct {
	b       *builder
	shape   Shape
	entries []Entries
	to      []numbering // by input
	dict    bytes.Buffer
	fst     *vellum.Builder
	terms   []byte
	count   uint32
	enc     listEncoder
	exists  []uint64 // a bit a document
	pos     []uint32
	// worked are the postings since the last pause.
	worked int
}

func (b *builder) writeInverted(ordinal int, shape Shape, fields []FieldSource) error {
	m := &invertedMerge{b: b, shape: shape, enc: listEncoder{shape: shape, docs: b.docs}, exists: make([]uint64, (b.docs+63)/64)}
	if shape == ShapeText {
		m.enc.norm, m.enc.lengths = b.plan.Norms[ordinal], b.lengths(fields)
		b.meta.Fields[ordinal].Norm = m.enc.norm
		for doc, tokens := range m.enc.lengths {
			if tokens > 0 {
				m.exists[doc/64] |= 1 << (doc % 64)
			}
		}
	}
	fst, err := vellum.New(&m.dict, b.dictionary())
	if err != nil {
		return fmt.Errorf("begin dictionary: %w", err)
	}
	m.fst = fst
	for i, f := range fields {
		m.entries, m.to = append(m.entries, f.Entries()), append(m.to, numberingOf(b.maps[i]))
	}
	if err := mergeKeys(m.entries, m.key); err != nil {
		return err
	}
	if err := m.fst.Close(); err != nil {
		return fmt.Errorf("finish dictionary: %w", err)
	}
	b.meta.Fields[ordinal].Terms = m.count
	sections := []struct {
		kind sectionKind
		data []byte
	}{
		{sectionDictionary, m.dict.Bytes()},
		{sectionTerms, packColumn(m.enc.places)},
		{sectionDocFreqs, packColumn(m.enc.docFreqs)},
		{sectionPostings, m.enc.postings},
		{sectionPositions, m.enc.positions},
	}
	for _, s := range sections {
		if err := b.out.section(s.kind, ordinal, s.data); err != nil {
			return err
		}
	}
	if shape == ShapeText {
		if err := b.out.section(sectionLengths, ordinal, packColumn(m.enc.lengths)); err != nil {
			return err
		}
	}
	return b.writeExists(ordinal, roaring.FromDense(m.exists, false))
}

// key writes the postings of one key from every input that has it. A key whose documents are all
// dropped is left out.
func (m *invertedMerge) key(key []byte, holders []int) error {
	m.enc.begin()
	for _, i := range holders {
		if err := m.postings(m.entries[i].Postings(), m.to[i]); err != nil {
			return err
		}
	}
	if m.worked += 1 + len(m.enc.list); m.worked >= pausePostings {
		m.worked = 0
		m.b.plan.pause()
	}
	if len(m.enc.list) == 0 {
		return nil
	}
	if err := m.enc.end(); err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	if err := m.fst.Insert(key, uint64(m.count)); err != nil {
		return fmt.Errorf("insert %q: %w", key, err)
	}
	m.count++
	return nil
}

// postings takes the documents of a key from one input, whose documents get the numbers given.
func (m *invertedMerge) postings(p Postings, to numbering) error {
	whole, _ := p.(BlockPositions)
	for p.NextBlock() {
		docs, start := p.Docs(), len(m.enc.list)
		if err := m.enc.take(docs, to); err != nil {
			return err
		}
		if freqs := p.Freqs(); freqs != nil {
			m.enc.freqs = append(m.enc.freqs, freqs...)
		} else {
			m.enc.freqs = append(m.enc.freqs, make([]uint32, len(docs))...)
		}
		switch {
		case m.shape != ShapeText:
			for _, doc := range m.enc.list[start:] {
				if doc != Dropped {
					m.exists[doc/64] |= 1 << (doc % 64)
				}
			}
		case whole != nil:
			var ok bool
			if m.enc.bytes, m.enc.ends, ok = whole.BlockPositions(m.enc.bytes, m.enc.ends); !ok {
				return fmt.Errorf("%w: positions of documents %d to %d", ErrCorrupt, docs[0], docs[len(docs)-1])
			}
		default:
			for i := range docs {
				m.pos = p.Positions(m.pos[:0], i)
				m.enc.bytes = AppendPositions(m.enc.bytes, m.pos)
				m.enc.ends = append(m.enc.ends, uint32(len(m.enc.bytes)))
			}
		}
		if to.drops {
			m.enc.dropFrom(start)
		}
		if !to.shifted || start == 0 || m.enc.list[start-1] >= m.enc.list[start] {
			m.enc.noteOrder(start)
		}
	}
	return p.Err()
}

// lengths gives each new document's number of tokens.
func (b *builder) lengths(fields []FieldSource) []uint32 {
	lengths := make([]uint32, b.docs)
	for i, f := range fields {
		for doc, to := range b.maps[i] {
			if to != Dropped {
				lengths[to] = f.Length(uint32(doc))
			}
		}
	}
	return lengths
}

func (b *builder) writeExists(ordinal int, exists *roaring.Bitmap) error {
	exists.RunOptimize()
	data, err := exists.ToBytes()
	if err != nil {
		return fmt.Errorf("encode documents: %w", err)
	}
	return b.out.section(sectionExists, ordinal, data)
}

// writePoints writes the values ascending, each with its document.
func (b *builder) writePoints(ordinal int, fields []FieldSource) error {
	var values []int64
	var docs []uint32
	for i, f := range fields {
		vs, ds := f.Points()
		for j, v := range vs {
			if int(ds[j]) < len(b.maps[i]) && b.maps[i][ds[j]] != Dropped {
				values, docs = append(values, v), append(docs, b.maps[i][ds[j]])
			}
		}
	}
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := order[i], order[j]
		return values[a] < values[b] || values[a] == values[b] && docs[a] < docs[b]
	})
	sortedValues := make([]byte, 0, 8*len(values))
	sortedDocs := make([]byte, 0, 4*len(values))
	for _, i := range order {
		sortedValues = binary.LittleEndian.AppendUint64(sortedValues, uint64(values[i]))
		sortedDocs = binary.LittleEndian.AppendUint32(sortedDocs, docs[i])
	}
	if err := b.out.section(sectionPointValues, ordinal, sortedValues); err != nil {
		return err
	}
	if err := b.out.section(sectionPointDocs, ordinal, sortedDocs); err != nil {
		return err
	}
	slices.Sort(docs)
	return b.writeExists(ordinal, roaring.BitmapOf(docs...))
}
