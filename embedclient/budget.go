package embedclient

import "sync"

// budget bounds retries by the number of first attempts, so that a failing service is not drowned in
// repetitions by everybody at once.
type budget struct {
	mu      sync.Mutex
	retries float64
}

func newBudget() *budget {
	return &budget{retries: retryReserve}
}

// attempted earns a part of a retry.
func (b *budget) attempted() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retries = min(b.retries+retryShare, retryReserve)
}

// spend takes one retry and reports whether there was one.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retries < 1 {
		return false
	}
	b.retries--
	return true
}
