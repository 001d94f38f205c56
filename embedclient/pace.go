package embedclient

import (
	"errors"
	"sync"
	"time"
)

// pace decides how much is asked of the service at a time. One request shall take about paceTarget: a service
// without an accelerator takes seconds for what another does in milliseconds, queries wait behind the passages
// it works on, and what runs into the deadline is done in vain, again and again.
type pace struct {
	mu sync.Mutex
	// bytes is what a request may hold now, of texts and what is around them.
	bytes, most int
}

func newPace(most int) *pace { return &pace{bytes: min(paceStart, most), most: most} }

// allowance is the size of the next request, in bytes. A text that is longer goes alone.
func (p *pace) allowance() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

// told learns from a request of that size: how long it took, and why it failed. It grows by requests that came
// near the allowance only, since small ones say nothing about large ones.
func (p *pace) told(size int, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, ErrTimeout):
		p.bytes = min(p.bytes, size) / 2
	case err != nil:
	case took > 2*paceTarget:
		// At the speed seen, but no less than half of now: one slow request may have had other reasons.
		fit := int(float64(size) * float64(paceTarget) / float64(took))
		p.bytes = max(p.bytes/2, min(p.bytes, fit))
	case took < paceTarget/2 && 2*size >= p.bytes:
		p.bytes *= 2
	}
	p.bytes = max(paceLeast, min(p.bytes, p.most))
}
