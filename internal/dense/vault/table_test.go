package vault

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestTable holds the table to a map. Its parts grow, shrink and have long runs of slots.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		table, model := newTable(), map[string]uint64{}
		ids := crowded(table, 100)
		for step := range uint64(rapid.IntRange(1, 1000).Draw(t, "steps")) {
			id := ids[rng.IntN(len(ids))]
			e := table.get(id)
			if version, ok := model[id]; ok != (e != nil) || ok && e.version != version {
				require.Failf(t, "wrong entry", "%s: %v", id, e)
			}
			switch {
			case e == nil:
				table.put(entry{id: id, version: step})
				model[id] = step
			case rng.IntN(3) == 0:
				e.version, model[id] = step, step
			default:
				table.remove(id)
				delete(model, id)
			}
			table.remove("never there")
		}
		require.Len(t, model, table.entries)
		for id, version := range model {
			require.Equal(t, entry{id: id, version: version}, *table.get(id))
			table.remove(id)
		}
		require.Zero(t, table.entries)
		require.LessOrEqual(t, len(table.parts[0].slots), minSlots)
	})
}

// crowded gives ids that all fall into two parts of the table.
func crowded(table *table, n int) []string {
	var ids []string
	for i := 0; len(ids) < n; i++ {
		id := fmt.Sprint("doc", i)
		if p, _ := table.part(id); p == &table.parts[0] || p == &table.parts[9] {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestPlace(t *testing.T) {
	p := placeOf(65535, 1<<offsetBits-1)
	require.Equal(t, 65535, p.file())
	require.Equal(t, uint64(1<<offsetBits-1), p.offset())
	require.NotZero(t, placeOf(1, 0))
}
