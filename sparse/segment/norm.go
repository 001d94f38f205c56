package segment

import "math"

// Norm is what BM25 makes of the length of a document: Base + Slope*length, where Base is k1*(1-b) and Slope k1*b over
// the average length.
type Norm struct {
	Base  float64 `json:"base"`
	Slope float64 `json:"slope"`
}

// Saturation is the part of a BM25 score that is free of idf, freq/(freq + norm), in (0, 1]. The conversion keeps the
// compiler from fusing operations: every architecture gives the same bits.
func (n Norm) Saturation(freq, length uint32) float64 {
	tf := float64(freq)
	return tf / (tf + n.of(length))
}

// Score is the weight times Saturation, which a product of the two would not give to the bit.
func (n Norm) Score(weight float64, freq, length uint32) float64 {
	tf := float64(freq)
	return float64(weight*tf) / (tf + n.of(length))
}

func (n Norm) of(length uint32) float64 { return n.Base + float64(n.Slope*float64(length)) }

// impact is a saturation as a byte, rounded up: impact/255 is never below it but for the rounding of doubles.
func impact(saturation float64) uint8 { return uint8(min(255, max(1, math.Ceil(255*saturation)))) }

// oddsOf[i] is s/(1-s) for the saturation s = i/255; a frequency is the norm times this.
var oddsOf = func() (t [256]float64) {
	for i := range 255 {
		s := float64(i) / 255
		t[i] = s / (1 - s)
	}
	return t
}()

// freq gives the highest frequency whose impact is i in a document of the length, which nearly always is the only one.
// The encoder keeps the others apart. 0 for the impact 255, whose frequencies have no bound.
func (n Norm) freq(i uint8, length uint32) uint32 {
	f := float64(oddsOf[i]*n.of(length)) + 1e-6
	if !(f < math.MaxUint32) {
		return 0
	}
	return uint32(f)
}

// below is the largest float32 that is not above x.
func below(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}
