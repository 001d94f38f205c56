package dense

import (
	"fmt"
	"math"
)

// Normalize gives the vector scaled to length 1, as a new slice. It returns ErrNotFinite for a vector
// without direction. The sums are in double precision, so only the result is rounded.
func Normalize(v []float32) ([]float32, error) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, ErrNotFinite
	}
	unit := make([]float32, len(v))
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		unit[i] = float32(float64(x) * scale)
	}
	return unit, nil
}

// Dot is the inner product of two vectors of the same length, which for unit vectors is their cosine
// similarity. It adds in double precision in a fixed order, four sums side by side: the same vectors
// give the same bits everywhere.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	// The conversions round each product, so that no compiler may fuse it with the addition.
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(float64(a[i]) * float64(b[i]))
		s1 += float64(float64(a[i+1]) * float64(b[i+1]))
		s2 += float64(float64(a[i+2]) * float64(b[i+2]))
		s3 += float64(float64(a[i+3]) * float64(b[i+3]))
	}
	for ; i < len(a); i++ {
		s0 += float64(float64(a[i]) * float64(b[i]))
	}
	return float32((s0 + s1) + (s2 + s3))
}

// CheckDims returns ErrDimension, naming both, unless the vector has that many dimensions.
func CheckDims(v []float32, dims int) error {
	if len(v) != dims {
		return fmt.Errorf("%w: the vector has %d, the index has %d", ErrDimension, len(v), dims)
	}
	return nil
}
