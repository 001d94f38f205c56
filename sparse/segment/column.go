package segment

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	// columnHead is the lowest value u64, the bits of a value u8, and zeros.
	columnHead = 16
	// columnEnd are zeros behind the values, so that each can be read as part of eight bytes.
	columnEnd = 8
	// columnWidth is the most bits of a value that fit eight bytes wherever they begin; wider ones take all of them.
	columnWidth = 56
)

// column is an array of numbers in a file, each with the bits that the highest less the lowest needs.
type column struct {
	data  []byte // from the first value on
	base  uint64
	mask  uint64
	width uint64
	n     int
}

// packColumn makes a section of values.
func packColumn[T uint32 | uint64](values []T) []byte {
	base, width := uint64(0), 0
	if len(values) > 0 {
		base = uint64(slices.Min(values))
		width = bits.Len64(uint64(slices.Max(values)) - base)
	}
	if width > columnWidth {
		base, width = 0, 64
	}
	out := make([]byte, columnHead+columnSize(len(values), width))
	binary.LittleEndian.PutUint64(out, base)
	out[8] = byte(width)
	for i, v := range values {
		bit := i * width
		at := out[columnHead+bit>>3:]
		binary.LittleEndian.PutUint64(at, binary.LittleEndian.Uint64(at)|(uint64(v)-base)<<(bit&7))
	}
	return out
}

// columnSize is the bytes of n values and of what is behind them.
func columnSize(n, width int) int { return (n*width+7)/8 + columnEnd }

// openColumn reads what packColumn made. ok is false if it is not of n values.
func openColumn(section []byte, n uint64) (c column, ok bool) {
	if len(section) < columnHead || n > 1<<33 {
		return column{}, false
	}
	width := int(section[8])
	c = column{
		data: section[columnHead:], base: binary.LittleEndian.Uint64(section),
		mask: 1<<width - 1, width: uint64(width), n: int(n),
	}
	return c, (width <= columnWidth || width == 64) && len(c.data) == columnSize(c.n, width)
}

// wholeColumn reads an array of n whole numbers of size bytes, 4 or 8, as format 1 has them.
func wholeColumn(section []byte, n uint64, size int) (c column, ok bool) {
	if uint64(len(section)) != n*uint64(size) {
		return column{}, false
	}
	if size < columnEnd {
		section = append(slices.Clip(section), make([]byte, columnEnd)...)
	}
	return column{data: section, mask: 1<<(8*size) - 1, width: uint64(8 * size), n: int(n)}, true
}

// at gives the i-th value.
func (c *column) at(i uint32) uint64 {
	bit := uint64(i) * c.width
	return c.base + binary.LittleEndian.Uint64(c.data[bit>>3:])>>(bit&7)&c.mask
}
