package jobs

import (
	"cmp"
	"fmt"
	"slices"

	"sagasu/api"
)

// batch is a part of a body under way.
type batch struct {
	try Try
	// start and end are where in the body it is, line is the number of lines before its end.
	start, end, line int64
	writes           []api.Write
	// lines has the line of each write.
	lines []int64
	ids   map[string]struct{}
	// items is the number of lines that are not empty, errors are of those that failed.
	items  int
	errors []api.JobError
	// done is closed when the batch is written, or err says why it isn't.
	done chan struct{}
	err  error
}

func newBatch(id string, start int64) *batch {
	return &batch{
		try: Try{Key: fmt.Sprintf("%s@%d", id, start)}, start: start, end: start, ids: map[string]struct{}{},
		done: make(chan struct{}),
	}
}

// add appends a write.
func (b *batch) add(write api.Write, line int64) {
	b.items++
	b.writes = append(b.writes, write)
	b.lines = append(b.lines, line)
	b.ids[write.Doc.ID] = struct{}{}
}

// refuse notes a line that is no document.
func (b *batch) refuse(id string, problem *api.Problem, line int64) {
	b.items++
	p := *problem
	place := fmt.Sprintf("line %d", line)
	if p.Field == "" {
		p.Field = place
	} else {
		p.Field = place + "." + p.Field
	}
	b.failed(id, &p, line)
}

func (b *batch) failed(id string, p *api.Problem, line int64) {
	b.errors = append(b.errors, api.JobError{Line: line, ID: id, Error: clipProblem(p)})
}

// clipProblem gives a problem that is not longer than an error that is kept may be.
func clipProblem(p *api.Problem) *api.Problem {
	if len(p.Detail) <= maxErrorBytes && len(p.Field) <= maxErrorBytes {
		return p
	}
	short := *p
	short.Detail, short.Field = clip(p.Detail), clip(p.Field)
	return &short
}

// clip cuts a text between two characters.
func clip(text string) string {
	if len(text) <= maxErrorBytes {
		return text
	}
	end := maxErrorBytes
	for end > 0 && text[end]&0xc0 == 0x80 {
		end--
	}
	return text[:end]
}

// settle takes the results of the writes.
func (b *batch) settle(results []api.WriteResult) {
	for i := range results {
		if p := results[i].Error; p != nil {
			b.failed(b.writes[i].Doc.ID, p, b.lines[i])
		}
	}
	b.order()
}

// fail makes all writes errors.
func (b *batch) fail(p *api.Problem) {
	for i := range b.writes {
		b.failed(b.writes[i].Doc.ID, p, b.lines[i])
	}
	b.order()
}

func (b *batch) order() {
	slices.SortFunc(b.errors, func(x, y api.JobError) int { return cmp.Compare(x.Line, y.Line) })
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
