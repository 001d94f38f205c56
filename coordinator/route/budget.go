package route

import "sync"

// budget lets happen a share of what is counted, and a burst on top: a token bucket filled by calls
// instead of time, so that it holds at any load.
type budget struct {
	share float64
	most  float64
	mu    sync.Mutex
	left  float64
}

// newBudget is full at first.
func newBudget(percent float64, burst int) *budget {
	return &budget{share: percent / 100, most: float64(max(burst, 1)), left: float64(burst)}
}

// earn counts one call.
func (b *budget) earn() {
	b.mu.Lock()
	b.left = min(b.left+b.share, b.most)
	b.mu.Unlock()
}

// take reports whether one extra call may be made, and counts it if so. It leaves a reserve to those who may
// take more.
func (b *budget) take(reserve float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1+reserve {
		return false
	}
	b.left--
	return true
}
