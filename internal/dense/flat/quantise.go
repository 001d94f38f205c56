package flat

import "math"

// A unit vector x is kept as codes c and a scale s with x = s*c + e; a query q as codes d, a scale t with
// q = t*d + f. Then
//
//	q·x = s*t*(d·c) + q·e + s*(f·c)
//
// and by Cauchy and Schwarz the last two are at most |q||e| + |f||s*c|, where |s*c| <= |x| + |e|. So an
// integer product tells the score up to a known error, and a row whose upper bound is below the lower
// bounds of k others need not be looked at again. No assumption about the data is made.

// slack covers the rounding of the bounds themselves and of unit vectors to single precision, whose
// lengths are 1 up to 1e-7 or so.
const slack = 2e-6

// quantiseRow writes the codes of a unit vector, each rounded to the nearest, and gives the scale and the
// length of the error, rounded up.
func quantiseRow(codes []int8, unit []float32) (scale, errorNorm float32) {
	var largest float32
	for _, x := range unit {
		largest = max(largest, float32(math.Abs(float64(x))))
	}
	scale = largest / 127
	var sum float64
	for i, x := range unit {
		c := max(-127, min(127, math.RoundToEven(float64(x)/float64(scale))))
		codes[i] = int8(c)
		e := float64(x) - float64(scale)*c
		sum += e * e
	}
	return scale, math.Nextafter32(float32(math.Sqrt(sum)), 2)
}

// quantisedQuery is a query as the kernels take it.
type quantisedQuery struct {
	unit  []float32
	codes []int16
	scale float64
	// errorNorm is |f|, norm is |q|.
	errorNorm, norm float64
}

// quantiseQuery gives the codes as many bits as the sums of the kernel allow: a lane of 32 bits must hold
// the sum of dims products with codes up to 127, in any order.
func quantiseQuery(unit []float32) quantisedQuery {
	q := quantisedQuery{unit: unit, codes: make([]int16, stride(len(unit)))}
	limit := math.Floor(min(math.MaxInt16, math.MaxInt32/(127*float64(len(unit)))))
	var largest float64
	for _, x := range unit {
		largest = max(largest, math.Abs(float64(x)))
	}
	q.scale = largest / limit
	var errorSum, sum float64
	for i, x := range unit {
		c := max(-limit, min(limit, math.RoundToEven(float64(x)/q.scale)))
		q.codes[i] = int16(c)
		e := float64(x) - q.scale*c
		errorSum += e * e
		sum += float64(x) * float64(x)
	}
	q.errorNorm, q.norm = math.Sqrt(errorSum), math.Sqrt(sum)
	return q
}

// bounds gives the estimate of a row's score and how far it may be off.
func (q *quantisedQuery) bounds(product int32, scale, errorNorm float32) (estimate, off float64) {
	e := float64(errorNorm)
	return q.scale * float64(scale) * float64(product), q.norm*e + q.errorNorm*(1+e) + slack
}
