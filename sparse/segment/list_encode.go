package segment

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// textScale is the scale of the impacts of a text.
const textScale = 1.0 / 255

// A list has a bit per document if it has 1 in denseShare of them and the bits take at most denseFactor times what packed
// gaps would, or if it has 1 in surelyDense: finding a document takes no search then. Lists that are packed still better
// are of documents so close together that blocks are read as fast. With 2 for 4 all is 3 in 100 smaller, and searches
// for any word take 8 in 100 longer.
const (
	denseShare  = 32
	denseFactor = 4
	surelyDense = 8
)

func onesCount(w uint64) int { return bits.OnesCount64(w) }

// listEncoder encodes the postings of one key after the other into a field's two streams.
type listEncoder struct {
	shape Shape
	norm  Norm
	// lengths are the documents' in the new order; text only.
	lengths []uint32
	docs    uint32

	postings, positions []byte
	// By key: where its list is in postings and, in the lowest bits, its form; how many documents it has.
	places   []uint64
	docFreqs []uint32

	// The key at hand: freqs are frequencies or the bits of weights, and the positions of posting i end at ends[i].
	list, freqs []uint32
	bytes       []byte
	ends        []uint32
	order       []uint64
	ascending   bool

	known   []textWeight
	impacts []uint8
	weights []float32 // rounded down
	odd     []uint32  // pairs
	words   []uint32  // packed gaps
	starts  []uint32  // of blocks in words
	bitmap  []uint64
	near    []float32
}

func (e *listEncoder) begin() {
	e.list, e.freqs, e.bytes, e.ends = e.list[:0], e.freqs[:0], e.bytes[:0], e.ends[:0]
	e.ascending = true
}

// end closes the key.
func (e *listEncoder) end() error {
	e.sort()
	e.weigh()
	form, err := e.form()
	if err != nil {
		return err
	}
	e.docFreqs = append(e.docFreqs, uint32(len(e.list)))
	if form == FormTiny {
		code := uint64(FormTiny)
		if len(e.odd) > 0 {
			code = tinyOdd
		}
		e.places = append(e.places, uint64(len(e.postings))<<formBits|code)
		e.tiny()
		return nil
	}
	e.postings = append(e.postings, make([]byte, -len(e.postings)&7)...)
	e.places = append(e.places, uint64(len(e.postings))<<formBits|uint64(form))
	positions := uint64(len(e.positions))
	e.positions = append(e.positions, e.bytes...)
	e.large(form, positions)
	return nil
}

// sort brings the postings into the order of their documents.
func (e *listEncoder) sort() {
	if e.ascending {
		return
	}
	e.order = e.order[:0]
	for i, doc := range e.list {
		e.order = append(e.order, uint64(doc)<<32|uint64(i))
	}
	slices.Sort(e.order)
	freqs := slices.Clone(e.freqs)
	raw, ends := slices.Clone(e.bytes), slices.Clone(e.ends)
	e.bytes = e.bytes[:0]
	for to, o := range e.order {
		from := uint32(o)
		e.list[to], e.freqs[to] = uint32(o>>32), freqs[from]
		if e.shape == ShapeText {
			start := uint32(0)
			if from > 0 {
				start = ends[from-1]
			}
			e.bytes = append(e.bytes, raw[start:ends[from]]...)
			e.ends[to] = uint32(len(e.bytes))
		}
	}
}

// textWeight is what a text's posting weighs, rounded down, and what is written of that: odd if the frequency too.
type textWeight struct {
	weight float32
	impact uint8
	odd    bool
}

// Weights of postings of up to knownFreq in documents shorter than knownLength, which nearly all are, are computed once.
const (
	knownFreq   = 4
	knownLength = 1024
)

func (e *listEncoder) weightOf(freq, length uint32) textWeight {
	if freq-1 >= knownFreq || length >= knownLength {
		return e.norm.weigh(freq, length)
	}
	if e.known == nil {
		e.known = make([]textWeight, knownFreq*knownLength)
	}
	w := &e.known[(freq-1)*knownLength+length]
	if w.impact == 0 {
		*w = e.norm.weigh(freq, length)
	}
	return *w
}

func (n Norm) weigh(freq, length uint32) textWeight {
	s := n.Saturation(freq, length)
	w := textWeight{weight: below(s), impact: impact(s)}
	w.odd = n.freq(w.impact, length) != freq
	return w
}

// weigh computes impacts, weights and what the impacts do not tell.
func (e *listEncoder) weigh() {
	e.impacts, e.weights, e.odd = e.impacts[:0], e.weights[:0], e.odd[:0]
	switch e.shape {
	case ShapeText:
		for i, doc := range e.list {
			w := e.weightOf(e.freqs[i], e.lengths[doc])
			e.impacts, e.weights = append(e.impacts, w.impact), append(e.weights, w.weight)
			if w.odd {
				e.odd = append(e.odd, uint32(i), e.freqs[i])
			}
		}
	case ShapeSparse:
		scale := float64(e.scale())
		for _, bits := range e.freqs {
			w := math.Float32frombits(bits)
			q := uint8(min(255, max(1, math.Ceil(float64(w)/scale))))
			e.impacts, e.weights = append(e.impacts, q), append(e.weights, w)
		}
	case ShapeKeyword, ShapePoints:
	}
}

// scale is the highest weight over 255, rounded up.
func (e *listEncoder) scale() float32 {
	if e.shape != ShapeSparse {
		return textScale
	}
	most := float32(0)
	for _, bits := range e.freqs {
		most = max(most, math.Float32frombits(bits))
	}
	scale := max(most/255, math.SmallestNonzeroFloat32)
	for float64(scale)*255 < float64(most) {
		scale = math.Nextafter32(scale, math.MaxFloat32)
	}
	return scale
}

// form chooses the list's form, and packs its gaps unless it is tiny.
func (e *listEncoder) form() (Form, error) {
	if len(e.list) <= TinyDocs {
		return FormTiny, nil
	}
	if err := e.pack(); err != nil {
		return 0, err
	}
	n, docs := uint64(len(e.list)), uint64(e.docs)
	bits := windowsOf(e.docs) * (WindowDocs/8 + 2*windowRanks)
	fits := bits <= denseFactor*4*(len(e.words)+2*len(e.starts))
	if docs >= WindowDocs && (n*surelyDense >= docs || n*denseShare >= docs && fits) {
		return FormDense, nil
	}
	return FormBlocks, nil
}

func (e *listEncoder) tiny() {
	out := e.postings
	last := ^uint32(0)
	for _, doc := range e.list {
		out = binary.AppendUvarint(out, uint64(doc-last-1))
		last = doc
	}
	out = append(out, e.impacts...)
	switch e.shape {
	case ShapeText:
		if len(e.odd) > 0 {
			out = binary.AppendUvarint(out, uint64(len(e.odd)/2))
		}
		for _, x := range e.odd {
			out = binary.AppendUvarint(out, uint64(x))
		}
		out = append(out, e.bytes...)
	case ShapeSparse:
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(e.scale()))
		out = appendWords(out, e.freqs)
	case ShapeKeyword, ShapePoints:
	}
	e.postings = out
}

func appendWords(dst []byte, words []uint32) []byte {
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint32(dst, w)
	}
	return dst
}

// appendPadded appends bytes and fills them up to a multiple of four.
func appendPadded(dst, data []byte) []byte {
	dst = append(dst, data...)
	return append(dst, make([]byte, -len(data)&3)...)
}

func (e *listEncoder) large(form Form, positions uint64) {
	n := len(e.list)
	blocks := (n + BlockDocs - 1) / BlockDocs
	windows := windowsOf(e.docs)
	scored := e.shape == ShapeText || e.shape == ShapeSparse
	bounded := scored && (form == FormDense || n >= windows*16 && blocks > 2)
	start := len(e.postings)
	head := make([]byte, listTop)
	binary.LittleEndian.PutUint64(head, positions)
	binary.LittleEndian.PutUint32(head[8:], math.Float32bits(e.scale()))
	binary.LittleEndian.PutUint32(head[12:], uint32(len(e.odd)/2))
	if scored {
		for i, k := range e.kth() {
			binary.LittleEndian.PutUint32(head[16+4*i:], math.Float32bits(k))
		}
		head[28] = slices.Max(e.impacts)
	}
	if bounded {
		head[29] = 1
	}
	out := append(e.postings, head...)
	if form == FormBlocks {
		for b := range blocks {
			out = binary.LittleEndian.AppendUint32(out, e.list[min(n, (b+1)*BlockDocs)-1])
		}
		out = appendWords(out, e.starts)
	} else {
		out = e.appendWindowRanks(out, windows)
	}
	if e.shape == ShapeText {
		for b := range blocks {
			at := uint32(0)
			if b > 0 {
				at = e.ends[b*BlockDocs-1]
			}
			out = binary.LittleEndian.AppendUint32(out, at)
		}
		for _, of := range [2]int{0, 1} {
			for i := of; i < len(e.odd); i += 2 {
				out = binary.LittleEndian.AppendUint32(out, e.odd[i])
			}
		}
	}
	if e.shape == ShapeSparse {
		out = appendWords(out, e.freqs)
	}
	if form == FormDense {
		out = e.appendRanks(out, windows)
	}
	if scored {
		out = e.appendBounds(out, windows, bounded)
	}
	if form == FormBlocks {
		e.postings = appendWords(out, e.words)
		return
	}
	if (len(out)-start)&7 != 0 {
		out[start+30] = 1
		out = append(out, 0, 0, 0, 0)
	}
	for _, w := range e.bitmap {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	e.postings = out
}

// pack packs the gaps into words, and finds where each block starts and its width.
func (e *listEncoder) pack() error {
	e.words, e.starts = e.words[:0], e.starts[:0]
	last := ^uint32(0)
	var gaps [BlockDocs]uint32
	for b := range (len(e.list) + BlockDocs - 1) / BlockDocs {
		block := e.list[b*BlockDocs : min(len(e.list), (b+1)*BlockDocs)]
		for i, doc := range block {
			gaps[i] = doc - last - 1
			last = doc
		}
		if len(e.words) >= 1<<26 {
			return fmt.Errorf("a key of %d documents is larger than 256 MiB", len(e.list))
		}
		from := uint32(len(e.words))
		words, width := packGaps(e.words, gaps[:len(block)])
		e.words, e.starts = words, append(e.starts, from<<6|uint32(width))
	}
	// Whoever unpacks may read on; see packedWords.
	for b, start := range e.starts {
		n := min(BlockDocs, len(e.list)-b*BlockDocs)
		for int(start>>6)+packedWords(n, uint(start&63)) > len(e.words) {
			e.words = append(e.words, 0)
		}
	}
	return nil
}

// appendWindowRanks makes the bitmap, and appends the postings before each window and at the end.
func (e *listEncoder) appendWindowRanks(out []byte, windows int) []byte {
	e.bitmap = slices.Grow(e.bitmap[:0], windows*WindowWords)[:windows*WindowWords]
	clear(e.bitmap)
	for _, doc := range e.list {
		e.bitmap[doc>>6] |= 1 << (doc & 63)
	}
	rank := uint32(0)
	for w := range windows {
		out = binary.LittleEndian.AppendUint32(out, rank)
		for _, word := range e.bitmap[w*WindowWords : (w+1)*WindowWords] {
			rank += uint32(onesCount(word))
		}
	}
	return binary.LittleEndian.AppendUint32(out, rank)
}

func (e *listEncoder) appendRanks(out []byte, windows int) []byte {
	for w := range windows {
		rank := 0
		for i := range WindowWords {
			if i%RankWords == 0 {
				out = binary.LittleEndian.AppendUint16(out, uint16(rank))
			}
			rank += onesCount(e.bitmap[w*WindowWords+i])
		}
	}
	return out
}

func (e *listEncoder) appendBounds(out []byte, windows int, bounded bool) []byte {
	bounds := make([]uint8, 0, len(e.list)/BoundDocs+1)
	for i := 0; i < len(e.impacts); i += BoundDocs {
		bounds = append(bounds, slices.Max(e.impacts[i:min(len(e.impacts), i+BoundDocs)]))
	}
	out = appendPadded(out, bounds)
	if bounded {
		most := make([]uint8, windows)
		for i, doc := range e.list {
			most[doc/WindowDocs] = max(most[doc/WindowDocs], e.impacts[i])
		}
		out = appendPadded(out, most)
	}
	return appendPadded(out, e.impacts)
}

// kth gives the weights at kthRanks: the impacts say near which ones they are, so that few are sorted.
func (e *listEncoder) kth() (out [kths]float32) {
	var counts [256]int
	for _, q := range e.impacts {
		counts[q]++
	}
	for i, k := range kthRanks {
		if len(e.list) < k {
			break
		}
		q, left := 255, k
		for counts[q] < left {
			left -= counts[q]
			q--
		}
		e.near = e.near[:0]
		for j, impact := range e.impacts {
			if int(impact) == q {
				e.near = append(e.near, e.weights[j])
			}
		}
		slices.SortFunc(e.near, func(a, b float32) int { return cmp.Compare(b, a) })
		out[i] = e.near[left-1]
	}
	return out
}
