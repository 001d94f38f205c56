package segment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// posting is one of a list written by hand.
type posting struct {
	doc, freq uint32
	positions []uint32
}

// randomList gives the postings of one key: about a share of the documents.
func randomList(random *rand.Rand, shape Shape, docs uint32, share float64) []posting {
	var list []posting
	// Lists come in runs, as ordered documents make them.
	within := uint32(0)
	for doc := range docs {
		if within > 0 {
			within--
		} else if random.Float64() < share/300 {
			within = 300 + uint32(random.IntN(300))
		}
		if within == 0 && random.Float64() >= share && (doc+1 < docs || len(list) > 0) {
			continue
		}
		p := posting{doc: doc, freq: 1}
		switch shape {
		case ShapeText:
			for random.IntN(3) == 0 && p.freq < 2000 {
				p.freq += 1 + uint32(random.IntN(1<<random.IntN(8)))
			}
			at := uint32(0)
			for range p.freq {
				at += uint32(random.IntN(1 << random.IntN(16)))
				p.positions = append(p.positions, at)
				at++
			}
		case ShapeSparse:
			p.freq = math.Float32bits(float32(math.Exp(4 * random.NormFloat64())))
		case ShapeKeyword, ShapePoints:
		}
		list = append(list, p)
	}
	return list
}

// encode writes lists, shuffled, as a field of a segment.
func encode(t require.TestingT, random *rand.Rand, shape Shape, docs uint32, lists [][]posting) *Field {
	norm := Norm{Base: 0.3, Slope: 0.9 / 50}
	lengths := make([]uint32, docs)
	for i := range lengths {
		lengths[i] = uint32(random.IntN(1 << random.IntN(14)))
	}
	e := &listEncoder{shape: shape, docs: docs, norm: norm, lengths: lengths}
	f := &Field{shape: shape, format: FormatVersion, docs: docs, norm: norm, keys: uint32(len(lists))}
	for _, list := range lists {
		e.begin()
		shuffled := slices.Clone(list)
		if random.IntN(2) == 0 {
			random.Shuffle(len(list), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		}
		for _, p := range shuffled {
			e.list, e.freqs = append(e.list, p.doc), append(e.freqs, p.freq)
			if shape == ShapeText {
				e.bytes = AppendPositions(e.bytes, p.positions)
				e.ends = append(e.ends, uint32(len(e.bytes)))
			}
		}
		e.noteOrder(0)
		require.NoError(t, e.end())
	}
	f.postings, f.positions = e.postings, e.positions
	sections := map[sectionKind][]byte{
		sectionTerms: packColumn(e.places), sectionDocFreqs: packColumn(e.docFreqs), sectionLengths: packColumn(lengths),
	}
	require.True(t, f.openColumns(func(kind sectionKind) []byte { return sections[kind] }))
	return f
}

func TestLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom([]Shape{ShapeText, ShapeKeyword, ShapeSparse}).Draw(t, "shape")
		docs := rapid.SampledFrom([]uint32{1, 100, 1000, 4096, 4097, 30_000}).Draw(t, "documents")
		shares := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0.001, 0.01, 0.05, 0.3, 1}), 1, 3).Draw(t, "shares")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var lists [][]posting
		for _, share := range shares {
			lists = append(lists, randomList(random, shape, docs, share))
		}
		f := encode(t, random, shape, docs, lists)
		for ordinal, want := range lists {
			require.Equal(t, uint32(len(want)), f.DocFreq(uint32(ordinal)))
			requireWalk(t, f, uint32(ordinal), want)
			requireSeek(t, random, f, uint32(ordinal), want)
			requireBounds(t, f, uint32(ordinal), want)
		}
	})
}

// requireWalk reads a list from start to end.
func requireWalk(t require.TestingT, f *Field, ordinal uint32, want []posting) {
	p := f.Postings(ordinal)
	at := 0
	for p.NextBlock() {
		freqs := p.Freqs()
		var raw []byte
		var ends []uint32
		if f.shape == ShapeText {
			var ok bool
			raw, ends, ok = p.(BlockPositions).BlockPositions([]byte{0xff}, nil)
			require.True(t, ok)
			require.Len(t, ends, len(p.Docs()))
			require.EqualValues(t, len(raw), ends[len(ends)-1])
		}
		begin := uint32(1)
		for i, doc := range p.Docs() {
			require.Equal(t, want[at].doc, doc)
			if f.shape != ShapeKeyword {
				require.Equal(t, want[at].freq, freqs[i])
			}
			if f.shape == ShapeText {
				require.Equal(t, want[at].positions, p.Positions(nil, i))
				require.Equal(t, AppendPositions(nil, want[at].positions), raw[begin:ends[i]])
				begin = ends[i]
			}
			at++
		}
	}
	require.NoError(t, p.Err())
	require.Len(t, want, at)
}

// requireSeek reads a list from some documents on.
func requireSeek(t require.TestingT, random *rand.Rand, f *Field, ordinal uint32, want []posting) {
	p := f.Postings(ordinal)
	for doc := uint32(0); doc < f.docs+100; doc += 1 + uint32(random.IntN(3000)) {
		at := slices.IndexFunc(want, func(p posting) bool { return p.doc >= doc })
		require.Equal(t, at >= 0, p.SeekBlock(doc))
		if at < 0 {
			return
		}
		require.Contains(t, p.Docs(), want[at].doc)
		require.GreaterOrEqual(t, p.Docs()[len(p.Docs())-1], doc)
	}
}

// requireBounds holds the bounds of a list to its weights.
func requireBounds(t require.TestingT, f *Field, ordinal uint32, want []posting) {
	if f.shape == ShapeKeyword {
		return
	}
	var l List
	require.NoError(t, f.List(ordinal, &l))
	var weights []float64
	for i, p := range want {
		var w float64
		if f.shape == ShapeText {
			w = f.norm.Saturation(p.freq, f.Length(p.doc))
		} else {
			w = float64(math.Float32frombits(p.freq))
			require.Equal(t, p.freq, math.Float32bits(l.Weight(i)))
		}
		weights = append(weights, w)
		// A bound may fall short by the rounding of doubles; who adds up bounds allows for that.
		require.LessOrEqual(t, w, float64(l.Impacts[i])*l.Scale*(1+1e-12))
		require.LessOrEqual(t, l.Impacts[i], l.Max)
		if l.Bounds != nil {
			require.LessOrEqual(t, l.Impacts[i], l.Bounds[i/BoundDocs])
		}
		if l.Windows != nil {
			require.LessOrEqual(t, l.Impacts[i], l.Windows[p.doc/WindowDocs])
		}
		if l.Form == FormDense {
			rank, ok := l.Rank(p.doc)
			require.True(t, ok)
			require.Equal(t, i, rank)
		}
	}
	if l.Form == FormTiny {
		return
	}
	slices.Sort(weights)
	slices.Reverse(weights)
	for i, k := range kthRanks {
		if k > len(weights) {
			require.Zero(t, l.Kth[i])
			continue
		}
		require.LessOrEqual(t, float64(l.Kth[i]), weights[k-1])
		require.InEpsilon(t, weights[k-1], float64(l.Kth[i]), 1e-6)
	}
}

func FuzzPositions(f *testing.F) {
	f.Add([]byte{0x41, 0xe0, 0x40}, 1)
	f.Add([]byte{0xdf, 0xff, 0xdf, 0x7f, 0x00}, 0)
	f.Fuzz(func(t *testing.T, data []byte, skip int) {
		at := skipPositions(data, skip)
		positions, ok := ReadPositions(nil, data[at:])
		if ok && len(positions) > 0 {
			slices.Sort(positions) // gaps of a file may overflow
			again, ok := ReadPositions(nil, AppendPositions(nil, positions))
			require.True(t, ok)
			require.Equal(t, positions, again)
		}
	})
}

func TestGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Just(BlockDocs), rapid.IntRange(1, BlockDocs)).Draw(t, "gaps")
		width := rapid.IntRange(0, 32).Draw(t, "width")
		large := rapid.SampledFrom([]int{0, 1, 10, 100, 255}).Draw(t, "patches in 256")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		gaps, want := make([]uint32, n), make([]uint32, n)
		base := uint32(random.IntN(100)) - 1
		last := uint64(base) // which wraps for the first block
		for i := range gaps {
			bits := width
			if random.IntN(256) < large {
				bits = random.IntN(33)
			}
			gaps[i] = uint32(random.Uint64N(1 << bits))
			if uint64(uint32(last+1))+uint64(gaps[i]) > math.MaxUint32-uint64(n-i) {
				gaps[i] = 0
			}
			last = uint64(uint32(last) + gaps[i] + 1)
			want[i] = uint32(last)
		}
		words, packed := packGaps([]uint32{7}, gaps)
		src := append(words[1:], 0xffffffff)
		if n == BlockDocs {
			src = words[1:]
		}
		for len(src) < packedWords(n, packed) {
			src = append(src, 0)
		}
		var docs [BlockDocs]uint32
		require.True(t, unpackGaps(&docs, n, src, packed, base))
		require.Equal(t, want, docs[:n])
	})
}

// BenchmarkUnpack is of gaps of which some need more bits.
func BenchmarkUnpack(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{BlockDocs, BlockDocs / 2} {
		for _, width := range []uint{3, 7, 12} {
			for _, large := range []int{0, 10} {
				gaps := make([]uint32, n)
				for i := range gaps {
					gaps[i] = random.Uint32N(1 << width)
					if random.IntN(256) < large {
						gaps[i] = random.Uint32N(1 << (width + 6))
					}
				}
				words, packed := packGaps(nil, gaps)
				words = append(words, 0)
				b.Run(fmt.Sprintf("%d gaps of %d bits and %d others", n, width, large), func(b *testing.B) {
					var docs [BlockDocs]uint32
					for b.Loop() {
						unpackGaps(&docs, n, words, packed, 0)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/posting")
				})
			}
		}
	}
}
