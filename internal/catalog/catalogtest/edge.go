package catalogtest

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
)

func (cfg Config) badInput(t *testing.T) {
	ctx, c, _ := cfg.open(t)
	index := name(1)
	good := catalog.Entry{ID: "a", Version: 1, State: catalog.StateIndexed}
	with := func(change func(*catalog.Batch)) error {
		b := batch(index, good)
		change(&b)
		return c.Record(ctx, b)
	}
	entry := func(change func(*catalog.Entry)) error {
		return with(func(b *catalog.Batch) { change(&b.Entries[0]) })
	}
	page := func(f catalog.Filter, p catalog.Page) error {
		_, err := c.Documents(ctx, f, p)
		return err
	}
	empty := func(at time.Time) error {
		return page(catalog.Filter{Index: index, UpdatedFrom: at, UpdatedTo: at}, catalog.Page{})
	}
	span := func(s catalog.Span) error {
		_, err := c.TopQueries(ctx, s, 10)
		return err
	}
	search := func(e catalog.SearchEvent) error {
		return c.AppendSearches(ctx, []catalog.SearchEvent{{At: start()}, e})
	}
	top := func(limit int) error {
		_, err := c.TopQueries(ctx, catalog.Span{From: start(), To: start().Add(1)}, limit)
		return err
	}
	j := job(1, start())
	for said, err := range map[string]error{
		"shard is missing":         with(func(b *catalog.Batch) { b.Shard = "" }),
		"index has 2000 bytes":     with(func(b *catalog.Batch) { b.Index = strings.Repeat("x", 2000) }),
		"position.version is":      with(func(b *catalog.Batch) { b.Position.Version = math.MaxUint64 }),
		"position.generation is":   with(func(b *catalog.Batch) { b.Position.Generation = -1 }),
		"50001 entries":            with(func(b *catalog.Batch) { b.Entries = make([]catalog.Entry, catalog.MaxBatch+1) }),
		`id is "", which is not`:   entry(func(e *catalog.Entry) { e.ID = "" }),
		`id is "\xff", which is`:   entry(func(e *catalog.Entry) { e.ID = "\xff" }),
		"version is 1844":          entry(func(e *catalog.Entry) { e.Version = math.MaxUint64 }),
		`state 9 of "a"`:           entry(func(e *catalog.Entry) { e.State = 9 }),
		`bytes of "a" are -1`:      entry(func(e *catalog.Entry) { e.Bytes = -1 }),
		"index is missing":         page(catalog.Filter{}, catalog.Page{}),
		"state 7":                  page(catalog.Filter{Index: index, State: 7}, catalog.Page{}),
		"limit is 1001":            page(catalog.Filter{Index: index}, catalog.Page{Limit: 1001}),
		`after is "nonsense"`:      page(catalog.Filter{Index: index}, catalog.Page{After: "nonsense"}),
		"must be before to":        empty(start()),
		`text is "\x01"`:           page(catalog.Filter{Index: index, Text: "\x01"}, catalog.Page{}),
		`text is "\xff"`:           page(catalog.Filter{Index: index, Text: "\xff"}, catalog.Page{}),
		"from and to are":          span(catalog.Span{}),
		"more than 17568h":         span(catalog.Span{From: start().AddDate(-3, 0, 0), To: start()}),
		"limit is -1":              top(-1),
		"time is missing":          search(catalog.SearchEvent{}),
		"is in the future, it is":  search(catalog.SearchEvent{At: start().AddDate(1, 0, 0)}),
		"took -1s":                 search(catalog.SearchEvent{At: start(), Took: -time.Second}),
		"action is missing":        c.AppendAudit(ctx, []catalog.AuditEvent{{At: start()}}),
		"id of the job is":         c.PutJob(ctx, catalog.Job{}),
		"no time of creation":      c.PutJob(ctx, catalog.Job{ID: "j", Kind: "k", State: "s"}),
		"line 3 of an item comes":  c.AddJobItems(ctx, j.ID, []catalog.JobItem{{Line: 3}, {Line: 3}}),
		`id is "", which is not 1`: c.Forget(ctx, index, ""),
	} {
		require.ErrorIs(t, err, catalog.ErrInvalid, said)
		require.ErrorContains(t, err, said)
	}
	_, err := c.Jobs(ctx, catalog.JobFilter{}, catalog.Page{After: catalog.Cursor{Kind: catalog.CursorAudit}.String()})
	require.ErrorIs(t, err, catalog.ErrInvalid, "a cursor of another listing")
	number := catalog.Cursor{Kind: catalog.CursorAudit, Key: "x"}
	_, err = c.Audits(ctx, catalog.AuditFilter{}, catalog.Page{After: number.String()})
	require.ErrorIs(t, err, catalog.ErrInvalid, "a key that is no number")
	require.Empty(t, all(ctx, t, c, catalog.Filter{Index: index}, 0), "nothing was recorded")
}

func (cfg Config) migrating(t *testing.T) {
	c := cfg.Open(t, newClock().now)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	ctx := t.Context()
	for _, err := range []error{
		c.Ready(ctx), c.Record(ctx, batch(name(1))), c.Rewind(ctx, "x"), c.PutJob(ctx, job(1, start())),
	} {
		require.ErrorIs(t, err, catalog.ErrUnavailable)
		require.Equal(t, catalog.ReasonSchema, catalog.ReasonOf(err), err)
	}
	require.NoError(t, c.Migrate(ctx))
	require.NoError(t, c.Migrate(ctx), "again")
	require.NoError(t, c.Ready(ctx))
	require.NoError(t, c.Record(ctx, batch(name(1))))
}

func (cfg Config) contexts(t *testing.T) {
	_, c, _ := cfg.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range []error{c.Ready(ctx), c.Record(ctx, batch(name(1))), c.Rewind(ctx, "x"), c.Migrate(ctx)} {
		require.ErrorIs(t, err, context.Canceled)
	}
}
