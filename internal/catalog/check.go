package catalog

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"sagasu/api"
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

func invalidValue(name, format string, args ...any) error {
	return &ValueError{Name: name, Why: fmt.Sprintf(format, args...)}
}

// name checks what is a key, and must therefore be kept as it is.
func name(what, value string, required bool) error {
	switch {
	case value == "" && required:
		return invalidValue(what, "is missing")
	case len(value) > MaxNameBytes:
		return invalidValue(what, "has %d bytes, more than %d", len(value), MaxNameBytes)
	case !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0:
		return invalidValue(what, "is %.40q, which is not UTF-8 without NUL", value)
	}
	return nil
}

func number(what string, value uint64) error {
	if value > math.MaxInt64 {
		return invalid("%s is %d, more than %d", what, value, int64(math.MaxInt64))
	}
	return nil
}

// CheckID gives ErrInvalid for what is no id of a document.
func CheckID(id string) error {
	return document("id", id)
}

// document checks what names a document.
func document(what, id string) error {
	if id == "" || len(id) > api.MaxIDBytes || !utf8.ValidString(id) {
		return invalidValue(what, "is %.40q, which is not 1 to %d bytes of UTF-8", id, api.MaxIDBytes)
	}
	return nil
}

// first gives the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// utc brings a time to what is kept of it; zero stays zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// Check gives ErrInvalid for a position that can't be kept.
func (p Position) Check() error {
	err := first(number("position.version", p.Version), number("position.settled", p.Settled),
		number("position.deletes", p.Deletes), number("position.sweep", p.Sweep))
	if err == nil && (p.Generation < 0 || p.Generation > math.MaxInt32) {
		return invalid("position.generation is %d", p.Generation)
	}
	return err
}

// Clean gives the batch as it is kept: texts that are too long are cut, times brought to the microsecond; those that
// are unknown stay zero. ErrInvalid if it can't be kept. The batch itself stays as it is.
func (b Batch) Clean() (Batch, error) {
	err := first(name("shard", b.Shard, true), name("index", b.Index, true), name("name of the index", b.IndexName, false),
		b.From.Check(), b.Position.Check())
	if err != nil {
		return b, err
	}
	if len(b.Entries) > MaxBatch {
		return b, invalid("batch has %d entries, more than %d", len(b.Entries), MaxBatch)
	}
	entries := make([]Entry, len(b.Entries))
	for i, e := range b.Entries {
		if entries[i], err = e.clean(); err != nil {
			return b, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	b.Entries = entries
	return b, nil
}

func (e Entry) clean() (Entry, error) {
	err := first(CheckID(e.ID), number("version", e.Version), number("sequence", e.Sequence))
	if err == nil && e.Parent != "" {
		err = CheckID(e.Parent)
	}
	switch {
	case err != nil:
	case !e.State.Valid():
		err = invalid("state %d of %q is none of 1 to 5", e.State, e.ID)
	case e.Bytes < 0:
		err = invalid("bytes of %q are %d", e.ID, e.Bytes)
	}
	e.Source, e.Checksum = clean(e.Source, MaxNameBytes), clean(e.Checksum, MaxNameBytes)
	e.Error, e.At = clean(e.Error, MaxErrorBytes), utc(e.At)
	return e, err
}

// Clean gives the job as it is kept, as Batch.Clean does.
func (j Job) Clean() (Job, error) {
	err := first(name("id of the job", j.ID, true), name("kind", j.Kind, true), name("state", j.State, true),
		name("node", j.Node, false), name("index", j.Index, false))
	switch {
	case err != nil:
	case j.Total < 0 || j.Done < 0 || j.Failed < 0 || j.Bytes < 0:
		err = invalid("a count of job %s is negative", j.ID)
	case j.CreatedAt.IsZero() || j.UpdatedAt.IsZero():
		err = invalid("job %s has no time of creation or change", j.ID)
	}
	j.CreatedAt, j.UpdatedAt, j.EndedAt = utc(j.CreatedAt), utc(j.UpdatedAt), utc(j.EndedAt)
	j.Error = clean(j.Error, MaxErrorBytes)
	return j, err
}

// CleanItems gives the items as they are kept, as Batch.Clean does.
func CleanItems(items []JobItem) ([]JobItem, error) {
	if len(items) > MaxEvents {
		return nil, invalid("%d items are more than %d", len(items), MaxEvents)
	}
	out, before := make([]JobItem, len(items)), int64(0)
	for i, item := range items {
		if item.Line <= before {
			return nil, invalid("line %d of an item comes after line %d", item.Line, before)
		}
		before = item.Line
		out[i] = JobItem{
			Line: item.Line, ID: clean(item.ID, api.MaxIDBytes), Error: clean(item.Error, MaxErrorBytes),
		}
	}
	return out, nil
}

// CleanSearches gives the events as they are kept, as Batch.Clean does.
func CleanSearches(events []SearchEvent, now time.Time) ([]SearchEvent, error) {
	if len(events) > MaxEvents {
		return nil, invalid("%d events are more than %d", len(events), MaxEvents)
	}
	out := make([]SearchEvent, len(events))
	for i, e := range events {
		if err := first(name("index", e.Index, false), logged(e.At, now)); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		if e.Took < 0 || e.Total < 0 || e.Hits < 0 || e.Hits > math.MaxInt32 {
			return nil, invalid("event %d: took %s, total %d, hits %d", i, e.Took, e.Total, e.Hits)
		}
		e.At, e.Took = utc(e.At), e.Took.Truncate(time.Microsecond)
		e.Query, e.Mode = clean(e.Query, MaxQueryBytes), clean(e.Mode, MaxNameBytes)
		e.Principal = clean(e.Principal, MaxNameBytes)
		reasons := make([]string, 0, len(e.Degraded))
		for _, reason := range e.Degraded[:min(len(e.Degraded), MaxDegraded)] {
			reasons = append(reasons, clean(reason, MaxNameBytes))
		}
		e.Degraded = reasons
		out[i] = e
	}
	return out, nil
}

// CleanAudit gives the events as they are kept, as Batch.Clean does.
func CleanAudit(events []AuditEvent, now time.Time) ([]AuditEvent, error) {
	if len(events) > MaxEvents {
		return nil, invalid("%d events are more than %d", len(events), MaxEvents)
	}
	out := make([]AuditEvent, len(events))
	for i, e := range events {
		err := first(name("action", e.Action, true), logged(e.At, now))
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		e.At, e.Detail = utc(e.At), clean(e.Detail, MaxErrorBytes)
		for _, text := range []*string{&e.Principal, &e.Target, &e.Outcome, &e.RequestID} {
			*text = clean(*text, MaxNameBytes)
		}
		out[i] = e
	}
	return out, nil
}

// logged checks the time of a logged event: one of a wrong clock would need a month of its own for ever.
func logged(at, now time.Time) error {
	switch {
	case at.IsZero():
		return invalid("time is missing")
	case at.After(now.Add(MaxAhead)):
		return invalid("time %s is in the future, it is %s", at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case at.Year() < 1970:
		return invalid("time %s is before 1970", at.UTC().Format(time.RFC3339))
	}
	return nil
}

// Check gives ErrInvalid for a filter that selects nothing that can be.
func (f Filter) Check() error {
	err := first(name("index", f.Index, true), name("source", f.Source, false), fragment("text", f.Text))
	if err == nil && f.Parent != "" {
		err = document("parent", f.Parent)
	}
	switch {
	case err != nil:
		return err
	case f.State != 0 && !f.State.Valid():
		return invalid("state %d is none of 1 to 5", f.State)
	case f.Order > ByID:
		return invalid("order %d is none", f.Order)
	}
	return between(f.UpdatedFrom, f.UpdatedTo)
}

// fragment checks a part of an id. What EscapeID makes something else of would match parts of that.
func fragment(what, text string) error {
	if len(text) > api.MaxIDBytes || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x01\x02") {
		return invalidValue(what, "is %.40q, which is not at most %d bytes of UTF-8 above U+0002", text, api.MaxIDBytes)
	}
	return nil
}

func between(from, to time.Time) error {
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return invalidValue("from", "is %s, must be before to, %s", from.UTC().Format(time.RFC3339),
			to.UTC().Format(time.RFC3339))
	}
	return nil
}

// Check gives ErrInvalid for a filter that selects nothing that can be.
func (f JobFilter) Check() error {
	return first(name("kind", f.Kind, false), name("index", f.Index, false), name("state", f.State, false),
		name("node", f.Node, false))
}

// Check gives ErrInvalid for a filter that selects nothing that can be.
func (f AuditFilter) Check() error {
	return first(name("principal", f.Principal, false), name("action", f.Action, false),
		name("outcome", f.Outcome, false), name("target", f.Target, false), between(f.From, f.To))
}

// Check gives ErrInvalid for a span that is not one.
func (s Span) Check() error {
	if err := name("index", s.Index, false); err != nil {
		return err
	}
	switch {
	case s.From.IsZero() || s.To.IsZero():
		return invalid("from and to are required")
	case s.To.Sub(s.From) > MaxSpan:
		return invalidValue("from", "is %s, more than %s before to, %s", s.From.UTC().Format(time.RFC3339), MaxSpan,
			s.To.UTC().Format(time.RFC3339))
	}
	return between(s.From, s.To)
}

// CheckLimit gives the limit of a call, most if it is 0; ErrInvalid if it is not 1 to most.
func CheckLimit(limit, most int) (int, error) {
	if limit == 0 {
		return most, nil
	}
	if limit < 0 || limit > most {
		return 0, invalid("limit is %d, not 1 to %d", limit, most)
	}
	return limit, nil
}
