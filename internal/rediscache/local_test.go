package rediscache

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// modelRow is an entry of the model, which keeps them by last use.
type modelRow struct {
	key   string
	value []byte
	until time.Time
}

func TestLocal(t *testing.T) {
	t.Run("behaves as a list by last use", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			limit := rapid.IntRange(0, 1500).Draw(t, "limit")
			l := newLocal(limit, 1<<20) // one shard
			require.Len(t, l.shards, 1)
			var model []modelRow // the last used last
			now, bytes, entries := time.Unix(0, 0), 0, 0
			size := func(m modelRow) int { return localOverhead + len(m.key) + len(m.value) }
			find := func(key string) int {
				for i := range model {
					if model[i].key == key {
						return i
					}
				}
				return -1
			}
			drop := func(i int) { model = append(model[:i:i], model[i+1:]...) }
			for range rapid.IntRange(1, 60).Draw(t, "steps") {
				key := rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f"}).Draw(t, "key")
				now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "pass")) * time.Second)
				var c change
				if rapid.Bool().Draw(t, "put") {
					row := modelRow{key, make([]byte, rapid.IntRange(0, 400).Draw(t, "size")), now.Add(5 * time.Second)}
					c = l.put(key, row.value, row.until)
					if i := find(key); i >= 0 {
						drop(i)
					}
					if size(row) <= limit {
						model = append(model, row)
					}
					total := 0
					for _, m := range model {
						total += size(m)
					}
					for ; total > limit; drop(0) {
						total -= size(model[0])
					}
				} else {
					var value []byte
					var ok bool
					value, ok, c = l.get(key, now)
					i := find(key)
					if i >= 0 && now.After(model[i].until) {
						drop(i)
						i = -1
					}
					require.Equal(t, i >= 0, ok)
					if ok {
						row := model[i]
						require.Equal(t, row.value, value)
						drop(i)
						model = append(model, row)
					}
				}
				bytes, entries = bytes+c.bytes, entries+c.entries
				want := 0
				for _, m := range model {
					want += size(m)
				}
				require.Equal(t, want, l.shards[0].bytes)
				require.Equal(t, want, bytes)
				require.Equal(t, len(model), entries)
			}
		})
	})
	t.Run("has many locks if values are small", func(t *testing.T) {
		require.Len(t, newLocal(64<<20, 64<<10).shards, maxShards)
		require.Len(t, newLocal(1<<20, 1<<20).shards, 1)
	})
	t.Run("takes the memory it is allowed", func(t *testing.T) {
		for _, size := range []int{0, 100, 1600, 16000} {
			t.Run(fmt.Sprint("values of ", size), func(t *testing.T) {
				const limit = 16 << 20
				l := newLocal(limit, 64<<10)
				before := heap()
				key := make([]byte, 32)
				// Three times as many as fit.
				for i := range 3 * limit / (size + localOverhead) {
					copy(key, fmt.Sprintf("%032d", i))
					l.put(string(key), make([]byte, size), time.Time{})
				}
				used := heap() - before
				require.InEpsilon(t, limit, used, 0.35, "%d bytes a row", used/int64(len(l.shards[0].rows)*len(l.shards)))
				runtime.KeepAlive(l)
			})
		}
	})
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // small enough
}
