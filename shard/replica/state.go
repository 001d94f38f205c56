package replica

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"sagasu/sparse"
)

// stateVersion is the version of what encodeState writes; 1 had no requests, 2 one generation of vectors and
// no consumers.
const stateVersion = 3

// encodeState gives what the state machine knows beside its indexes, to be saved with a manifest.
func encodeState(s *state, requests *requestLog) []byte {
	e := encoder{}
	e.byte(stateVersion)
	s.encode(&e)
	requests.encode(&e)
	return e.buf
}

// restoreState reads what encodeState wrote; nil leaves both as they are in a new replica. With remote, the
// vectors that an earlier version made are in a server.
func restoreState(data []byte, s *state, requests *requestLog, remote bool) error {
	if data == nil {
		return nil
	}
	d := newDecoder(data)
	version := d.byte()
	if d.err == nil && (version < 1 || version > stateVersion) {
		return fmt.Errorf("restore state of version %d, this build reads up to %d: %w", version, stateVersion,
			sparse.ErrNewerFormat)
	}
	if version < 3 {
		s.restoreFirst(d, remote)
	} else {
		s.restore(d)
	}
	if version > 1 {
		requests.restore(d)
	}
	if err := d.end(); err != nil {
		return fmt.Errorf("restore state: %w", err)
	}
	return nil
}

// state is what the state machine knows beside its indexes: which generations of vectors there are, how far the
// workers are that follow the log, and what they can't see in the documents. It is saved with the sparse index's
// manifest, and changed only together with that index (sparse.Batch.Then), so it is always of the same entry.
type state struct {
	mu sync.Mutex
	// generations are ascending by number.
	generations []*generationState
	consumers   map[string]*consumerState
	// tombstones are the last deletes, oldest first, complete behind the log index trimmed.
	tombstones []tombstone
	trimmed    uint64
	// dense is the log index of the last entry that changed what the dense leg finds.
	dense uint64
	// unkept is true while the vectors of the first generation are only in a server, where an earlier version put
	// them.
	unkept bool
	// changed is closed and replaced when anything of the above moves.
	changed chan struct{}
}

// tombstone is a document that was deleted.
type tombstone struct {
	id string
	// version is that of the delete, entry its log index.
	version, entry uint64
}

// againKey is an id to be looked at again, with the log index that asked for it last.
type againKey struct {
	id    string
	entry uint64
}

func newState() *state {
	return &state{consumers: map[string]*consumerState{}, changed: make(chan struct{})}
}

// change changes the state, and wakes who waits for that.
func (s *state) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// moved gives a channel that is closed when the state changes.
func (s *state) moved() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// position is the log index of the last entry that changed what the dense leg finds.
func (s *state) position() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dense
}

// hash is a digest of what replicas must share. Of a state as earlier versions had it, it is what they gave.
func (s *state) hash() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	const spread = 0x9e3779b97f4a7c15
	var sum uint64
	for _, g := range s.generations {
		sum ^= g.checkpoint * spread
		if g.number != 0 {
			sum = sum*31 + uint64(g.number)*spread
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.consumers)) {
		c := s.consumers[name]
		sum = (sum*31+c.version)*31 + c.deletes*spread + c.epoch
	}
	return sum
}

func (s *state) encode(e *encoder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.uint(uint64(len(s.generations)))
	for _, g := range s.generations {
		g.encode(e)
	}
	e.uint(uint64(len(s.consumers)))
	for _, name := range slices.Sorted(maps.Keys(s.consumers)) {
		e.str(name)
		s.consumers[name].encode(e)
	}
	e.uint(uint64(len(s.tombstones)))
	for _, t := range s.tombstones {
		e.str(t.id)
		e.uint(t.version)
		e.uint(t.entry)
	}
	e.uint(s.trimmed)
	e.uint(s.dense)
	e.bool(s.unkept)
}

func (s *state) restore(d *decoder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generations = nil
	// The least generation has ten numbers, the least consumer a name and five, the least tombstone three.
	for range d.count(10) {
		s.generations = append(s.generations, d.generationState())
	}
	for range d.count(6) {
		name := d.str()
		s.consumers[name] = d.consumerState()
	}
	if n := d.count(3); n > 0 {
		s.tombstones = make([]tombstone, n)
	}
	for i := range s.tombstones {
		s.tombstones[i] = tombstone{id: d.str(), version: d.uint(), entry: d.uint()}
	}
	s.trimmed, s.dense, s.unkept = d.uint(), d.uint(), d.bool()
}

// restoreFirst reads a state of version 1 or 2, which had one generation: its checkpoint, its failures, and ids
// that were to be deleted from a server. What that server has is of a collection that is used no more.
func (s *state) restoreFirst(d *decoder, remote bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.find(0)
	if g == nil {
		g = newGenerationState(0, 0, 0)
	}
	g.checkpoint, g.dropped = d.uint(), d.uint()
	g.passed = g.checkpoint
	for _, f := range d.failures() {
		g.failed[f.ID] = f
	}
	for range d.count(2) {
		d.str()
		d.uint()
	}
	s.dense, s.unkept = g.checkpoint, remote && g.checkpoint > 0
}
