package catalogtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/catalog"
)

// crowd records many documents of all kinds in one index.
func crowd(ctx context.Context, t *testing.T, c catalog.Catalog, m *model) {
	b := batch(m.index)
	for i := range 600 {
		e := catalog.Entry{
			ID: fmt.Sprintf("doc-%03d_%c%%", i*7%600, 'a'+i%26), Version: uint64(i + 1), State: catalog.State(1 + i%5),
			Source: []string{"", "files/人/a", "files/人/b", "files/z", "feed%"}[i*i%5], Bytes: int64(i),
			// Many have the same time.
			At: m.now().Add(time.Duration(i%40) * time.Minute),
		}
		if i%4 == 0 {
			e.Parent = fmt.Sprint("parent", i%12)
		}
		b.Entries = append(b.Entries, e)
	}
	require.NoError(t, c.Record(ctx, b))
	require.True(t, m.record(b))
	other := batch(name(77), b.Entries...)
	require.NoError(t, c.Record(ctx, other), "another index's don't show")
}

func (cfg Config) listings(t *testing.T) {
	ctx, c, now := cfg.open(t)
	m := newModel(name(1), now.now)
	crowd(ctx, t, c, m)
	rapid.Check(t, func(t *rapid.T) {
		f := catalog.Filter{
			Index: m.index,
			State: catalog.State(rapid.IntRange(0, 5).Draw(t, "state")),
			Order: catalog.Order(rapid.IntRange(0, 1).Draw(t, "order")),
			Source: rapid.SampledFrom([]string{"", "", "files/", "files/人", "files/人/a", "feed%", "%", "nothing"}).
				Draw(t, "source"),
			Text:   rapid.SampledFrom([]string{"", "", "c-0", "_a%", "5", "%", "_", `\`, "DOC", "zzz"}).Draw(t, "text"),
			Parent: rapid.SampledFrom([]string{"", "", "", "parent0", "parent4", "nobody"}).Draw(t, "parent"),
		}
		if rapid.Bool().Draw(t, "since") {
			f.UpdatedFrom = m.now().Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "from")) * time.Minute)
		}
		if rapid.Bool().Draw(t, "until") {
			f.UpdatedTo = m.now().Add(time.Duration(rapid.IntRange(21, 45).Draw(t, "to")) * time.Minute)
		}
		limit := rapid.SampledFrom([]int{0, 7, 50, 600, catalog.MaxPage}).Draw(t, "limit")
		require.Equal(t, m.documents(f), all(ctx, t, c, f, limit))
	})
	t.Run("an index that nobody knows", func(t *testing.T) {
		require.Empty(t, all(ctx, t, c, catalog.Filter{Index: name(5)}, 0))
		counts, err := c.Counts(ctx, name(5))
		require.NoError(t, err)
		require.Empty(t, counts)
		keys, err := c.Keys(ctx, name(5), "", 0)
		require.NoError(t, err)
		require.Empty(t, keys)
		_, err = c.Document(ctx, name(5), "a")
		require.ErrorIs(t, err, catalog.ErrNotFound)
		_, err = c.Document(ctx, m.index, "unknown")
		require.ErrorIs(t, err, catalog.ErrNotFound)
	})
	t.Run("a name that changes", func(t *testing.T) {
		b := batch(m.index)
		b.From, b.IndexName = b.Position, "articles"
		require.NoError(t, c.Record(ctx, b))
		page, err := c.Documents(ctx, catalog.Filter{Index: m.index}, catalog.Page{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "articles", page.Documents[0].IndexName)
	})
}

// all gives the documents of all pages.
func all(
	ctx context.Context, t require.TestingT, c catalog.Catalog, f catalog.Filter, limit int,
) []catalog.Document {
	out, page := []catalog.Document{}, catalog.Page{Limit: limit}
	for {
		got, err := c.Documents(ctx, f, page)
		require.NoError(t, err)
		out = append(out, got.Documents...)
		if got.Next == "" {
			return out
		}
		require.NotEmpty(t, got.Documents)
		page.After = got.Next
	}
}

func (cfg Config) odd(t *testing.T) {
	ctx, c, now := cfg.open(t)
	m := newModel(name(1), now.now)
	b := batch(m.index)
	for i, id := range []string{
		"\x00", "a\x00", "a\x00b", "a\x01", "a\x01\x01", "\x01", "\x02", "a'; DROP TABLE documents; --", `\x41`, "%", "_",
		"\U0010FFFF", "\uFFFD", "😀", "  ", "\n", strings.Repeat("長", api.MaxIDBytes/3),
		strings.Repeat("\x00", api.MaxIDBytes),
	} {
		b.Entries = append(b.Entries, catalog.Entry{
			ID: id, Parent: id, Version: uint64(i + 1), State: catalog.StateIndexed, Source: "\U0010FFFF" + id,
			Checksum: "\x00", Error: "bad \xff\x00 bytes",
		})
	}
	require.NoError(t, c.Record(ctx, b))
	require.True(t, m.record(b))
	same(ctx, t, c, m)
	for _, e := range b.Entries {
		f := catalog.Filter{Index: m.index, Parent: e.Parent}
		require.Equal(t, m.documents(f), all(ctx, t, c, f, 0))
		if !strings.ContainsAny(e.ID, "\x00\x01\x02") {
			f = catalog.Filter{Index: m.index, Text: e.ID}
			require.Equal(t, m.documents(f), all(ctx, t, c, f, 3), "%q", e.ID)
		}
	}
	f := catalog.Filter{Index: m.index, Source: "\U0010FFFF"}
	require.Len(t, all(ctx, t, c, f, 5), len(b.Entries))
}

func (cfg Config) keys(t *testing.T) {
	ctx, c, now := cfg.open(t)
	m := newModel(name(1), now.now)
	crowd(ctx, t, c, m)
	for _, limit := range []int{1, 100, 7} {
		after, got := "", []catalog.Key{}
		for {
			keys, err := c.Keys(ctx, m.index, after, limit)
			require.NoError(t, err)
			if len(keys) == 0 {
				break
			}
			require.LessOrEqual(t, len(keys), limit)
			got, after = append(got, keys...), keys[len(keys)-1].ID
		}
		require.Equal(t, m.keys(""), got)
	}
}
