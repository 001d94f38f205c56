package segment

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/internal/vfs"
)

// plainSource has documents without fields: sources of the sizes, each of its own text.
type plainSource struct {
	name  string
	sizes []int
}

func (s plainSource) NumDocs() uint32         { return uint32(len(s.sizes)) }
func (s plainSource) ID(doc uint32) string    { return fmt.Sprint(s.name, doc) }
func (plainSource) Columns(uint32) Columns    { return Columns{} }
func (s plainSource) Field(_ int) FieldSource { return nil }
func (s plainSource) Stored(doc uint32) (Stored, error) {
	random := rand.New(rand.NewPCG(uint64(doc), uint64(len(s.name))))
	source := []byte(s.ID(doc) + ":")
	for range s.sizes[doc] {
		source = append(source, byte('a'+random.IntN(4)))
	}
	out := Stored{Source: source}
	if doc%3 == 0 {
		out.Vector = []float32{float32(doc), -0.5}
	}
	return out, nil
}

// open builds a segment of the inputs, with the documents in the order that shuffle gives, and opens it.
func openStored(t require.TestingT, path string, inputs []Input, shuffle func(n int) []int) *Reader {
	file, err := vfs.OS().Create(path)
	require.NoError(t, err)
	b := &builder{inputs: inputs}
	b.number()
	if shuffle != nil {
		order := shuffle(len(b.sequence))
		sequence := make([]origin, len(order))
		for to, from := range order {
			o := b.sequence[from]
			sequence[to], b.maps[o.input][o.doc] = o, uint32(to)
		}
		b.sequence = sequence
	}
	require.NoError(t, b.write(file))
	require.NoError(t, file.Close())
	r, err := Open(vfs.OS(), path, nil)
	require.NoError(t, err)
	return r
}

// sameStored requires that the reader has the documents of the sources that have its ids.
func sameStored(t require.TestingT, r *Reader, sources ...plainSource) {
	want := map[string]Stored{}
	for _, s := range sources {
		for doc := range s.NumDocs() {
			want[s.ID(doc)], _ = s.Stored(doc)
		}
	}
	for doc := range r.NumDocs() {
		got, err := r.Stored(doc)
		require.NoError(t, err)
		require.Equal(t, want[r.ID(doc)], got)
	}
}

func TestStoredAfterMergesOfAnyOrder(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		source := func(name string) plainSource {
			size := rapid.SampledFrom([]int{0, 10, 700, 9000, 40_000})
			return plainSource{name, rapid.SliceOfN(size, 0, 60).Draw(t, name)}
		}
		drop := func(n uint32) *roaring.Bitmap {
			one, d := rapid.SampledFrom([]int{1, 3, 30, 1000}).Draw(t, "one of"), roaring.New()
			for doc := range n {
				if rapid.IntRange(1, one).Draw(t, "dropped") == 1 && one < 1000 {
					d.Add(doc)
				}
			}
			return d
		}
		shuffle := func(n int) []int {
			order := make([]int, n)
			for i := range order {
				order[i] = i
			}
			if rapid.Bool().Draw(t, "as they came") {
				return order
			}
			return rapid.Permutation(order).Draw(t, "order")
		}
		x, y, z := source("x"), source("y"), source("zzz")
		a := openStored(t, filepath.Join(dir, "a"), []Input{{Source: x, Drop: drop(x.NumDocs())}}, shuffle)
		b := openStored(t, filepath.Join(dir, "b"), []Input{{Source: y}, {Source: a, Drop: drop(a.NumDocs())}}, shuffle)
		inputs := []Input{{Source: b, Drop: drop(b.NumDocs())}, {Source: z, Drop: drop(z.NumDocs())}, {Source: a}}
		inputs[2].Drop = roaring.New()
		inputs[2].Drop.AddRange(0, uint64(a.NumDocs()))
		c := openStored(t, filepath.Join(dir, "c"), inputs, shuffle)
		for _, r := range []*Reader{a, b, c} {
			sameStored(t, r, x, y, z)
			require.NoError(t, r.Close())
		}
		require.EqualValues(t, b.NumDocs()-uint32(inputs[0].Drop.GetCardinality())+z.NumDocs()-
			uint32(inputs[1].Drop.GetCardinality()), c.NumDocs())
	})
}

func TestMergesCopyWholeBlocks(t *testing.T) {
	dir := t.TempDir()
	sizes := make([]int, 400)
	for i := range sizes {
		sizes[i] = 500
	}
	x, y := plainSource{"x", sizes}, plainSource{"yy", sizes[:210]}
	a := openStored(t, filepath.Join(dir, "a"), []Input{{Source: x}}, nil)
	b := openStored(t, filepath.Join(dir, "b"), []Input{{Source: y}}, nil)
	blocks := func(r *Reader) (out [][]byte) {
		for at := range r.storedBlocks() {
			block, err := r.storedBlock(at)
			require.NoError(t, err)
			out = append(out, block.packed)
		}
		return out
	}
	copied := func(merged, from *Reader) (n int) {
		have := map[string]bool{}
		for _, p := range blocks(merged) {
			have[string(p)] = true
		}
		for _, p := range blocks(from) {
			if have[string(p)] {
				n++
			}
		}
		return n
	}
	t.Run("all of them where nothing is dropped", func(t *testing.T) {
		backwards := func(n int) []int {
			order := make([]int, n)
			for i := range order {
				order[i] = n - 1 - i
			}
			return order
		}
		whole := openStored(t, filepath.Join(dir, "whole"), []Input{{Source: a}, {Source: b}}, backwards)
		defer func() { require.NoError(t, whole.Close()) }()
		require.Positive(t, whole.storedRows.n)
		require.GreaterOrEqual(t, copied(whole, a), len(blocks(a))-1)
		require.GreaterOrEqual(t, copied(whole, b), len(blocks(b))-2)
		sameStored(t, whole, x, y)
	})
	t.Run("those without dropped documents, and none is tiny", func(t *testing.T) {
		drop := roaring.BitmapOf(3, 70)
		part := openStored(t, filepath.Join(dir, "part"), []Input{{Source: a, Drop: drop}, {Source: b}}, nil)
		defer func() { require.NoError(t, part.Close()) }()
		require.Zero(t, part.storedRows.n)
		require.GreaterOrEqual(t, copied(part, a), len(blocks(a))-3)
		require.Less(t, copied(part, a), len(blocks(a)))
		for at := range part.storedBlocks() - 1 {
			block, err := part.storedBlock(at)
			require.NoError(t, err)
			require.GreaterOrEqual(t, int(block.size), storedBlock/2)
		}
		sameStored(t, part, x, y)
	})
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
}

func TestDamagedStoredRows(t *testing.T) {
	dir := t.TempDir()
	src := plainSource{"x", []int{9000, 9000, 9000, 9000}}
	backwards := func(int) []int { return []int{3, 2, 1, 0} }
	r := openStored(t, filepath.Join(dir, "a"), []Input{{Source: src}}, backwards)
	defer func() { require.NoError(t, r.Close()) }()
	index := bytes.Clone(r.storedIndex)
	rows := func(slots ...uint32) {
		var ok bool
		r.storedRows, ok = openColumn(packColumn(slots), 4)
		require.True(t, ok)
	}
	merge := func(change func()) error {
		rows(3, 2, 1, 0)
		r.storedIndex = bytes.Clone(index)
		change()
		_, err := Build(vfs.OS(), filepath.Join(dir, "merged"), Plan{}, []Input{{Source: r}})
		return err
	}
	require.NoError(t, merge(func() {}))
	for name, change := range map[string]func(){
		"a slot outside":          func() { rows(3, 4, 1, 0) },
		"a slot twice":            func() { rows(2, 2, 1, 0) },
		"a block outside":         func() { binary.LittleEndian.PutUint64(r.storedIndex[24:], 1<<40) },
		"blocks out of order":     func() { binary.LittleEndian.PutUint32(r.storedIndex[16:], 9) },
		"no first documents":      func() { binary.LittleEndian.PutUint32(r.storedIndex, 1) },
		"no last documents":       func() { binary.LittleEndian.PutUint32(r.storedIndex[len(index)-16:], 3) },
		"a block of another size": func() { binary.LittleEndian.PutUint32(r.storedIndex[4:], maxStoredBlock+1) },
	} {
		t.Run(name, func(t *testing.T) {
			err := merge(change)
			require.ErrorIs(t, err, ErrCorrupt)
			require.ErrorContains(t, err, r.path)
			for doc := range r.NumDocs() + 2 {
				if _, err := r.Stored(doc); err != nil {
					require.ErrorIs(t, err, ErrCorrupt)
				}
			}
		})
	}
	r.storedIndex = bytes.Clone(index)
	rows(1<<31, 2, 1, 0)
	_, err := r.Stored(0)
	require.ErrorIs(t, err, ErrCorrupt)
	_, err = r.Stored(4)
	require.ErrorIs(t, err, ErrCorrupt)
}
