package route

import (
	"math"
	"sync"
	"time"
)

const (
	// Buckets of a window grow by a factor of 2^(1/bucketsPerOctave), 9 %, from leastBucket to 16 s.
	bucketsPerOctave = 8
	windowBuckets    = 20 * bucketsPerOctave
	leastBucket      = 16 * time.Microsecond
	// refreshEvery is the number of samples after which a quantile is computed anew.
	refreshEvery = 32
)

// window holds the latencies of one kind of call over the last one to two generations.
type window struct {
	mu     sync.Mutex
	counts [2][windowBuckets]uint32 // this generation's and the one's before
	totals [2]int
	since  time.Time // when this generation began
	// late is the quantile, as of due samples before the next time it is computed.
	late time.Duration
	due  int
}

func bucketOf(took time.Duration) int {
	if took <= leastBucket {
		return 0
	}
	at := int(math.Ceil(bucketsPerOctave * math.Log2(float64(took)/float64(leastBucket))))
	return min(at, windowBuckets-1)
}

// bucketEnd is the longest latency of a bucket.
func bucketEnd(at int) time.Duration {
	return time.Duration(float64(leastBucket) * math.Exp2(float64(at)/bucketsPerOctave))
}

// observe adds a latency.
func (w *window) observe(took time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.age(now)
	w.counts[0][bucketOf(took)]++
	w.totals[0]++
	w.due--
}

// age begins a new generation when its time has come.
func (w *window) age(now time.Time) {
	switch past := now.Sub(w.since); {
	case past < generation:
		return
	case past < 2*generation:
		w.counts[1], w.totals[1] = w.counts[0], w.totals[0]
	default:
		w.counts[1], w.totals[1] = [windowBuckets]uint32{}, 0
	}
	w.counts[0], w.totals[0] = [windowBuckets]uint32{}, 0
	w.since, w.due = now, 0
}

// hedgeAfter is the time after which a call is late: the quantile, or coldHedgeDelay without enough
// samples for one.
func (w *window) hedgeAfter(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.age(now)
	total := w.totals[0] + w.totals[1]
	if total < minHedgeSamples {
		w.due = 0
		return coldHedgeDelay
	}
	if w.due <= 0 {
		w.late, w.due = w.quantile(total), refreshEvery
	}
	return max(w.late, minHedgeDelay)
}

func (w *window) quantile(total int) time.Duration {
	rank := int(math.Ceil(hedgeQuantile * float64(total)))
	at := 0
	for seen := 0; at < windowBuckets-1; at++ {
		if seen += int(w.counts[0][at] + w.counts[1][at]); seen >= rank {
			break
		}
	}
	return bucketEnd(at)
}
