package meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// world is nodes that may found a cluster.
type world struct {
	mu      sync.Mutex
	nodes   map[string]*Founding
	seen    map[string][]string
	cluster map[string]bool
	dead    map[string]bool
	founded [][]string
	// wait is how long a call takes; called with mu.
	wait func() time.Duration
	fail error
}

func newWorld(expect int, ids ...string) *world {
	w := &world{
		nodes: map[string]*Founding{}, seen: map[string][]string{}, cluster: map[string]bool{}, dead: map[string]bool{},
		wait: func() time.Duration { return time.Millisecond },
	}
	for _, id := range ids {
		w.add(expect, id)
	}
	return w
}

func (w *world) add(expect int, id string) {
	w.nodes[id] = NewFounding(FoundingConfig{
		Self: id, Expect: expect, Caller: w, After: time.After,
		Fresh: func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return !w.cluster[id]
		},
		Seen: func() ([]string, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			founded := false
			for _, s := range w.seen[id] {
				founded = founded || w.cluster[s]
			}
			return slices.Clone(w.seen[id]), founded
		},
		Bootstrap: func(_ context.Context, founders []string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.fail != nil {
				return w.fail
			}
			w.founded = append(w.founded, founders)
			for _, f := range founders {
				w.cluster[f] = true
			}
			return nil
		},
	})
}

// see lets each node see what is given.
func (w *world) see(of map[string][]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, ids := range of {
		w.seen[id] = ids
	}
}

func (w *world) Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error) {
	w.mu.Lock()
	pause, dead, to := w.wait(), w.dead[node], w.nodes[node]
	w.mu.Unlock()
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if dead || to == nil {
		return nil, errCut
	}
	var h handler
	to.Register(func(_ uint16, f func(ctx context.Context, body, dst []byte) ([]byte, error)) { h = f })
	answer, err := h(ctx, body, nil)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(pause):
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run lets all nodes try for a time, and gives the sets that were founded.
func (w *world) run(t *testing.T, d time.Duration) [][]string {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var running sync.WaitGroup
	for _, f := range w.nodes {
		running.Go(func() { _ = f.Run(ctx) })
	}
	running.Wait()
	return w.founded
}

func all(ids ...string) map[string][]string {
	of := map[string][]string{}
	for _, id := range ids {
		// Gossip has no order.
		of[id] = slices.Concat(ids[1:], ids[:1])
	}
	return of
}

func TestFounding(t *testing.T) {
	abc := []string{"a", "b", "c"}
	t.Run("all promise, one founds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(3, abc...)
			w.see(all(abc...))
			require.Equal(t, [][]string{abc}, w.run(t, time.Minute))
		})
	})
	t.Run("too few found nothing, until the last comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(3, abc...)
			w.see(all("a", "b"))
			w.see(map[string][]string{"c": {"c"}})
			require.Empty(t, w.run(t, time.Minute))
			w.see(all(abc...))
			require.Equal(t, [][]string{abc}, w.run(t, time.Minute))
		})
	})
	t.Run("one that can't be reached is waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(3, abc...)
			w.see(all(abc...))
			w.dead["c"] = true
			require.Empty(t, w.run(t, time.Minute))
			w.dead["c"] = false
			require.Equal(t, [][]string{abc}, w.run(t, time.Minute))
		})
	})
	t.Run("beside a cluster nothing is founded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(3, "a", "b", "d")
			w.cluster["z"] = true
			w.see(map[string][]string{"a": {"a", "b", "d", "z"}, "b": {"z"}, "d": {"z", "d"}})
			require.Empty(t, w.run(t, time.Minute))
		})
	})
	t.Run("a late joiner does not found again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(3, abc...)
			w.see(all(abc...))
			require.Len(t, w.run(t, time.Minute), 1)
			w.add(3, "d")
			w.see(map[string][]string{"d": {"d", "b", "c"}})
			require.Len(t, w.run(t, time.Minute), 1)
			// And nobody who is in a cluster promises it anything.
			require.ErrorContains(t, w.nodes["b"].promise([]string{"b", "c", "d"}), "belongs to a cluster")
		})
	})
	t.Run("promises", func(t *testing.T) {
		w := newWorld(3, "b")
		b := w.nodes["b"]
		require.ErrorContains(t, b.promise([]string{"a", "b"}), "expects 3")
		require.ErrorContains(t, b.promise([]string{"a", "c", "d"}), "not among")
		require.NoError(t, b.promise(abc))
		require.NoError(t, b.promise(abc), "the same again")
		require.ErrorContains(t, b.promise([]string{"b", "c", "d"}), "a,b,c")
	})
	t.Run("what keeps it from founding is told", func(t *testing.T) {
		w := newWorld(1, "a")
		w.see(all("a"))
		w.fail = errors.New("disk is full")
		require.ErrorIs(t, w.nodes["a"].Run(t.Context()), w.fail)
	})
	t.Run("a call that can't be read is refused", func(t *testing.T) {
		w := newWorld(3, "a")
		_, err := w.Call(t.Context(), "a", MethodFound, []byte("?"))
		require.ErrorIs(t, err, ErrProtocol)
	})
}

// No node is ever in two sets that are founded, whatever each sees of the others and however slow the ways are.
func TestRivalFounders(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ids := []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(3, 5).Draw(r, "nodes")]
		pauses := rapid.SliceOfN(rapid.IntRange(0, 9000), 20, 20).Draw(r, "pauses")
		var views []map[string][]string
		for i := range rapid.IntRange(1, 4).Draw(r, "rounds") {
			of := map[string][]string{}
			for _, id := range ids {
				order := rapid.Permutation(ids).Draw(r, fmt.Sprint("order ", i, id))
				seen := []string{id}
				for _, other := range order[:rapid.IntRange(0, len(ids)).Draw(r, fmt.Sprint("seen ", i, id))] {
					if other != id {
						seen = append(seen, other)
					}
				}
				of[id] = seen
			}
			views = append(views, of)
		}
		var founded [][]string
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(3, ids...)
			calls := 0
			w.wait = func() time.Duration {
				calls++
				return time.Duration(pauses[calls%len(pauses)]) * time.Millisecond
			}
			var changing sync.WaitGroup
			changing.Go(func() {
				for _, of := range views {
					w.see(of)
					<-time.After(20 * time.Second)
				}
			})
			founded = w.run(t, 90*time.Second)
			changing.Wait()
		})
		in := map[string]int{}
		for _, set := range founded {
			if len(set) != 3 {
				r.Fatalf("founded by %v", set)
			}
			for _, id := range set {
				in[id]++
				if in[id] > 1 {
					r.Fatalf("%s is in two clusters: %v", id, founded)
				}
			}
		}
	})
}
