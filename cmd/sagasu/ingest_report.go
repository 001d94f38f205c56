package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"sagasu/api"
	"sagasu/internal/source"
)

// sampleColumns is the width of the sample of a document.
const sampleColumns = 100

// ingestReport counts what became of files and documents. Its methods may be called concurrently.
type ingestReport struct {
	terminal *terminal
	mu       sync.Mutex
	// failures are the first ones, one a line.
	failures []string
	// rehearsed counts by kind, with a sample; nil if documents were sent.
	rehearsed map[source.Kind]*rehearsal

	Index string `json:"index"`
	// Files are those found, Unchanged of them those passed over, Gone those that are there no more.
	Files     int `json:"files"`
	Unchanged int `json:"unchanged"`
	Gone      int `json:"gone,omitempty"`
	// Documents counts those read without a fault, Passages what they were split into.
	Documents int            `json:"documents"`
	Passages  int            `json:"passages,omitempty"`
	Status    map[string]int `json:"status"`
	// Failed counts files and documents.
	Failed int `json:"failed"`
	// Left counts what was left out, by name.
	Left map[string]int `json:"left_out,omitempty"`
}

// rehearsal is what would be sent of one kind of file.
type rehearsal struct {
	files, documents int
	bytes            int64
	last             *source.File
	sample           string
}

func newIngestReport(t *terminal, index string, files int) *ingestReport {
	return &ingestReport{
		terminal: t, Index: index, Files: files, Status: map[string]int{}, Left: map[string]int{},
		rehearsed: map[source.Kind]*rehearsal{},
	}
}

// fault takes note of what failed.
func (r *ingestReport) fault(where string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(where, err.Error())
}

func (r *ingestReport) fail(where, what string) {
	r.Failed++
	if len(r.failures) < maxListed {
		r.failures = append(r.failures, where+": "+what)
	}
}

// place names a document of a file.
func place(f *source.File, id, place string) string {
	where := f.Path
	if place != "" {
		where += ", " + place
	}
	if id != "" && id != f.ID {
		where += fmt.Sprintf(", id %q", id)
	}
	return where
}

// read takes note of a document that was read.
func (r *ingestReport) read(f *source.File, item source.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range item.Left {
		r.Left[name]++
	}
	if item.Err != nil {
		r.fail(place(f, item.ID, item.Place), item.Err.Error())
		return
	}
	r.Documents++
}

// rehearse takes note of a document that would be sent.
func (r *ingestReport) rehearse(f *source.File, item source.Item) {
	r.read(f, item)
	r.mu.Lock()
	defer r.mu.Unlock()
	kind := r.rehearsed[f.Kind]
	if kind == nil {
		kind = &rehearsal{}
		r.rehearsed[f.Kind] = kind
	}
	if kind.last != f {
		kind.files++
		kind.last = f
	}
	kind.bytes += item.Bytes
	if item.Err != nil {
		return
	}
	kind.documents++
	if kind.sample == "" {
		kind.sample = fit(string(item.JSON), sampleColumns)
	}
}

// settle takes note of a result; false for one that failed.
func (r *ingestReport) settle(where string, result api.WriteResult) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Status[result.Status]++
	r.Passages += result.Passages
	if result.Error == nil {
		return true
	}
	problem := *result.Error
	problem.Field = withoutLine(problem.Field)
	r.fail(where, problem.Error())
	return false
}

// withoutLine leaves out the line of the request that a field begins with: it is not the file's.
func withoutLine(field string) string {
	line, rest, _ := strings.Cut(field, ".")
	if number, ok := strings.CutPrefix(line, "line "); ok {
		if _, err := strconv.Atoi(number); err == nil {
			return rest
		}
	}
	return field
}

// print tells what became of all, failures last.
func (r *ingestReport) print() error {
	t := r.terminal
	if t.format == formatJSON {
		if err := t.printJSON(r); err != nil {
			return err
		}
	} else if err := r.printText(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Left)) {
		if err := t.message("left out, as the index has no such field: %s (%d times)", name, r.Left[name]); err != nil {
			return err
		}
	}
	for _, line := range r.failures {
		if err := t.message("failed: %s", line); err != nil {
			return err
		}
	}
	if more := r.Failed - len(r.failures); more > 0 {
		return t.message("%d more failed", more)
	}
	return nil
}

func (r *ingestReport) printText() error {
	if len(r.rehearsed) > 0 {
		return r.printRehearsal()
	}
	text := fmt.Sprintf("%d files, %d unchanged; %d documents: %d created, %d updated, %d deleted, %d failed",
		r.Files, r.Unchanged, r.Documents, r.Status[api.StatusCreated], r.Status[api.StatusUpdated],
		r.Status[api.StatusDeleted]+r.Status[api.StatusNotFound], r.Failed)
	if r.Passages > 0 {
		text += fmt.Sprintf("; %d passages", r.Passages)
	}
	_, err := fmt.Fprintln(r.terminal.out, text)
	return err
}

func (r *ingestReport) printRehearsal() error {
	var rows [][]string
	for _, kind := range slices.Sorted(maps.Keys(r.rehearsed)) {
		k := r.rehearsed[kind]
		rows = append(rows, []string{
			string(kind), strconv.Itoa(k.files), strconv.Itoa(k.documents), byteSize(k.bytes), k.sample,
		})
	}
	if err := r.terminal.printTable([]string{"KIND", "FILES", "DOCUMENTS", "SIZE", "THE FIRST ONE"}, rows); err != nil {
		return err
	}
	return r.terminal.message("nothing was sent: %d files, %d unchanged, %d gone; %d documents, %d failures",
		r.Files, r.Unchanged, r.Gone, r.Documents, r.Failed)
}

// failure is the error of a load of which something failed.
func (r *ingestReport) failure() error {
	if r.Failed == 0 {
		return nil
	}
	return &exitError{code: exitPartial, err: fmt.Errorf("%d files or documents failed", r.Failed)}
}

// idSet finds ids that come twice, by their hashes.
type idSet struct{ seen map[uint64]string }

func newIDSet() *idSet { return &idSet{seen: map[uint64]string{}} }

// add takes an id of a file; an error if another document had it.
func (s *idSet) add(id, path string) error {
	hash := xxhash.Sum64String(id)
	if other, ok := s.seen[hash]; ok {
		return fmt.Errorf("the id %q is that of a document of %s already", id, other)
	}
	s.seen[hash] = path
	return nil
}

// has reports whether an id was added.
func (s *idSet) has(id string) bool {
	_, ok := s.seen[xxhash.Sum64String(id)]
	return ok
}
