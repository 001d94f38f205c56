package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs"
	"sagasu/sparse/segment"
)

// Fields of the test segment: two texts and a sparse vector.
const (
	title = iota
	body
	learned
	fields
)

// testDocs make fifteen windows, the last one not full.
const testDocs = 14*segment.WindowDocs + 1234

// testNorm is what scores are computed with.
var testNorm = segment.Norm{Base: 0.3, Slope: 0.9 / 40}

// posting is one of a list written by hand.
type posting struct {
	doc, freq uint32 // freq are the bits of a weight in a sparse vector
	positions []uint32
}

// corpus is what the test segment was built of.
type corpus struct {
	lists   [fields][][]posting
	lengths [fields][]uint32
}

// densities are those of the keys of every field, from one in so many documents; runs says how long documents that follow
// each other have the key.
var densities = []struct{ every, runs int }{
	{2, 1}, {3, 500}, {10, 1}, {20, 200}, {30, 1}, {35, 1}, {40, 700}, {60, 1}, {100, 1}, {100, 60}, {300, 1}, {900, 30},
	{2000, 1}, {4000, 1}, {10_000, 1}, {30_000, 1}, {60_000, 1},
}

func newCorpus(random *rand.Rand) *corpus {
	c := &corpus{}
	for f := range fields {
		c.lengths[f] = make([]uint32, testDocs)
		for _, d := range densities {
			c.lists[f] = append(c.lists[f], c.list(random, f, d.every, d.runs))
		}
	}
	return c
}

func (c *corpus) list(random *rand.Rand, f, every, runs int) (list []posting) {
	left := 0
	for doc := range uint32(testDocs) {
		if left == 0 && random.IntN(every*runs) == 0 {
			left = 1 + random.IntN(2*runs)
		}
		if left == 0 && (doc < testDocs-1 || len(list) > 0) {
			continue
		}
		left = max(0, left-1)
		p := posting{doc: doc, freq: 1}
		if f == learned {
			p.freq = math.Float32bits(float32(math.Exp(random.NormFloat64())))
			list = append(list, p)
			continue
		}
		for random.IntN(3) == 0 {
			p.freq++
		}
		at := uint32(random.IntN(20))
		for range p.freq {
			p.positions = append(p.positions, at)
			at += 1 + uint32(random.IntN(6))
		}
		c.lengths[f][doc] = max(c.lengths[f][doc], at+uint32(random.IntN(30)))
		list = append(list, p)
	}
	return list
}

// segment builds and opens the corpus as a file.
func (c *corpus) segment(t *testing.T) *segment.Reader {
	path := filepath.Join(t.TempDir(), "kernel.seg")
	shapes := []segment.Shape{segment.ShapeText, segment.ShapeText, segment.ShapeSparse}
	plan := segment.Plan{Shapes: shapes, Norms: []segment.Norm{testNorm, testNorm, {}}}
	_, err := segment.Build(vfs.OS(), path, plan, []segment.Input{{Source: c}})
	require.NoError(t, err)
	r, err := segment.Open(vfs.OS(), path, shapes)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func (*corpus) NumDocs() uint32      { return testDocs }
func (*corpus) ID(doc uint32) string { return fmt.Sprintf("%06d", doc) }
func (*corpus) Columns(doc uint32) segment.Columns {
	return segment.Columns{Version: uint64(doc) + 1}
}
func (*corpus) Stored(uint32) (segment.Stored, error) {
	return segment.Stored{Source: []byte("{}")}, nil
}
func (c *corpus) Field(ordinal int) segment.FieldSource { return &fieldOf{c, ordinal} }

type fieldOf struct {
	corpus *corpus
	field  int
}

func (f *fieldOf) Entries() segment.Entries      { return &entries{fieldOf: f, at: -1} }
func (f *fieldOf) Length(doc uint32) uint32      { return f.corpus.lengths[f.field][doc] }
func (*fieldOf) Points() (v []int64, d []uint32) { return nil, nil }

type entries struct {
	*fieldOf
	at int
}

func (e *entries) Next() bool { e.at++; return e.at < len(e.corpus.lists[e.field]) }
func (e *entries) Key() []byte {
	return []byte(keyName(e.at))
}
func (e *entries) Postings() segment.Postings { return &postings{list: e.corpus.lists[e.field][e.at]} }
func (*entries) Err() error                   { return nil }

// keyName is the name of the key with the ordinal.
func keyName(ordinal int) string { return fmt.Sprintf("k%03d", ordinal) }

// postings gives a list as one block.
type postings struct {
	list []posting
	read bool
}

func (p *postings) NextBlock() bool {
	first := !p.read
	p.read = true
	return first
}
func (p *postings) SeekBlock(uint32) bool { return p.NextBlock() }
func (p *postings) Docs() (docs []uint32) {
	for _, at := range p.list {
		docs = append(docs, at.doc)
	}
	return docs
}
func (p *postings) Freqs() (freqs []uint32) {
	for _, at := range p.list {
		freqs = append(freqs, at.freq)
	}
	return freqs
}
func (p *postings) Positions(dst []uint32, i int) []uint32 {
	return append(dst, p.list[i].positions...)
}
func (*postings) Err() error { return nil }
