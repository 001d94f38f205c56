package segment_test

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs"
	"sagasu/sparse/segment"
)

var testShapes = []segment.Shape{segment.ShapeText, segment.ShapeKeyword, segment.ShapeSparse, segment.ShapePoints}

// fixture builds a small segment by merging nothing into it and adding by hand written sources.
func fixture(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fixture.seg")
	_, err := segment.Build(vfs.OS(), path, segment.Plan{Shapes: testShapes, Norms: make([]segment.Norm, len(testShapes))}, []segment.Input{{Source: handSource{}}})
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// handSource is three documents written by hand.
type handSource struct{}

func (handSource) NumDocs() uint32      { return 3 }
func (handSource) ID(doc uint32) string { return []string{"a", "b", "c"}[doc] }
func (handSource) Columns(doc uint32) segment.Columns {
	return segment.Columns{Version: uint64(doc) + 1, Digest: uint64(doc) * 7}
}

func (handSource) Stored(doc uint32) (segment.Stored, error) {
	return segment.Stored{Source: []byte(`{"n":1}`), Vector: []float32{float32(doc)}}, nil
}
func (handSource) Field(ordinal int) segment.FieldSource { return handField{ordinal} }

type handField struct{ ordinal int }

func (f handField) Entries() segment.Entries  { return &handEntries{at: -1, field: f} }
func (handField) Length(uint32) uint32        { return 2 }
func (handField) Points() ([]int64, []uint32) { return []int64{5, -5, 5}, []uint32{0, 1, 2} }

type handEntries struct {
	at    int
	field handField
}

func (e *handEntries) Next() bool                 { e.at++; return e.at < 2 }
func (e *handEntries) Key() []byte                { return []byte{'k', byte('0' + e.at)} }
func (e *handEntries) Postings() segment.Postings { return &handPostings{} }
func (*handEntries) Err() error                   { return nil }

type handPostings struct{ read bool }

func (p *handPostings) NextBlock() bool                      { first := !p.read; p.read = true; return first }
func (p *handPostings) SeekBlock(uint32) bool                { return p.NextBlock() }
func (*handPostings) Docs() []uint32                         { return []uint32{0, 1, 2} }
func (*handPostings) Freqs() []uint32                        { return []uint32{1, 1, 1} }
func (*handPostings) Err() error                             { return nil }
func (*handPostings) Positions(dst []uint32, i int) []uint32 { return append(dst, uint32(i)) }

func TestFixtureReadsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.seg")
	require.NoError(t, os.WriteFile(path, fixture(t), 0o600))
	r, err := segment.Open(vfs.OS(), path, testShapes)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	doc, ok := r.Lookup("b")
	require.True(t, ok)
	require.Equal(t, uint32(1), doc)
	_, ok = r.Lookup("nobody")
	require.False(t, ok)
	stored, err := r.Stored(2)
	require.NoError(t, err)
	require.Equal(t, segment.Stored{Source: []byte(`{"n":1}`), Vector: []float32{2}}, stored)
	var docs []uint32
	r.Column(3).Between(5, 5, func(doc uint32) { docs = append(docs, doc) })
	require.Equal(t, []uint32{0, 2}, docs)
}

func TestUnreleasedFormatIsRefused(t *testing.T) {
	data := fixture(t)
	data[8] = 2
	_, err := segment.Open(flipped{data: data}, "old.seg", testShapes)
	require.ErrorIs(t, err, segment.ErrCorrupt, "the checksum is of another version")
	fixChecksums(data)
	_, err = segment.Open(flipped{data: data}, "old.seg", testShapes)
	require.ErrorIs(t, err, segment.ErrUnreleasedFormat)
	require.ErrorContains(t, err, "open segment old.seg")
	require.ErrorContains(t, err, "version 2; build the index anew")
}

// FuzzOpen changes a segment's bytes, with the checksums left as they are or made right again, and
// reads everything that opens: an error or an answer, never a panic.
func FuzzOpen(f *testing.F) {
	good := fixture(f)
	f.Add(uint32(20), byte(1), false)
	f.Add(uint32(len(good)-10), byte(255), true)
	f.Add(uint32(len(good)/2), byte(7), true)
	f.Fuzz(func(t *testing.T, at uint32, change byte, fix bool) {
		data := append([]byte(nil), good...)
		data[at%uint32(len(data))] ^= change
		if fix {
			fixChecksums(data)
		}
		path := filepath.Join(t.TempDir(), "s.seg")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		r, err := segment.Open(vfs.OS(), path, testShapes)
		if err != nil {
			return
		}
		readEverything(r)
		require.NoError(t, r.Close())
	})
}

// readEverything walks documents and postings; errors are fine.
func readEverything(r *segment.Reader) {
	for doc := range r.NumDocs() {
		id := r.ID(doc)
		r.Lookup(id)
		if _, err := r.Stored(doc); err != nil {
			continue
		}
	}
	for ordinal, shape := range testShapes {
		f := r.Column(ordinal)
		if shape == segment.ShapePoints {
			f.Points()
			continue
		}
		for term := range uint32(f.Terms()) {
			p := f.Postings(term)
			for p.NextBlock() {
				for i := range p.Docs() {
					if shape == segment.ShapeText {
						p.Positions(nil, i)
					}
				}
			}
		}
	}
}

// fixChecksums makes the checksums of the table and of what it points to right, as far as it can be read.
func fixChecksums(data []byte) {
	table := crc32.MakeTable(crc32.Castagnoli)
	foot := data[len(data)-24:]
	at, size := binary.LittleEndian.Uint64(foot), uint64(binary.LittleEndian.Uint32(foot[8:]))
	end := uint64(len(data) - 24)
	if at > end || size > end-at || size%24 != 0 {
		return
	}
	entries := data[at : at+size]
	for e := entries; len(e) > 0; e = e[24:] {
		from, n := binary.LittleEndian.Uint64(e[8:]), binary.LittleEndian.Uint64(e[16:])
		// Dictionaries are read by a library that trusts its bytes: for them the checksum is the guard.
		if kind := binary.LittleEndian.Uint16(e); from > end || n > end-from || kind == 9 || kind == 16 {
			continue
		}
		binary.LittleEndian.PutUint32(e[4:], crc32.Checksum(data[from:from+n], table))
	}
	sum := uint32(0)
	if binary.LittleEndian.Uint32(data[8:]) > 2 {
		sum = crc32.Checksum(data[:16], table)
	}
	binary.LittleEndian.PutUint32(foot[12:], crc32.Update(sum, table, entries))
}
