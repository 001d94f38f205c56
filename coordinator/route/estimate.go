package route

import (
	"math"
	"time"
)

// estimate is a moving average of latencies. It fades while nothing is measured: an estimate is a reason
// to avoid a node, and an old reason is a weak one. The zero estimate knows nothing.
type estimate struct {
	mean time.Duration
	at   time.Time
}

// fade is what is left of 1 after the time since the last sample.
func (e estimate) fade(now time.Time) float64 {
	return math.Exp2(-max(0, now.Sub(e.at).Seconds()) / halfLife.Seconds())
}

// value is the latency to expect, at least leastLatency.
func (e estimate) value(now time.Time) time.Duration {
	return max(time.Duration(float64(e.mean)*e.fade(now)), leastLatency)
}

// observe adds a sample, which counts the more the older the others are.
func (e *estimate) observe(took time.Duration, now time.Time) {
	keep := (1 - sampleWeight) * e.fade(now)
	if e.at.IsZero() {
		keep = 0
	}
	e.mean = time.Duration(float64(e.mean)*keep + float64(took)*(1-keep))
	e.at = now
}

// atLeast adds what a call that was given up tells: it would have taken longer than that. How much longer is
// unknown, and taken for as much again; less would let a node that always loses look nearly as good as others.
func (e *estimate) atLeast(took time.Duration, now time.Time) {
	if took > e.value(now) {
		e.observe(2*took, now)
	}
}
