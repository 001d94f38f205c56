package embedclient

import (
	"math"
	"strconv"
)

// powersOfTen are those that a float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal is a number as it is written: digits * 10^exponent.
type decimal struct {
	text     []byte
	negative bool
	digits   uint64
	count    int // significant digits in text; more than 19 don't fit into digits
	exponent int
}

// float32 takes a number and returns it, rounded to nearest. It fails for numbers beyond float32.
func (s *scanner) float32() (float32, error) {
	d, err := s.number()
	if err != nil {
		return 0, err
	}
	if value, ok := d.fast(); ok {
		return value, nil
	}
	value, err := strconv.ParseFloat(string(d.text), 32)
	if err != nil {
		s.pos -= len(d.text)
		return 0, s.fail("a number within float32")
	}
	return float32(value), nil
}

// number takes a number, by the grammar of JSON.
func (s *scanner) number() (decimal, error) {
	s.peek()
	buf, i := s.buf, s.pos
	var d decimal
	if i < len(buf) && buf[i] == '-' {
		d.negative = true
		i++
	}
	whole := i
	i = d.take(buf, i)
	if i == whole || buf[whole] == '0' && i > whole+1 {
		return d, s.fail("a number")
	}
	if i < len(buf) && buf[i] == '.' {
		from := i + 1
		i = d.take(buf, from)
		if i == from {
			return d, s.fail("a number")
		}
		d.exponent = from - i
	}
	if i < len(buf) && (buf[i] == 'e' || buf[i] == 'E') {
		exponent, next := takeExponent(buf, i+1)
		if next < 0 {
			return d, s.fail("a number")
		}
		d.exponent += exponent
		i = next
	}
	d.text = buf[s.pos:i]
	s.pos = i
	return d, nil
}

// take adds the digits from i on and returns where they end.
func (d *decimal) take(buf []byte, i int) int {
	for ; i < len(buf); i++ {
		c := buf[i] - '0'
		if c > 9 {
			break
		}
		d.digits = d.digits*10 + uint64(c)
		if c != 0 || d.count > 0 {
			d.count++
		}
	}
	return i
}

// takeExponent returns the exponent at i and where it ends, -1 if there is none. Exponents beyond any
// float are cut to 1000s.
func takeExponent(buf []byte, i int) (exponent, next int) {
	negative := false
	if i < len(buf) && (buf[i] == '+' || buf[i] == '-') {
		negative = buf[i] == '-'
		i++
	}
	from := i
	for ; i < len(buf) && buf[i] >= '0' && buf[i] <= '9'; i++ {
		exponent = min(exponent*10+int(buf[i]-'0'), 10_000)
	}
	if i == from {
		return 0, -1
	}
	if negative {
		exponent = -exponent
	}
	return exponent, i
}

// fast returns the number if it can be had by one division or multiplication. Up to 19 digits and an
// exact power of ten leave the float64 at most two units in its last place off; that can change the
// rounding to float32 only if the 29 bits cut off are that close to one half, which is left to strconv,
// like zero's neighbourhood and numbers beyond float32.
func (d *decimal) fast() (float32, bool) {
	if d.count > 19 || d.exponent < -22 || d.exponent > 22 {
		return 0, false
	}
	value := float64(d.digits)
	if d.exponent < 0 {
		value /= powersOfTen[-d.exponent]
	} else {
		value *= powersOfTen[d.exponent]
	}
	const (
		cut   = 1<<29 - 1
		half  = 1 << 28
		slack = 4
	)
	below := math.Float64bits(value) & cut
	if below-(half-slack) <= 2*slack || value > math.MaxFloat32 {
		return 0, false
	}
	if value < 0x1p-126 && d.digits != 0 {
		return 0, false
	}
	if d.negative {
		value = -value
	}
	return float32(value), true
}
