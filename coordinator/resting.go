package coordinator

import (
	"sync"
	"time"

	"sagasu/coordinator/state"
)

// resting remembers since when this node knows that generations of vectors were given up: searches that began before
// may still ask for them.
type resting struct {
	mu    sync.Mutex
	since map[generationKey]time.Time
}

func newResting() *resting { return &resting{since: map[generationKey]time.Time{}} }

// look notes the generations that a version of the metadata gives up.
func (r *resting) look(view *state.View, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	present := map[generationKey]bool{}
	for _, x := range view.Indexes() {
		for _, generation := range x.Retired {
			key := generationKey{x.UUID, generation}
			present[key] = true
			if _, known := r.since[key]; !known {
				r.since[key] = now
			}
		}
	}
	for key := range r.since {
		if !present[key] {
			delete(r.since, key)
		}
	}
}

// of gives the generations of an index that were given up after a time, or that look has not seen.
func (r *resting) of(x *state.Index, after time.Time) (generations []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, generation := range x.Retired {
		if since, known := r.since[generationKey{x.UUID, generation}]; !known || since.After(after) {
			generations = append(generations, generation)
		}
	}
	return generations
}
