package quality

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// The names ReadVectors knows.
const (
	// Passages are the vectors of the documents, in the order of the corpus.
	Passages = "passages"
	// Queries are the vectors of the queries, in the order of their file.
	Queries = "queries"
)

// manifestName is the file that says what the files of vectors beside it hold.
const manifestName = "vectors.json"

// Vectors are embeddings, one a row.
type Vectors struct {
	// Dims is the length of every row.
	Dims int
	// Rows share one array; each is the caller's to change.
	Rows [][]float32
}

// manifest is vectors.json; keys that only tell where the vectors come from are passed over.
type manifest struct {
	Dims     int  `json:"dims"`
	Passages *int `json:"passages"`
	Queries  *int `json:"queries"`
}

// ReadVectors reads NAME.f16 of a directory, where name is Passages or Queries, by the dimensions and the
// count that vectors.json beside it gives. Its errors wrap ErrVectors, or are those of reading.
func ReadVectors(dir, name string) (Vectors, error) {
	m, err := readManifest(filepath.Join(dir, manifestName))
	if err != nil {
		return Vectors{}, err
	}
	var count *int
	switch name {
	case Passages:
		count = m.Passages
	case Queries:
		count = m.Queries
	default:
		return Vectors{}, fmt.Errorf("%w: no vectors are called %q, only %s and %s", ErrVectors, name, Passages, Queries)
	}
	path := filepath.Join(dir, name+".f16")
	data, err := os.ReadFile(path)
	if err != nil {
		return Vectors{}, fmt.Errorf("read vectors: %w", err)
	}
	width := 2 * m.Dims
	if len(data)%width != 0 {
		return Vectors{}, fmt.Errorf("read %s: %w: %d bytes are no whole number of rows of %d dimensions",
			path, ErrVectors, len(data), m.Dims)
	}
	if rows := len(data) / width; count != nil && *count != rows {
		return Vectors{}, fmt.Errorf("read %s: %w: it holds %d rows, %s says %d",
			path, ErrVectors, rows, manifestName, *count)
	}
	return decodeRows(path, data, m.Dims)
}

func readManifest(path string) (manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return manifest{}, fmt.Errorf("read vectors: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return manifest{}, fmt.Errorf("read %s: %w: %w", path, ErrVectors, err)
	}
	if m.Dims < 1 || m.Dims > maxDims {
		return manifest{}, fmt.Errorf("read %s: %w: \"dims\" is %d, must be 1 to %d", path, ErrVectors, m.Dims, maxDims)
	}
	return m, nil
}

func decodeRows(path string, data []byte, dims int) (Vectors, error) {
	flat := make([]float32, len(data)/2)
	for i := range flat {
		f := float16(binary.LittleEndian.Uint16(data[2*i:]))
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			return Vectors{}, fmt.Errorf("read %s: %w: row %d holds %v at position %d",
				path, ErrVectors, i/dims+1, f, i%dims)
		}
		flat[i] = f
	}
	rows := make([][]float32, len(flat)/dims)
	for i := range rows {
		rows[i] = flat[i*dims : (i+1)*dims : (i+1)*dims]
	}
	return Vectors{Dims: dims, Rows: rows}, nil
}

// float16 gives the value of an IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction.
func float16(bits uint16) float32 {
	sign := uint32(bits&0x8000) << 16
	exponent := uint32(bits>>10) & 0x1f
	fraction := uint32(bits & 0x3ff)
	switch exponent {
	case 0:
		// Zero or subnormal: fraction * 2^-24, exact in a float32.
		f := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
