package httpapi

import "sagasu/api"

// batch is a part of a bulk: writes, and a result for every item, of which those of the writes come
// later.
type batch struct {
	writes []api.Write
	// places tells which result is whose write's.
	places  []int
	results []api.WriteResult
	bytes   int
	ids     map[string]struct{}
	// done is closed when all results are there.
	done chan struct{}
}

func newBatch() *batch {
	return &batch{ids: map[string]struct{}{}, done: make(chan struct{})}
}

// add appends a write.
func (b *batch) add(write api.Write, size int) {
	b.places = append(b.places, len(b.results))
	b.results = append(b.results, api.WriteResult{ID: write.Doc.ID})
	b.writes = append(b.writes, write)
	b.ids[write.Doc.ID] = struct{}{}
	b.bytes += size
}

// refuse appends the result of an item that is no document; place says which, in the field of the
// problem.
func (b *batch) refuse(id string, err error, place string) {
	p := *ProblemOf(err)
	if p.Field == "" {
		p.Field = place
	} else {
		p.Field = place + "." + p.Field
	}
	b.results = append(b.results, api.WriteResult{ID: id, Status: api.StatusError, Error: &p})
}

// settle puts the results of the writes into their places.
func (b *batch) settle(results []api.WriteResult) {
	for i, r := range results {
		b.results[b.places[i]] = r
	}
}

// fail makes all writes errors.
func (b *batch) fail(err error) {
	p := ProblemOf(err)
	for i, place := range b.places {
		b.results[place] = api.WriteResult{ID: b.writes[i].Doc.ID, Status: api.StatusError, Error: p}
	}
}

func (b *batch) full() bool { return b.bytes >= batchBytes || len(b.results) >= batchDocuments }

// failed reports whether any item did not do what it was to do.
func (b *batch) failed() bool {
	for i := range b.results {
		if b.results[i].Error != nil {
			return true
		}
	}
	return false
}

// meets reports whether both write the same document.
func (b *batch) meets(other *batch) bool {
	for id := range b.ids {
		if _, same := other.ids[id]; same {
			return true
		}
	}
	return false
}
