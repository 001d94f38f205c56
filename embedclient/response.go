package embedclient

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"sagasu/api"
)

// parseOpenAI reads the response of /v1/embeddings: {"data": [{"index": 0, "embedding": ...}, ...]},
// where an embedding is an array of numbers or base64.
func parseOpenAI(body []byte, want, dims int) ([][]float32, error) {
	s := &scanner{buf: body}
	vectors := make([][]float32, want)
	next := 0
	seen := false
	err := s.object(func(key []byte) error {
		if string(key) != "data" {
			return s.skip(0)
		}
		seen = true
		return s.array(func() error {
			index, vector, err := s.embedding(next, want, dims)
			if err != nil {
				return err
			}
			if vectors[index] != nil {
				return fmt.Errorf("%w: two embeddings for text %d", ErrBadResponse, index)
			}
			vectors[index] = vector
			next++
			return nil
		})
	})
	if err == nil {
		err = s.end()
	}
	switch {
	case err != nil:
		return nil, err
	case !seen:
		return nil, fmt.Errorf(`%w: no "data"`, ErrBadResponse)
	case next != want:
		return nil, fmt.Errorf("%w: %d embeddings for %d texts", ErrBadResponse, next, want)
	}
	return vectors, sameDims(vectors)
}

// embedding takes one element of "data"; without an index of its own it is that of text next.
func (s *scanner) embedding(next, want, dims int) (index int, vector []float32, err error) {
	index = next
	err = s.object(func(key []byte) error {
		var err error
		switch string(key) {
		case "index":
			index, err = s.integer(math.MaxInt32)
		case "embedding":
			if s.peek() == '"' {
				vector, err = s.base64(dims)
			} else {
				vector, err = s.vector(dims)
			}
		default:
			err = s.skip(0)
		}
		return err
	})
	switch {
	case err != nil:
		return 0, nil, err
	case vector == nil:
		return 0, nil, fmt.Errorf(`%w: no "embedding" for text %d`, ErrBadResponse, index)
	case index >= want:
		return 0, nil, fmt.Errorf("%w: an embedding for text %d of %d", ErrBadResponse, index, want)
	}
	return index, vector, nil
}

// vector takes an array of numbers. dims is how many there must be, 0 for any number.
func (s *scanner) vector(dims int) ([]float32, error) {
	vector := make([]float32, 0, dims)
	if !s.take('[') {
		return nil, s.fail("an array")
	}
	for !s.take(']') {
		if len(vector) > 0 && !s.take(',') {
			return nil, s.fail("',' or ']'")
		}
		value, err := s.float32()
		if err != nil {
			return nil, err
		}
		if len(vector) == maxUnknownDims {
			return nil, s.fail("a vector of at most 32768 values")
		}
		vector = append(vector, value)
	}
	return vector, checkDims(len(vector), dims)
}

// base64 takes a string of little-endian float32 in base64.
func (s *scanner) base64(dims int) ([]float32, error) {
	text, err := s.str()
	if err != nil {
		return nil, err
	}
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(raw, text)
	if err != nil {
		return nil, fmt.Errorf("%w: base64 of an embedding: %w", ErrBadResponse, err)
	}
	if n%4 != 0 || n/4 > maxUnknownDims {
		return nil, fmt.Errorf("%w: an embedding of %d bytes in base64", ErrBadResponse, n)
	}
	vector := make([]float32, n/4)
	for i := range vector {
		bits := binary.LittleEndian.Uint32(raw[4*i:])
		if bits&0x7f800000 == 0x7f800000 {
			return nil, fmt.Errorf("%w: value %d of an embedding is not finite", ErrBadResponse, i)
		}
		vector[i] = math.Float32frombits(bits)
	}
	return vector, checkDims(len(vector), dims)
}

// checkDims returns ErrBadResponse unless there are as many values as wanted.
func checkDims(got, want int) error {
	if got == 0 || want != 0 && got != want {
		return fmt.Errorf("%w: a vector of %d dimensions, the configuration says %d", ErrBadResponse, got, want)
	}
	return nil
}

// sameDims returns ErrBadResponse unless all vectors have the same number of values.
func sameDims(vectors [][]float32) error {
	for _, vector := range vectors {
		if len(vector) != len(vectors[0]) {
			return fmt.Errorf("%w: vectors of %d and of %d dimensions", ErrBadResponse, len(vectors[0]), len(vector))
		}
	}
	return nil
}

// parseTEI reads the response of /embed: [[0.1, ...], ...].
func parseTEI(body []byte, want, dims int) ([][]float32, error) {
	return parseRows(body, want, func(s *scanner) ([]float32, error) { return s.vector(dims) }, sameDims)
}

// parseTEISparse reads the response of /embed_sparse: [[{"index": 7, "value": 0.5}, ...], ...].
func parseTEISparse(body []byte, want int) ([][]api.SparseEntry, error) {
	anySize := func([][]api.SparseEntry) error { return nil }
	return parseRows(body, want, (*scanner).sparseVector, anySize)
}

// parseRows reads an array of want rows, and lets check have a look at them all.
func parseRows[V any](body []byte, want int, row func(*scanner) (V, error), check func([]V) error) ([]V, error) {
	s := &scanner{buf: body}
	rows := make([]V, 0, want)
	err := s.array(func() error {
		if len(rows) == want {
			return fmt.Errorf("%w: more than %d vectors for %d texts", ErrBadResponse, want, want)
		}
		values, err := row(s)
		if err != nil {
			return err
		}
		rows = append(rows, values)
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, err
	}
	if len(rows) != want {
		return nil, fmt.Errorf("%w: %d vectors for %d texts", ErrBadResponse, len(rows), want)
	}
	return rows, check(rows)
}

// sparseVector takes a sparse vector. Weights of 0 are left out; negative ones are refused, as an
// impact index can't hold them.
func (s *scanner) sparseVector() ([]api.SparseEntry, error) {
	entries := []api.SparseEntry{}
	err := s.array(func() error {
		entry, err := s.sparseEntry()
		if err != nil {
			return err
		}
		if entry.Weight > 0 {
			entries = append(entries, entry)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b api.SparseEntry) int { return cmp.Compare(a.Dim, b.Dim) })
	for i := 1; i < len(entries); i++ {
		if entries[i].Dim == entries[i-1].Dim {
			return nil, fmt.Errorf("%w: dimension %d twice in a sparse vector", ErrBadResponse, entries[i].Dim)
		}
	}
	return entries, nil
}

// sparseEntry takes one {"index": 7, "value": 0.5}.
func (s *scanner) sparseEntry() (api.SparseEntry, error) {
	var entry api.SparseEntry
	var dim int
	hasDim, hasWeight := false, false
	err := s.object(func(key []byte) error {
		var err error
		switch string(key) {
		case "index":
			hasDim = true
			dim, err = s.integer(math.MaxUint32)
		case "value":
			hasWeight = true
			entry.Weight, err = s.float32()
		default:
			err = s.skip(0)
		}
		return err
	})
	switch {
	case err != nil:
		return entry, err
	case !hasDim || !hasWeight:
		return entry, fmt.Errorf(`%w: an entry of a sparse vector without "index" or "value"`, ErrBadResponse)
	case entry.Weight < 0:
		return entry, fmt.Errorf("%w: weight %v of dimension %d is negative", ErrBadResponse, entry.Weight, dim)
	}
	entry.Dim = uint32(dim)
	return entry, nil
}
