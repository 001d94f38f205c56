package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
	"unsafe"
)

// Form is how the documents of a list are laid out.
type Form uint8

// The forms, by density.
const (
	// FormTiny has at most TinyDocs documents, as varints.
	FormTiny Form = iota
	// FormBlocks has blocks of BlockDocs packed gaps.
	FormBlocks
	// FormDense has a bit per document of the segment.
	FormDense
)

const (
	// TinyDocs is the most documents of a tiny list: up to here headers would cost more than they save.
	TinyDocs = 16
	// WindowDocs is the number of documents for which a dense or frequent list has a bound.
	WindowDocs = 4096
	// WindowWords is a window as words of bits.
	WindowWords = WindowDocs / 64
	// RankWords is the number of words after which a dense list has counted its documents.
	RankWords = 4
	// windowRanks is their number in a window.
	windowRanks = WindowWords / RankWords
	// BoundDocs is the number of postings that share a bound.
	BoundDocs = 128
)

// Ranks at which a list keeps its best impacts; see List.Kth.
const (
	kths    = 3
	listTop = 32 // bytes of the header of a list that is not tiny
	// formBits are the lowest bits of a term's place, which tell the form.
	formBits = 2
	// tinyOdd is written for a tiny list that has odd frequencies.
	tinyOdd = 3
)

// kthRanks are the ranks, ascending.
var kthRanks = [kths]int{10, 100, 1000}

// List is the postings of one key as a segment keeps them, for reading in place; what it refers to is valid as long as
// the segment is mapped. A posting's number is its rank by document.
type List struct {
	Form Form
	// Docs is the number of postings.
	Docs int
	// Impacts are bounds of the postings' weights, as multiples of Scale: BM25 saturations, or learned weights. Not for
	// keywords.
	Impacts []uint8
	Scale   float64
	// Max is the highest impact. Bounds[i] is that of the postings from i*BoundDocs on, Windows[i] that of the i-th
	// window of documents, nil where the list is too short for it to pay.
	Max     uint8
	Bounds  []uint8
	Windows []uint8
	// Kth are the weights (not bounds) of the 10th, 100th and 1000th best posting, rounded down; 0 where there are fewer.
	Kth [kths]float32

	// Tiny are the documents of a tiny list.
	Tiny [TinyDocs]uint32

	// Lasts[i] is the last document of the i-th block.
	Lasts  []uint32
	starts []uint32 // word of each block in packed, and in the lowest six bits its width, with patched
	packed []uint32

	// Words has a bit for each document of the segment, in whole windows.
	Words []uint64
	// WindowRanks[i] is the number of postings before the i-th window, and ranks those within the window before every
	// RankWords words.
	WindowRanks []uint32
	ranks       []uint16

	norm       Norm
	positions  []byte   // the list's, and what is behind them
	positionAt []uint32 // where each block's, or each BlockDocs of a dense list's, begin
	weights    []uint32 // bits of float32
	oddAt      []uint32 // postings whose frequency the impact does not tell, ascending
	odd        []uint32 // their frequencies
	oddTiny    [2 * TinyDocs]uint32
}

// Blocks is the number of blocks of a list in that form.
func (l *List) Blocks() int { return len(l.Lasts) }

// Block decodes a block into docs and gives the number of documents, 0 where the file is not what it says.
func (l *List) Block(block int, docs *[BlockDocs]uint32) int {
	base := ^uint32(0)
	if block > 0 {
		base = l.Lasts[block-1]
	}
	start := int(l.starts[block] >> 6)
	width := uint(l.starts[block] & 63)
	n := min(BlockDocs, l.Docs-block*BlockDocs)
	if start+packedWords(n, width) > len(l.packed) || !unpackGaps(docs, n, l.packed[start:], width, base) {
		return 0
	}
	return n
}

// BlockBound is the highest impact of a block of a list in that form, which keeps impacts.
func (l *List) BlockBound(block int) uint8 {
	of := l.Bounds[block*(BlockDocs/BoundDocs):]
	return slices.Max(of[:min(len(of), BlockDocs/BoundDocs)])
}

// Rank gives the number of a dense list's posting of a document, ok false if it has none.
func (l *List) Rank(doc uint32) (posting int, ok bool) {
	word := int(doc >> 6)
	w := l.Words[word]
	if w>>(doc&63)&1 == 0 {
		return 0, false
	}
	n := int(l.WindowRanks[doc/WindowDocs]) + int(l.ranks[word/RankWords])
	for i := word &^ (RankWords - 1); i < word; i++ {
		n += onesCount(l.Words[i])
	}
	return n + onesCount(w&(1<<(doc&63)-1)), true
}

// Freq gives the frequency of a text's posting, in a document of the length.
func (l *List) Freq(posting int, length uint32) uint32 {
	if len(l.oddAt) > 0 {
		at := sort.Search(len(l.oddAt), func(i int) bool { return l.oddAt[i] >= uint32(posting) })
		if at < len(l.oddAt) && l.oddAt[at] == uint32(posting) {
			return l.odd[at]
		}
	}
	return l.norm.freq(l.Impacts[posting], length)
}

// Weight gives the weight of a sparse vector's posting.
func (l *List) Weight(posting int) float32 { return math.Float32frombits(l.weights[posting]) }

// Positions appends the positions of a text's posting. ok is false where the file is not what it says.
func (l *List) Positions(dst []uint32, posting int) (positions []uint32, ok bool) {
	var nowhere PositionCursor
	return ReadPositions(dst, l.SeekPositions(&nowhere, posting))
}

// List reads the list of the key with the ordinal into l; only of fields for which Listed is true.
func (f *Field) List(ordinal uint32, l *List) error {
	place := f.places.at(ordinal)
	form, at := Form(place&(1<<formBits-1)), place>>formBits
	odd := form == tinyOdd
	if odd {
		form = FormTiny
	}
	*l = List{Form: form, Docs: int(f.docFreqs.at(ordinal)), norm: f.norm}
	if at > uint64(len(f.postings)) || l.Docs < 1 || uint64(l.Docs) > uint64(f.docs) || form != FormTiny && at&7 != 0 {
		return fmt.Errorf("%w: postings: offset or number of documents", ErrCorrupt)
	}
	r := &cut{data: f.postings[at:]}
	if form == FormTiny {
		l.readTiny(f, r, odd)
	} else {
		l.read(f, r)
	}
	if r.bad || !l.sound(f) {
		return fmt.Errorf("%w: postings of term %d", ErrCorrupt, ordinal)
	}
	return nil
}

// cut cuts pieces off a file. Once one is missing, bad is set and what it gives is empty.
type cut struct {
	data []byte
	bad  bool
}

func (c *cut) bytes(n int) []byte {
	if n < 0 || n > len(c.data) {
		c.bad, c.data = true, nil
		return nil
	}
	out := c.data[:n:n]
	c.data = c.data[n:]
	return out
}

func (c *cut) uvarint() uint64 {
	v, n := binary.Uvarint(c.data)
	if n <= 0 {
		c.bad, c.data = true, nil
		return 0
	}
	c.data = c.data[n:]
	return v
}

// padded cuts n bytes and what fills them up to a multiple of four.
func (c *cut) padded(n int) []byte {
	out := c.bytes(n)
	c.bytes(-n & 3)
	return out
}

func (c *cut) words32(n int) []uint32 { return view[uint32](c.bytes(4 * n)) }

// view looks at bytes of a file as integers, which are little-endian, as this machine's are; see Open.
func view[T uint16 | uint32 | uint64](data []byte) []T {
	var one T
	size := int(unsafe.Sizeof(one))
	if len(data) < size {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&data[0])), len(data)/size)
}

func (l *List) readTiny(f *Field, r *cut, odd bool) {
	if l.Docs > TinyDocs {
		r.bad = true
		return
	}
	doc := ^uint32(0)
	for i := range l.Docs {
		doc += uint32(r.uvarint()) + 1
		l.Tiny[i] = doc
	}
	l.Lasts = l.Tiny[l.Docs-1 : l.Docs]
	l.Scale = textScale
	switch f.shape {
	case ShapeText:
		l.Impacts = r.bytes(l.Docs)
		n := 0
		if odd {
			n = int(min(r.uvarint(), TinyDocs+1))
		}
		if n > l.Docs {
			r.bad = true
			return
		}
		for i := range n {
			l.oddTiny[i], l.oddTiny[TinyDocs+i] = uint32(r.uvarint()), uint32(r.uvarint())
		}
		l.oddAt, l.odd = l.oddTiny[:n], l.oddTiny[TinyDocs:TinyDocs+n]
		l.positions = r.data
	case ShapeSparse:
		l.Impacts = r.bytes(l.Docs)
		if scale := r.bytes(4); scale != nil {
			l.Scale = float64(math.Float32frombits(binary.LittleEndian.Uint32(scale)))
		}
		// A tiny list is not aligned: its weights are read into what the frequencies of texts would take.
		for i := range l.Docs {
			if w := r.bytes(4); w != nil {
				l.oddTiny[i] = binary.LittleEndian.Uint32(w)
			}
		}
		l.weights = l.oddTiny[:l.Docs]
	case ShapeKeyword, ShapePoints:
	}
	for _, i := range l.Impacts {
		l.Max = max(l.Max, i)
	}
}

func (l *List) read(f *Field, r *cut) {
	head := r.bytes(listTop)
	if r.bad {
		return
	}
	if f.shape == ShapeText {
		at := binary.LittleEndian.Uint64(head)
		if at > uint64(len(f.positions)) {
			r.bad = true
			return
		}
		l.positions = f.positions[at:]
	}
	l.Scale = float64(math.Float32frombits(binary.LittleEndian.Uint32(head[8:])))
	if f.shape == ShapeText {
		l.Scale = textScale
	}
	odd := int(min(binary.LittleEndian.Uint32(head[12:]), uint32(l.Docs)))
	for i := range l.Kth {
		l.Kth[i] = math.Float32frombits(binary.LittleEndian.Uint32(head[16+4*i:]))
	}
	l.Max = head[28]
	blocks := (l.Docs + BlockDocs - 1) / BlockDocs
	windows := windowsOf(f.docs)
	if l.Form == FormBlocks {
		l.Lasts, l.starts = r.words32(blocks), r.words32(blocks)
	} else {
		l.WindowRanks = r.words32(windows + 1)
	}
	if f.shape == ShapeText {
		l.positionAt = r.words32(blocks)
		l.oddAt, l.odd = r.words32(odd), r.words32(odd)
	}
	if f.shape == ShapeSparse {
		l.weights = r.words32(l.Docs)
	}
	if l.Form == FormDense {
		l.ranks = view[uint16](r.bytes(2 * windows * windowRanks))
	}
	if f.shape == ShapeText || f.shape == ShapeSparse {
		l.Bounds = r.padded((l.Docs + BoundDocs - 1) / BoundDocs)
		if head[29] != 0 {
			l.Windows = r.padded(windows)
		}
		l.Impacts = r.padded(l.Docs)
	}
	if l.Form == FormBlocks {
		l.packed = view[uint32](r.data)
		return
	}
	// Only dense lists have words of eight bytes.
	if head[30] != 0 {
		r.bytes(4)
	}
	l.Words = view[uint64](r.bytes(8 * windows * WindowWords))
}

// sound reports whether reading the list stays within it.
func (l *List) sound(f *Field) bool {
	switch l.Form {
	case FormTiny:
		return l.Tiny[l.Docs-1] < f.docs
	case FormBlocks:
		return l.Lasts[len(l.Lasts)-1] < f.docs
	case FormDense:
		return len(l.Words) > 0 && int(l.WindowRanks[len(l.WindowRanks)-1]) == l.Docs
	}
	return false
}

func windowsOf(docs uint32) int { return int((uint64(docs) + WindowDocs - 1) / WindowDocs) }

// KthRanks are the ranks of List.Kth, ascending.
func KthRanks() [kths]int { return kthRanks }

// PositionCursor remembers where the positions of a list were read last; of its zero value nowhere.
type PositionCursor struct{ posting, at int }

// SeekPositions gives the bytes from the positions of a text's posting on, for ReadPositions. It is fast where postings
// follow each other.
func (l *List) SeekPositions(c *PositionCursor, posting int) []byte {
	from, skip := 0, posting
	switch {
	case c.at > 0 && c.posting <= posting && c.posting/BlockDocs == posting/BlockDocs:
		from, skip = c.at, posting-c.posting
	case l.Form != FormTiny:
		from, skip = int(l.positionAt[posting/BlockDocs]), posting%BlockDocs
	}
	if from > len(l.positions) {
		return nil
	}
	at := from + skipPositions(l.positions[from:], skip)
	c.posting, c.at = posting, at
	return l.positions[at:]
}
