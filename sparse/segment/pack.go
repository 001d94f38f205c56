package segment

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"sagasu/sparse/simd"
)

// lanes is the number of values that a full block keeps side by side: value i is in lane i mod 8.
const lanes = simd.Lanes

const (
	// patched is set in the width of a block that has gaps of more bits, whose upper ones are behind the packed gaps.
	patched = 0x20
	// maxWidth is the bits of a gap up to which they are packed.
	maxWidth = patched - 1
	// patchHead is the bytes before the places of patches: their number, and the bytes of one.
	patchHead = 2
)

// widthFor gives the width with which the gaps take least, patched where some need more bits. size is of a patch, in
// bytes.
func widthFor(gaps []uint32) (width uint, size int) {
	var of [33]int
	most := 0
	for _, gap := range gaps {
		n := bits.Len32(gap)
		of[n]++
		most = max(most, n)
	}
	best, patches := math.MaxInt, 0
	for w := most; w >= 0; patches, w = patches+of[w], w-1 {
		if w > maxWidth || patches >= BlockDocs {
			continue
		}
		high := (most - w + 7) / 8
		words := wordsOf(len(gaps), uint(w))
		if patches > 0 {
			words += (patchHead + patches*(1+high) + 3) / 4
		}
		if words < best {
			best, width, size = words, uint(w), high
		}
	}
	return width, size
}

// wordsOf is the number of words of n packed values.
func wordsOf(n int, width uint) int {
	if n == BlockDocs {
		return lanes * int(width)
	}
	return (n*int(width) + 31) / 32
}

// packGaps appends at most BlockDocs gaps, and gives their width, with patched.
func packGaps(dst []uint32, gaps []uint32) ([]uint32, uint) {
	width, size := widthFor(gaps)
	from := len(dst)
	dst = append(dst, make([]uint32, wordsOf(len(gaps), width))...)
	low := uint32(1)<<width - 1
	if len(gaps) == BlockDocs {
		packBlock(dst[from:], (*[BlockDocs]uint32)(gaps), width)
	} else {
		packTail(dst[from:], gaps, width)
	}
	if size == 0 {
		return dst, width
	}
	patches := []byte{0, byte(size)}
	for i, gap := range gaps {
		if gap > low {
			patches[0]++
			patches = append(patches, byte(i))
		}
	}
	for _, gap := range gaps {
		if gap > low {
			var high [4]byte
			binary.LittleEndian.PutUint32(high[:], gap>>width)
			patches = append(patches, high[:size]...)
		}
	}
	patches = append(patches, 0, 0, 0)
	for len(patches) >= 4 {
		dst = append(dst, binary.LittleEndian.Uint32(patches))
		patches = patches[4:]
	}
	return dst, width | patched
}

// unpackGaps reads what packGaps wrote and makes documents of it, the first of them after base. src must go on for a word
// after the values of what is no full block, and have two. false if the patches are not what they say.
func unpackGaps(docs *[BlockDocs]uint32, n int, src []uint32, width uint, base uint32) bool {
	w := width & maxWidth
	if n == BlockDocs {
		simd.Unpack(docs, src, w)
	} else {
		unpackTail(docs[:n], src, w)
	}
	if width&patched != 0 && !patch(docs[:n], bytesOf(src[wordsOf(n, w):]), w) {
		return false
	}
	simd.AddUp(docs[:n], base+1)
	return true
}

// bytesOf looks at words as bytes.
func bytesOf(words []uint32) []byte {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 4*len(words))
}

// patch adds the upper bits of gaps.
func patch(gaps []uint32, data []byte, width uint) bool {
	if len(data) < patchHead {
		return false
	}
	n, size := int(data[0]), int(data[1])
	data = data[patchHead:]
	if len(data) < n*(1+size) {
		return false
	}
	places, highs := data[:n], data[n:n*(1+size)]
	if size == 1 { // nearly always
		for i, high := range highs {
			at := int(places[i])
			if at >= len(gaps) {
				return false
			}
			gaps[at] |= uint32(high) << width
		}
		return true
	}
	for i, at := range places {
		if int(at) >= len(gaps) || size > 4 {
			return false
		}
		var high [4]byte
		copy(high[:], highs[i*size:][:size])
		gaps[at] |= binary.LittleEndian.Uint32(high[:]) << width
	}
	return true
}

// packBlock packs values of width bits at most, of which larger ones lose what is above: lane by lane a stream of words,
// the lanes' words interleaved. out is zero.
func packBlock(out []uint32, values *[BlockDocs]uint32, width uint) {
	mask := uint32(1)<<width - 1
	for row := range uint(BlockDocs / lanes) {
		bit := row * width
		word, shift := bit>>5*lanes, bit&31
		for lane := range uint(lanes) {
			v := values[row*lanes+lane] & mask
			if v == 0 {
				continue
			}
			out[word+lane] |= v << shift
			if shift+width > 32 {
				out[word+lanes+lane] |= v >> (32 - shift)
			}
		}
	}
}

// packTail packs fewer values than a block, one after the other, as packBlock does.
func packTail(out []uint32, values []uint32, width uint) {
	mask := uint32(1)<<width - 1
	for i, v := range values {
		bit := uint(i) * width
		v := uint64(v&mask) << (bit & 31)
		if v != 0 {
			out[bit>>5] |= uint32(v)
			if v>>32 != 0 {
				out[bit>>5+1] |= uint32(v >> 32)
			}
		}
	}
}

// unpackTail reads what packTail wrote. src must go on for a word after the values, and have two.
func unpackTail(gaps []uint32, src []uint32, width uint) {
	w := width & maxWidth
	mask := uint32(1)<<w - 1
	_ = src[max(1, (len(gaps)*int(w)+31)/32)] // all that is read
	data, bit := unsafe.Pointer(unsafe.SliceData(src)), uint(0)
	for i := range gaps {
		gaps[i] = uint32(*(*uint64)(unsafe.Add(data, bit>>5<<2))>>(bit&31)) & mask
		bit += w
	}
}

// packedWords is the number of words that must be there to unpack n values.
func packedWords(n int, width uint) int {
	words := wordsOf(n, width&maxWidth)
	if n < BlockDocs {
		words = max(2, words+1)
	}
	return words
}
