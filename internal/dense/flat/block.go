package flat

import (
	"sagasu/api"
	"sagasu/internal/dense"
)

// block holds some rows. A row is written once, before a view that counts it is published, and never
// changed: searches read it without a lock.
type block struct {
	codes     []int8
	units     []float32
	scales    []float32
	errors    []float32
	ids       []string
	versions  []uint64
	digests   [][16]byte
	slots     []uint16
	attribute [][]api.Value
}

// blockRows is the number of rows of every block.
func blockRows(dims int) int {
	return max(minBlockRows, min(maxBlockRows, blockCodes/stride(dims)/64*64))
}

func newBlock(dims int) *block {
	n := blockRows(dims)
	return &block{
		codes: make([]int8, n*stride(dims)), units: make([]float32, n*dims),
		scales: make([]float32, n), errors: make([]float32, n),
		ids: make([]string, n), versions: make([]uint64, n), digests: make([][16]byte, n), slots: make([]uint16, n),
		attribute: make([][]api.Value, n),
	}
}

// set writes row i; the vector's values have length 1.
func (b *block) set(i int, v *dense.Vector) {
	dims := len(v.Values)
	copy(b.unit(i, dims), v.Values)
	width := stride(dims)
	b.scales[i], b.errors[i] = quantiseRow(b.codes[i*width:(i+1)*width], v.Values)
	b.ids[i], b.versions[i], b.attribute[i] = v.ID, v.Version, v.Attributes
	b.digests[i], b.slots[i] = v.Digest, v.Slot
}

// unit is the vector of row i.
func (b *block) unit(i, dims int) []float32 { return b.units[i*dims : (i+1)*dims : (i+1)*dims] }

// vector is row i as a vector.
func (b *block) vector(i, dims int) dense.Vector {
	return dense.Vector{
		ID: b.ids[i], Version: b.versions[i], Slot: b.slots[i], Digest: b.digests[i],
		Values: b.unit(i, dims), Attributes: b.attribute[i],
	}
}

// rowSet is a set of rows of a block.
type rowSet []uint64

func newRowSet(rows int) rowSet { return make(rowSet, (rows+63)/64) }

func (b rowSet) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }
func (b rowSet) set(i int)      { b[i/64] |= 1 << (i % 64) }

// part is a block as one view sees it.
type part struct {
	*block
	// rows counts the rows of the block that the view sees.
	rows int
	// dead are those that were replaced or removed; never changed once published.
	dead    rowSet
	deadNum int
}

// view is the state of the index at one moment; it is never changed.
type view struct {
	parts []part
	live  int
	// rows counts the rows of all parts, dead ones included.
	rows int
}
