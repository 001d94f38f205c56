package consensus

import (
	"context"
	"sync"
)

// progress is an index that only grows and can be waited for.
type progress struct {
	mu      sync.Mutex
	index   uint64
	changed chan struct{} // nil while nobody waits
}

func (p *progress) get() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.index
}

func (p *progress) advance(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if index <= p.index {
		return
	}
	p.index = index
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// wait returns nil once the index is reached, the context's error or stopped's reason otherwise.
func (p *progress) wait(ctx context.Context, index uint64, f *failure) error {
	for {
		p.mu.Lock()
		if p.index >= index {
			p.mu.Unlock()
			return nil
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-f.failed:
			return f.err()
		}
	}
}
