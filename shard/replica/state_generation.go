package replica

import (
	"cmp"
	"maps"
	"slices"
)

// generationState is the vectors of one embedding model, as the state machine knows them.
type generationState struct {
	number int
	// dims is 0 as long as nothing was told of them: of a generation whose first vector has not come.
	dims int
	// born is the log index of the entry that began it, 0 for the first one.
	born uint64
	// checkpoint is the document version up to which every document has its vector, or can have none.
	checkpoint uint64
	// passed is the highest that the checkpoint ever was, epoch counts how often it began anew.
	passed, epoch uint64
	failed        map[string]Failure
	// dropped counts failures beyond maxFailed.
	dropped uint64
	// cut are documents of which only the beginning was embedded, with their versions, at most maxFailed.
	cut map[string]uint64
	// again are documents below the checkpoint that are to be embedded again, by the log index that asked.
	again map[string]uint64
}

func newGenerationState(number, dims int, born uint64) *generationState {
	return &generationState{
		number: number, dims: dims, born: born,
		failed: map[string]Failure{}, cut: map[string]uint64{}, again: map[string]uint64{},
	}
}

// find gives a generation, nil if it is not there. mu is held.
func (s *state) find(number int) *generationState {
	for _, g := range s.generations {
		if g.number == number {
			return g
		}
	}
	return nil
}

// has reports whether there is a generation of that number, and its dimensions, 0 if they are not known.
func (s *state) has(number int) (dims int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.find(number)
	if g == nil {
		return 0, false
	}
	return g.dims, true
}

// numbers gives the generations there are, ascending.
func (s *state) numbers() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for _, g := range s.generations {
		out = append(out, g.number)
	}
	return out
}

// begin adds a generation. mu is held.
func (s *state) begin(number, dims int, entry uint64) {
	s.generations = append(s.generations, newGenerationState(number, dims, entry))
	slices.SortFunc(s.generations, func(a, b *generationState) int { return cmp.Compare(a.number, b.number) })
}

// drop removes a generation and whoever feeds on it. mu is held.
func (s *state) drop(number int) {
	s.generations = slices.DeleteFunc(s.generations, func(g *generationState) bool { return g.number == number })
	delete(s.consumers, feedName(number))
}

// embedded is how far a generation is.
type embedded struct {
	// checkpoint is the document version up to which every document has its vector, or can have none.
	checkpoint uint64
	// epoch counts how often that began anew.
	epoch uint64
	// waiting is the number of documents that are to be embedded again.
	waiting int
}

// embedded gives how far a generation is, false if it is not there.
func (s *state) embedded(number int) (embedded, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.find(number); g != nil {
		return embedded{g.checkpoint, g.epoch, len(g.again)}, true
	}
	return embedded{}, false
}

// failures gives the documents of a generation that can't be embedded, by id, and how many more were only
// counted.
func (s *state) failures(number int) (Failures, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.find(number)
	if g == nil {
		return Failures{}, false
	}
	return Failures{List: g.sortedFailures(), More: int(g.dropped)}, true
}

// outcome tells what embedding a document's version came to, if it is known to have failed or been cut.
func (s *state) outcome(number int, id string, version uint64) (reason string, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.find(number)
	if g == nil {
		return "", false
	}
	if f, ok := g.failed[id]; ok && f.Version == version {
		reason = f.Reason
	}
	return reason, g.cut[id] == version && version != 0
}

// embedAgain gives up to limit documents of a generation that are to be embedded again, ascending.
func (s *state) embedAgain(number, limit int) []againKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.find(number)
	if g == nil {
		return nil
	}
	return firstAgain(g.again, limit)
}

func firstAgain(again map[string]uint64, limit int) []againKey {
	if len(again) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(again))
	keys := make([]againKey, 0, min(limit, len(ids)))
	for _, id := range ids[:min(limit, len(ids))] {
		keys = append(keys, againKey{id, again[id]})
	}
	return keys
}

// settle forgets what was looked at again, unless it was asked for once more meanwhile.
func settle(again map[string]uint64, done []againKey) {
	for _, k := range done {
		if again[k.id] <= k.entry {
			delete(again, k.id)
		}
	}
}

func (g *generationState) sortedFailures() []Failure {
	out := make([]Failure, 0, len(g.failed))
	for _, id := range slices.Sorted(maps.Keys(g.failed)) {
		out = append(out, g.failed[id])
	}
	return out
}

// fail records a document that can't be embedded.
func (g *generationState) fail(f Failure) {
	if _, known := g.failed[f.ID]; !known && len(g.failed) >= maxFailed {
		g.dropped++
		return
	}
	g.failed[f.ID] = f
}

// forget drops what is known of a document's versions up to one.
func (g *generationState) forget(id string, version uint64) {
	if f, ok := g.failed[id]; ok && f.Version <= version {
		delete(g.failed, id)
	}
	if v, ok := g.cut[id]; ok && v <= version {
		delete(g.cut, id)
	}
}

func (g *generationState) encode(e *encoder) {
	e.uint(uint64(g.number))
	e.uint(uint64(g.dims))
	e.uint(g.born)
	e.uint(g.checkpoint)
	e.uint(g.passed)
	e.uint(g.epoch)
	e.uint(g.dropped)
	e.failures(g.sortedFailures())
	e.versions(g.cut)
	e.versions(g.again)
}

func (d *decoder) generationState() *generationState {
	g := newGenerationState(d.small(), d.small(), d.uint())
	g.checkpoint, g.passed, g.epoch, g.dropped = d.uint(), d.uint(), d.uint(), d.uint()
	for _, f := range d.failures() {
		g.failed[f.ID] = f
	}
	g.cut, g.again = d.versions(), d.versions()
	return g
}

// versions writes a number for each id, ascending by id.
func (e *encoder) versions(m map[string]uint64) {
	e.uint(uint64(len(m)))
	for _, id := range slices.Sorted(maps.Keys(m)) {
		e.str(id)
		e.uint(m[id])
	}
}

func (d *decoder) versions() map[string]uint64 {
	m := map[string]uint64{}
	for range d.count(2) {
		id := d.str()
		m[id] = d.uint()
	}
	return m
}

// isUnkept reports whether the vectors of the first generation are not here.
func (s *state) isUnkept() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unkept
}
