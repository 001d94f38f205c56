package replica

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"sagasu/api"
	"sagasu/sparse"
)

// stateVersion is the version of what encodeState writes; 1 had no requests.
const stateVersion = 2

// encodeState gives what the state machine knows beside its indexes, to be saved with a manifest.
func encodeState(s *denseState, requests *requestLog) []byte {
	e := encoder{}
	e.byte(stateVersion)
	s.encode(&e)
	requests.encode(&e)
	return e.buf
}

// restoreState reads what encodeState wrote; nil leaves both empty.
func restoreState(data []byte, s *denseState, requests *requestLog) error {
	if data == nil {
		return nil
	}
	d := newDecoder(data)
	version := d.byte()
	if d.err == nil && (version < 1 || version > stateVersion) {
		return fmt.Errorf("restore state of version %d, this build reads up to %d: %w", version, stateVersion,
			sparse.ErrNewerFormat)
	}
	s.restore(d)
	if version > 1 {
		requests.restore(d)
	}
	if err := d.end(); err != nil {
		return fmt.Errorf("restore state: %w", err)
	}
	return nil
}

// denseState is what the state machine knows beside the two indexes: how far the dense worker is. It is
// saved with the sparse index's manifest, and changed only together with that index (sparse.Batch.Then),
// so it is always of the same entry.
type denseState struct {
	mu         sync.Mutex
	checkpoint uint64
	failed     map[string]Failure
	// dropped counts failures beyond maxFailed.
	dropped uint64
	// deletes are ids to be removed from a remote dense index, with the entry that asked for it.
	deletes map[string]uint64
	// changed is closed and replaced when the checkpoint moves or documents were deleted.
	changed chan struct{}
}

func newDenseState() *denseState {
	return &denseState{failed: map[string]Failure{}, deletes: map[string]uint64{}, changed: make(chan struct{})}
}

func (s *denseState) encode(e *encoder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.uint(s.checkpoint)
	e.uint(s.dropped)
	e.failures(s.sortedFailures())
	e.uint(uint64(len(s.deletes)))
	for _, id := range slices.Sorted(maps.Keys(s.deletes)) {
		e.str(id)
		e.uint(s.deletes[id])
	}
}

func (s *denseState) restore(d *decoder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpoint, s.dropped = d.uint(), d.uint()
	for _, f := range d.failures() {
		s.failed[f.ID] = f
	}
	for range d.count(2) {
		id := d.str()
		s.deletes[id] = d.uint()
	}
}

func (s *denseState) sortedFailures() []Failure {
	out := make([]Failure, 0, len(s.failed))
	for _, id := range slices.Sorted(maps.Keys(s.failed)) {
		out = append(out, s.failed[id])
	}
	return out
}

// failures gives the recorded failures by id, and how many more were only counted.
func (s *denseState) failures() ([]Failure, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sortedFailures(), s.dropped
}

// progress gives the checkpoint, and a channel closed when it moves.
func (s *denseState) progress() (uint64, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkpoint, s.changed
}

// advance records a worker's progress.
func (s *denseState) advance(b *vectorBatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range b.Embedded {
		if s.failed[k.ID].Version == k.Version {
			delete(s.failed, k.ID)
		}
	}
	for _, k := range b.Deleted {
		if s.deletes[k.ID] <= k.Version {
			delete(s.deletes, k.ID)
		}
	}
	if b.Checkpoint > s.checkpoint {
		s.checkpoint = b.Checkpoint
		s.signalLocked()
	}
}

// signal wakes those who wait for progress.
func (s *denseState) signal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signalLocked()
}

func (s *denseState) signalLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// fail records documents that can't be embedded.
func (s *denseState) fail(failures []Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range failures {
		if _, known := s.failed[f.ID]; !known && len(s.failed) >= maxFailed {
			s.dropped++
			continue
		}
		s.failed[f.ID] = f
	}
}

// written forgets the failures of documents that were replaced or deleted, and remembers deletes for a
// remote dense index.
func (s *denseState) written(writes []api.Write, outcomes []sparse.Outcome, remote bool, entry uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range outcomes {
		id := writes[i].Doc.ID
		if o.Status == api.StatusUpdated || o.Status == api.StatusDeleted {
			delete(s.failed, id)
		}
		if o.Status != api.StatusDeleted || !remote {
			continue
		}
		if _, known := s.deletes[id]; known || len(s.deletes) < maxPendingDeletes {
			s.deletes[id] = entry
		}
	}
}

// pendingDeletes gives up to limit ids to delete, ascending; Version is the entry that asked for it.
func (s *denseState) pendingDeletes(limit int) []sparse.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := slices.Sorted(maps.Keys(s.deletes))
	keys := make([]sparse.Key, 0, min(limit, len(ids)))
	for _, id := range ids[:min(limit, len(ids))] {
		keys = append(keys, sparse.Key{ID: id, Version: s.deletes[id]})
	}
	return keys
}
