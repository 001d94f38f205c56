package sparse

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
)

func TestKeysAfter(t *testing.T) {
	x := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
	defer func() { require.NoError(t, x.Close()) }()
	versions := map[string]uint64{}
	for i := range 300 {
		id := fmt.Sprint(i * 7919 % 200)
		w := put(id, "ant")
		if i%5 == 0 {
			w = api.Write{Kind: api.OpDelete, Doc: api.Document{ID: id}}
		}
		switch o := apply(t, x, uint64(i+1), w)[0]; o.Status {
		case api.StatusDeleted:
			delete(versions, id)
		case api.StatusNotFound:
		default:
			versions[id] = o.Version
		}
		if i == 150 {
			flush(t, x)
		}
	}
	var want []Key
	for id, version := range versions {
		want = append(want, Key{id, version})
	}
	slices.SortFunc(want, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
	rapid.Check(t, func(t *rapid.T) {
		snap := x.Snapshot()
		defer snap.Release()
		limit := rapid.IntRange(1, 250).Draw(t, "limit")
		var got []Key
		for after := ""; ; {
			page := snap.KeysAfter(after, limit)
			got = append(got, page...)
			if len(page) < limit {
				break
			}
			after = page[len(page)-1].ID
		}
		require.Equal(t, want, got)
	})
	snap := x.Snapshot()
	defer snap.Release()
	require.Empty(t, snap.KeysAfter("", 0))
}
