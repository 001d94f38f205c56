package catalog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func row() *rapid.Generator[Row] {
	return rapid.Custom(func(t *rapid.T) Row {
		return NewRow("s", 1, Entry{
			ID: "a", Version: rapid.Uint64Range(0, 3).Draw(t, "version"), Sequence: rapid.Uint64Range(0, 3).Draw(t, "sequence"),
			State:  State(rapid.IntRange(1, 5).Draw(t, "state")),
			Source: rapid.SampledFrom([]string{"", "x"}).Draw(t, "source"),
			At:     time.Unix(rapid.Int64Range(1, 9).Draw(t, "at"), 0),
		}, time.Unix(100, 0))
	})
}

func TestMerge(t *testing.T) {
	t.Run("the newest counts, in whatever order and however often they come", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			rows := rapid.SliceOfN(row(), 1, 6).Draw(t, "rows")
			newest := rows[0]
			for _, r := range rows {
				if compare(r, newest) > 0 {
					newest = r
				}
			}
			got := rows[0]
			for _, r := range rapid.Permutation(append(rows, rows...)).Draw(t, "order") {
				got = Merge(got, r)
			}
			require.Zero(t, compare(newest, got))
		})
	})
	t.Run("what was merged changes nothing", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			a, b := row().Draw(t, "a"), row().Draw(t, "b")
			once := Merge(a, b)
			require.Equal(t, once, Merge(once, b))
			require.Equal(t, once, Merge(once, a))
		})
	})
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	entry := func(round int64, e Entry) Row { return NewRow("s", round, e, at(100)) }
	indexed := entry(1, Entry{ID: "a", Version: 2, Sequence: 2, State: StateIndexed, At: at(1), Source: "f", Bytes: 5})
	t.Run("a life", func(t *testing.T) {
		r := Merge(indexed, entry(1, Entry{ID: "a", Version: 2, Sequence: 3, State: StateEmbedded, At: at(2)}))
		times := []time.Time{r.ReceivedAt, r.IndexedAt, r.EmbeddedAt, r.UpdatedAt}
		require.Equal(t, []time.Time{at(1), at(1), at(2), at(2)}, times)
		require.Equal(t, "f", r.Source)
		r = Merge(r, entry(1, Entry{ID: "a", Version: 2, Sequence: 9, State: StateFailed, At: at(3), Error: "no"}))
		require.True(t, r.EmbeddedAt.IsZero(), "it is not embedded any more")
		r = Merge(r, entry(1, Entry{ID: "a", Version: 2, Sequence: 12, State: StateEmbedded, At: at(4)}))
		require.Equal(t, []any{StateEmbedded, "", at(4)}, []any{r.State, r.Error, r.EmbeddedAt})
		r = Merge(r, entry(1, Entry{ID: "a", Version: 7, Sequence: 13, State: StateDeleted, At: at(5)}))
		require.Equal(t, []any{StateDeleted, "f", int64(5)}, []any{r.State, r.Source, r.Bytes})
		r = Merge(r, entry(1, Entry{ID: "a", Version: 8, Sequence: 14, State: StateIndexed, At: at(6)}))
		require.Equal(t, []any{StateIndexed, "", at(6)}, []any{r.State, r.Source, r.IndexedAt})
	})
	t.Run("a later round is believed, be it older or newer", func(t *testing.T) {
		r := Merge(indexed, entry(2, Entry{ID: "a", Version: 1, State: StateEmbedded}))
		require.Equal(t, []any{uint64(1), StateEmbedded}, []any{r.Version, r.State})
		r = Merge(indexed, entry(2, Entry{ID: "a", Version: 2, Sequence: 50, State: StateIndexed}))
		require.Equal(t, []any{int64(2), at(1), at(1)}, []any{r.Round, r.UpdatedAt, r.IndexedAt}, "what is unknown stays")
	})
	t.Run("a document moves to another shard with its version", func(t *testing.T) {
		moved := NewRow("other", 1, Entry{ID: "a", Version: 2, Sequence: 1, State: StateIndexed}, at(100))
		require.Equal(t, "other", Merge(indexed, moved).Shard)
		moved.Version = 1
		require.Equal(t, "s", Merge(indexed, moved).Shard)
	})
}

func TestState(t *testing.T) {
	for s := StateReceived; s <= StateDeleted; s++ {
		got, ok := ParseState(s.String())
		require.True(t, ok)
		require.Equal(t, s, got)
	}
	for _, name := range []string{"", "unknown", "Indexed"} {
		_, ok := ParseState(name)
		require.False(t, ok)
	}
	require.Equal(t, "unknown", State(0).String())
	require.Equal(t, "unknown", State(6).String())
}
