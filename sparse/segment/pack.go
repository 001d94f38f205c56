package segment

import "math/bits"

// lanes is the number of values that a full block keeps side by side: value i is in lane i mod 8, so that one vector
// instruction works on eight neighbours.
const lanes = 8

// widthOf is the bits that the largest of the values needs.
func widthOf(values []uint32) uint {
	or := uint32(0)
	for _, v := range values {
		or |= v
	}
	return uint(bits.Len32(or))
}

// packBlock appends BlockDocs values of width bits: lane by lane a stream of words, the lanes' words interleaved.
func packBlock(dst []uint32, values *[BlockDocs]uint32, width uint) []uint32 {
	from := len(dst)
	for range lanes * width {
		dst = append(dst, 0)
	}
	out := dst[from:]
	if width == 0 {
		return dst // documents that follow each other
	}
	for row := range uint(BlockDocs / lanes) {
		bit := row * width
		word, shift := bit>>5*lanes, bit&31
		for lane := range uint(lanes) {
			v := values[row*lanes+lane]
			out[word+lane] |= v << shift
			if shift+width > 32 {
				out[word+lanes+lane] |= v >> (32 - shift)
			}
		}
	}
	return dst
}

// unpackBlock reads what packBlock wrote, as gaps less one after the document base, and gives the documents. src must go
// on for lanes words after the block.
func unpackBlock(docs *[BlockDocs]uint32, src []uint32, width uint, base uint32) {
	mask := uint32(1)<<width - 1
	doc := base
	for row := range uint(BlockDocs / lanes) {
		bit := row * width
		word, shift := bit>>5*lanes, bit&31
		low := (*[lanes]uint32)(src[word:])
		high := (*[lanes]uint32)(src[word+lanes:])
		out := (*[lanes]uint32)(docs[row*lanes:])
		for lane := range lanes {
			v := uint32((uint64(low[lane])|uint64(high[lane])<<32)>>shift) & mask
			doc += v + 1
			out[lane] = doc
		}
	}
}

// packTail appends fewer values than a block, one after the other.
func packTail(dst []uint32, values []uint32, width uint) []uint32 {
	var pending uint64
	have := uint(0)
	for _, v := range values {
		pending |= uint64(v) << have
		if have += width; have >= 32 {
			dst = append(dst, uint32(pending))
			pending >>= 32
			have -= 32
		}
	}
	if have > 0 {
		dst = append(dst, uint32(pending))
	}
	return dst
}

// unpackTail reads what packTail wrote as unpackBlock does. src must go on for a word after the values.
func unpackTail(docs []uint32, src []uint32, width uint, base uint32) {
	mask := uint32(1)<<width - 1
	doc, bit := base, uint(0)
	for i := range docs {
		at := bit >> 5
		v := uint32((uint64(src[at])|uint64(src[at+1])<<32)>>(bit&31)) & mask
		doc += v + 1
		docs[i] = doc
		bit += width
	}
}

// packedWords is the number of words that must be there to unpack n values.
func packedWords(n int, width uint) int {
	if n < BlockDocs {
		return max(2, (n*int(width)+31)/32+1)
	}
	return lanes*int(max(1, width)) + lanes
}
