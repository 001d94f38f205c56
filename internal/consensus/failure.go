package consensus

import (
	"fmt"
	"sync"
)

// failure latches the first reason for which a replica stopped.
type failure struct {
	failed chan struct{} // closed with the first reason
	mu     sync.Mutex
	reason error
}

func newFailure() *failure { return &failure{failed: make(chan struct{})} }

// set latches the reason and tells whether it is the first.
func (f *failure) set(reason error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reason != nil {
		return false
	}
	f.reason = fmt.Errorf("%w: %w", ErrFailed, reason)
	close(f.failed)
	return true
}

// err is nil while the replica has not failed.
func (f *failure) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reason
}
