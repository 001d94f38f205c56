package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/internal/catalog"
)

// entries draws what a shard may tell, in an order that it would not.
func entries(now time.Time, ids *rapid.Generator[string]) *rapid.Generator[catalog.Entry] {
	return rapid.Custom(func(t *rapid.T) catalog.Entry {
		e := catalog.Entry{
			ID:        ids.Draw(t, "id"),
			Version:   rapid.Uint64Range(0, 4).Draw(t, "version"),
			Sequence:  rapid.Uint64Range(0, 3).Draw(t, "sequence"),
			State:     catalog.State(rapid.IntRange(1, 5).Draw(t, "state")),
			Source:    rapid.SampledFrom([]string{"", "", "files/a", "files/b", "feed"}).Draw(t, "source"),
			Checksum:  rapid.SampledFrom([]string{"", "c1", "c2"}).Draw(t, "checksum"),
			Bytes:     rapid.Int64Range(0, 3).Draw(t, "bytes"),
			Truncated: rapid.Bool().Draw(t, "truncated"),
			Parent:    rapid.SampledFrom([]string{"", "", "p1", "p2"}).Draw(t, "parent"),
		}
		if e.State == catalog.StateFailed {
			e.Error = "the model says no"
		}
		if rapid.Bool().Draw(t, "timed") {
			e.At = now.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "at")) * time.Second)
		}
		return e
	})
}

// ids draws few ids, so that they meet.
func ids() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "ab", "b", "地震", "p1#0", "p1#1"})
}

func (cfg Config) ledger(t *testing.T) {
	ctx, c, now := cfg.open(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		index := name(n)
		m := newModel(index, now.now)
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			now.advance(time.Second)
			shard := index + rapid.SampledFrom([]string{"-0", "-1"}).Draw(t, "shard")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				require.NoError(t, c.Rewind(ctx, shard))
				if s := m.shards[shard]; s != nil {
					s.rewound = true
				}
			case 1:
				id := ids().Draw(t, "forgotten")
				require.NoError(t, c.Forget(ctx, index, id, "unknown"))
				delete(m.rows, id)
			default:
				step(ctx, t, c, m, shard)
			}
		}
		same(ctx, t, c, m)
	})
}

// step records a batch, at the right position or another.
func step(ctx context.Context, t *rapid.T, c catalog.Catalog, m *model, shard string) {
	at, _ := m.progress(shard)
	b := catalog.Batch{
		Shard: shard, Index: m.index, IndexName: m.name, From: at, Position: at,
		Entries: rapid.SliceOfN(entries(m.now(), ids()), 0, 6).Draw(t, "entries"),
		Swept:   rapid.IntRange(0, 3).Draw(t, "swept") == 0,
	}
	b.Position.Version += rapid.Uint64Range(0, 2).Draw(t, "versions")
	b.Position.Settled, b.Position.Generation = b.Position.Version, 1
	b.Position.Sweep += rapid.Uint64Range(0, 1).Draw(t, "sweeps")
	if rapid.IntRange(0, 9).Draw(t, "elsewhere") == 0 {
		b.From.Deletes++
	}
	err := c.Record(ctx, b)
	if m.record(b) {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, catalog.ErrStale)
}

// same holds everything that the catalog tells against the model.
func same(ctx context.Context, t require.TestingT, c catalog.Catalog, m *model) {
	for shard := range m.shards {
		want, there := m.progress(shard)
		got, found, err := c.Progress(ctx, shard)
		require.NoError(t, err)
		require.Equal(t, there, found)
		require.Equal(t, want, got)
	}
	want := m.documents(catalog.Filter{Order: catalog.ByID})
	all := catalog.Page{Limit: catalog.MaxPage}
	page, err := c.Documents(ctx, catalog.Filter{Index: m.index, Order: catalog.ByID}, all)
	require.NoError(t, err)
	require.Equal(t, want, append([]catalog.Document{}, page.Documents...))
	for _, d := range want {
		got, err := c.Document(ctx, m.index, d.ID)
		require.NoError(t, err)
		require.Equal(t, d, got)
	}
	counts, err := c.Counts(ctx, m.index)
	require.NoError(t, err)
	require.Equal(t, m.counts(), counts)
	keys, err := c.Keys(ctx, m.index, "", 0)
	require.NoError(t, err)
	require.Equal(t, m.keys(""), append([]catalog.Key{}, keys...))
}

func (cfg Config) stale(t *testing.T) {
	ctx, c, now := cfg.open(t)
	index := name(1)
	m := newModel(index, now.now)
	first := batch(index, catalog.Entry{ID: "a", Version: 1, State: catalog.StateIndexed})
	require.NoError(t, c.Record(ctx, first))
	require.True(t, m.record(first))
	t.Run("the same batch again", func(t *testing.T) {
		require.ErrorIs(t, c.Record(ctx, first), catalog.ErrStale)
	})
	t.Run("a batch of a catalog that was lost", func(t *testing.T) {
		later := batch(name(2), catalog.Entry{ID: "a", Version: 9, State: catalog.StateIndexed})
		later.From = catalog.Position{Version: 8}
		require.ErrorIs(t, c.Record(ctx, later), catalog.ErrStale)
		_, found, err := c.Progress(ctx, later.Shard)
		require.NoError(t, err)
		require.False(t, found)
	})
	t.Run("the positions of an index", func(t *testing.T) {
		shards, err := c.Shards(ctx, index)
		require.NoError(t, err)
		require.Equal(t, []catalog.ShardProgress{
			{Shard: first.Shard, Position: first.Position, Rebuilding: true, UpdatedAt: start()},
		}, shards)
		swept := batch(index)
		swept.From, swept.Swept = first.Position, true
		require.NoError(t, c.Record(ctx, swept))
		require.True(t, m.record(swept))
		shards, err = c.Shards(ctx, index)
		require.NoError(t, err)
		require.False(t, shards[0].Rebuilding)
		require.NoError(t, c.Rewind(ctx, first.Shard))
		shards, err = c.Shards(ctx, index)
		require.NoError(t, err)
		require.True(t, shards[0].Rebuilding)
		m.shards[first.Shard].rewound = true
	})
	same(ctx, t, c, m)
}

func (cfg Config) drop(t *testing.T) {
	ctx, c, now := cfg.open(t)
	kept, gone := newModel(name(1), now.now), newModel(name(2), now.now)
	for _, m := range []*model{kept, gone} {
		b := batch(m.index)
		for i := range 500 {
			b.Entries = append(b.Entries, catalog.Entry{ID: fmt.Sprint("d", i), Version: 1, State: catalog.StateIndexed})
		}
		require.NoError(t, c.Record(ctx, b))
		require.True(t, m.record(b))
	}
	require.NoError(t, c.DropIndex(ctx, gone.index))
	require.NoError(t, c.DropIndex(ctx, gone.index), "again")
	require.NoError(t, c.DropIndex(ctx, name(3)), "one that nobody knows")
	require.ErrorIs(t, c.Record(ctx, batch(gone.index)), catalog.ErrDropped)
	require.ErrorIs(t, c.Record(ctx, batch(name(3))), catalog.ErrDropped)
	_, err := c.Document(ctx, gone.index, "d1")
	require.ErrorIs(t, err, catalog.ErrNotFound)
	gone.rows, gone.shards = nil, map[string]*modelShard{gone.index + "-0": {rewound: true}}
	same(ctx, t, c, gone)
	same(ctx, t, c, kept)
	shards, err := c.Shards(ctx, gone.index)
	require.NoError(t, err)
	require.Empty(t, shards)
}

// rebuild has a catalog that is wrong in every way be told everything.
func (cfg Config) rebuild(t *testing.T) {
	ctx, c, _ := cfg.open(t)
	index := name(1)
	damaged := batch(index,
		catalog.Entry{ID: "extra", Version: 7, Sequence: 9, State: catalog.StateEmbedded},
		catalog.Entry{ID: "newer", Version: 99, Sequence: 99, State: catalog.StateDeleted},
		catalog.Entry{ID: "older", Version: 1, Sequence: 1, State: catalog.StateIndexed},
		catalog.Entry{ID: "gone", Version: 2, Sequence: 2, State: catalog.StateDeleted},
		catalog.Entry{ID: "right", Version: 3, Sequence: 3, State: catalog.StateEmbedded, Source: "files"})
	damaged.Position, damaged.Swept = catalog.Position{Version: 100, Sweep: 4}, true
	other := batch(index, catalog.Entry{ID: "another shard's", Version: 1, State: catalog.StateIndexed})
	other.Shard = index + "-1"
	require.NoError(t, c.Record(ctx, damaged))
	require.NoError(t, c.Record(ctx, other))
	require.NoError(t, c.Rewind(ctx, damaged.Shard))
	_, found, err := c.Progress(ctx, damaged.Shard)
	require.NoError(t, err)
	require.False(t, found)

	// The numbers of comparisons begin anew too.
	truth := batch(index,
		catalog.Entry{ID: "newer", Version: 5, Sequence: 20, State: catalog.StateEmbedded},
		catalog.Entry{ID: "older", Version: 6, Sequence: 20, State: catalog.StateFailed, Error: "no"})
	truth.Position = catalog.Position{Version: 6, Sweep: 1}
	require.NoError(t, c.Record(ctx, truth))
	rest := batch(index, catalog.Entry{ID: "right", Version: 3, Sequence: 20, State: catalog.StateEmbedded})
	rest.From, rest.Position, rest.Swept = truth.Position, catalog.Position{Version: 20, Sweep: 1}, true
	require.NoError(t, c.Record(ctx, rest))

	keys, err := c.Keys(ctx, index, "", 0)
	require.NoError(t, err)
	require.Equal(t, []catalog.Key{
		{ID: "another shard's", Version: 1, State: catalog.StateIndexed},
		{ID: "newer", Version: 5, State: catalog.StateEmbedded},
		{ID: "older", Version: 6, State: catalog.StateFailed},
		{ID: "right", Version: 3, State: catalog.StateEmbedded},
	}, keys)
	right, err := c.Document(ctx, index, "right")
	require.NoError(t, err)
	require.Equal(t, "files", right.Source, "what nobody says again stays")
	gone, err := c.Document(ctx, index, "gone")
	require.NoError(t, err)
	require.Equal(t, catalog.StateDeleted, gone.State, "what is known as deleted stays")
}

// race has two leaders of a shard tell the same catalog, each from where it believes it is.
func (cfg Config) race(t *testing.T) {
	ctx, c, _ := cfg.open(t)
	index, shard := name(1), name(1)+"-0"
	const batches = 20
	var done sync.WaitGroup
	errs := make([]error, 2)
	for leader := range 2 {
		done.Go(func() { errs[leader] = follow(ctx, c, index, shard, batches) })
	}
	done.Wait()
	require.NoError(t, errors.Join(errs...))
	at, _, err := c.Progress(ctx, shard)
	require.NoError(t, err)
	require.Equal(t, uint64(batches), at.Version)
	keys, err := c.Keys(ctx, index, "", 0)
	require.NoError(t, err)
	require.Len(t, keys, batches)
}

// follow records one document after another until there are so many.
func follow(ctx context.Context, c catalog.Catalog, index, shard string, batches uint64) error {
	for {
		at, _, err := c.Progress(ctx, shard)
		if err != nil || at.Version == batches {
			return err
		}
		id := fmt.Sprint("d", at.Version)
		b := batch(index, catalog.Entry{ID: id, Version: at.Version + 1, State: catalog.StateIndexed})
		b.From, b.Position = at, catalog.Position{Version: at.Version + 1, Sweep: 1}
		if err := c.Record(ctx, b); err != nil && !errors.Is(err, catalog.ErrStale) {
			return err
		}
	}
}
