package replica

import (
	"slices"
	"strconv"

	"sagasu/api"
	"sagasu/sparse"
)

// catalogName names the consumer that tells a ledger of the documents.
const catalogName = "catalog"

// feedName names the consumer that writes a generation's vectors to a server.
func feedName(generation int) string { return "feed." + strconv.Itoa(generation) }

// consumerState is how far a worker is that tells others of documents. There is none before the worker has begun.
type consumerState struct {
	// version is the document version up to which it is done, deletes the log index of deletes up to which it is.
	version, deletes uint64
	// epoch counts how often it began anew. What was done in an earlier one does not count.
	epoch uint64
	// identity tells the target that it is done with from others.
	identity string
	// again are ids to be looked at again whatever their version, by the log index that asked for it.
	again map[string]uint64
}

// consumed is a consumer as its worker sees it.
type consumed struct {
	version, deletes, epoch uint64
	identity                string
	// trimmed is the log index up to which deletes are not known any more.
	trimmed uint64
}

// consumer gives how far one is, false if it has not begun.
func (s *state) consumer(name string) (consumed, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.consumers[name]
	if c == nil {
		return consumed{trimmed: s.trimmed}, false
	}
	return consumed{c.version, c.deletes, c.epoch, c.identity, s.trimmed}, true
}

// busy reports whether a consumer has deletes or ids to look at before it is up to date. One that has not begun
// is not.
func (s *state) busy(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.consumers[name]
	if c == nil {
		return true
	}
	n := len(s.tombstones)
	return len(c.again) > 0 || c.deletes < s.trimmed || n > 0 && s.tombstones[n-1].entry > c.deletes
}

// waiting is the number of deletes and ids that a consumer is to look at.
func (s *state) waiting(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.consumers[name]
	if c == nil {
		return 0
	}
	n := len(c.again)
	for i := len(s.tombstones) - 1; i >= 0 && s.tombstones[i].entry > c.deletes; i-- {
		n++
	}
	return n
}

// consumeAgain gives up to limit ids that a consumer is to look at again, ascending.
func (s *state) consumeAgain(name string, limit int) []againKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.consumers[name]; c != nil {
		return firstAgain(c.again, limit)
	}
	return nil
}

// deletesAfter gives the deletes behind a log index, oldest first: about limit, of whole entries.
func (s *state) deletesAfter(entry uint64, limit int) []tombstone {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, _ := slices.BinarySearchFunc(s.tombstones, entry+1, func(t tombstone, entry uint64) int {
		if t.entry < entry {
			return -1
		}
		return 1
	})
	to := min(from+limit, len(s.tombstones))
	for to > from && to < len(s.tombstones) && s.tombstones[to].entry == s.tombstones[to-1].entry {
		to++
	}
	return slices.Clone(s.tombstones[from:to])
}

// consumerMove is a consumer's progress.
type consumerMove struct {
	name string
	// reset begins a new epoch, at version and deletes, for a target of that identity; otherwise they advance, in
	// the epoch given.
	reset                   bool
	epoch, version, deletes uint64
	identity                string
	// settled was looked at again.
	settled []againKey
}

// move applies a consumer's progress; false if it is of a worker whose time is over. mu is held.
func (s *state) move(m *consumerMove) bool {
	c := s.consumers[m.name]
	switch {
	case m.reset && (c == nil || m.epoch > c.epoch):
		c = &consumerState{
			version: m.version, deletes: m.deletes, epoch: m.epoch, identity: m.identity, again: map[string]uint64{},
		}
		s.consumers[m.name] = c
	case m.reset || c == nil || c.epoch != m.epoch:
		return false
	default:
		c.version, c.deletes = max(c.version, m.version), max(c.deletes, m.deletes)
		settle(c.again, m.settled)
	}
	s.trim()
	return true
}

// trim forgets the deletes that all consumers have passed. mu is held.
func (s *state) trim() {
	passed := ^uint64(0)
	for _, c := range s.consumers {
		passed = min(passed, c.deletes)
	}
	n := 0
	for n < len(s.tombstones) && s.tombstones[n].entry <= passed {
		n++
	}
	s.dropTombstones(n)
}

// dropTombstones forgets the n oldest deletes. mu is held.
func (s *state) dropTombstones(n int) {
	if n == 0 {
		return
	}
	s.trimmed = max(s.trimmed, s.tombstones[n-1].entry)
	s.tombstones = slices.Delete(s.tombstones, 0, n)
}

// bury remembers a delete for the consumers. mu is held.
func (s *state) bury(t tombstone) {
	if len(s.consumers) == 0 {
		s.trimmed = t.entry
		return
	}
	if len(s.tombstones) >= maxTombstones {
		// Who has not come this far compares everything, so that some more make no difference.
		s.dropTombstones(maxTombstones / 4)
	}
	s.tombstones = append(s.tombstones, t)
}

// askAgain has a consumer look at an id again. One that is asked for too much begins anew, and compares everything.
// mu is held.
func (s *state) askAgain(name, id string, entry uint64) {
	c := s.consumers[name]
	if c == nil {
		return
	}
	if _, known := c.again[id]; !known && len(c.again) >= maxAgain {
		*c = consumerState{epoch: c.epoch + 1, identity: c.identity, again: map[string]uint64{}}
		s.trimmed, s.tombstones = entry, nil
		return
	}
	c.again[id] = entry
}

// written takes note of writes: of documents that were replaced or deleted no failure counts any more, and
// consumers are told of deletes. mu is held.
func (s *state) written(writes []api.Write, outcomes []sparse.Outcome, entry uint64) {
	for i, o := range outcomes {
		switch o.Status {
		case api.StatusUpdated:
			s.forget(writes[i].Doc.ID, o.Version)
		case api.StatusDeleted:
			eachDeleted(&writes[i], o, func(id string, version uint64) {
				s.forget(id, version)
				s.bury(tombstone{id, version, entry})
			})
		}
	}
}

func (s *state) forget(id string, version uint64) {
	for _, g := range s.generations {
		g.forget(id, version)
	}
}

// eachDeleted calls fn for each document that a write has deleted, with the version of that.
func eachDeleted(w *api.Write, o sparse.Outcome, fn func(id string, version uint64)) {
	if w.Kind != api.OpTrim {
		fn(w.Doc.ID, o.Version)
		return
	}
	for i := range o.Trimmed {
		fn(api.PassageID(w.Doc.ID, w.From+i), o.Version-uint64(o.Trimmed-1-i))
	}
}

func (c *consumerState) encode(e *encoder) {
	e.uint(c.version)
	e.uint(c.deletes)
	e.uint(c.epoch)
	e.str(c.identity)
	e.versions(c.again)
}

func (d *decoder) consumerState() *consumerState {
	return &consumerState{
		version: d.uint(), deletes: d.uint(), epoch: d.uint(), identity: d.str(), again: d.versions(),
	}
}
