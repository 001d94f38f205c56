package replica

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
)

// fedConfig is that of a replica whose vectors go to a collection.
func fedConfig(t testing.TB, c *fakeCollection) Config {
	cfg := testConfig(t.TempDir(), denseSchema())
	cfg.Embedder = serve(&scriptedEmbedder{})
	if c != nil {
		cfg.Collection = c.give
	}
	// Pauses are short, whatever they are meant to be, and the clock is fast.
	began := time.Now()
	cfg.Now = func() time.Time { return began.Add(1000 * time.Since(began)) }
	cfg.After = func(d time.Duration) <-chan time.Time { return time.After(min(d, 5*time.Millisecond)) }
	return cfg
}

// documents gives the versions of all documents that have a vector due.
func documents(t testing.TB, r *Replica) map[string]uint64 {
	keys, err := r.ListKeys(testContext(t), "", 100_000)
	require.NoError(t, err)
	out := map[string]uint64{}
	for _, k := range keys {
		if !k.Vectors[0].NoText && k.Vectors[0].Failed == "" {
			out[k.ID] = k.Version
		}
	}
	return out
}

// awaitEqual waits until the collection has exactly the replica's documents.
func awaitEqual(t testing.TB, r *Replica, c *fakeCollection) {
	t.Helper()
	var want, got map[string]uint64
	defer func() {
		if t.Failed() {
			t.Logf("replica has %v, collection %v", want, got)
		}
	}()
	require.Eventually(t, func() bool {
		want, got = documents(t, r), c.snapshot()
		return maps.Equal(want, got)
	}, testTimeout, 2*time.Millisecond)
}

func TestFeed(t *testing.T) {
	c, e := newFakeCollection(), &scriptedEmbedder{}
	cfg := fedConfig(t, c)
	cfg.Embedder = serve(e)
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	var writes []api.Write
	for i := range 1500 {
		writes = append(writes, put(fmt.Sprint("d", i), "north"))
	}
	waitDense(t, r, mustWrite(t, r, writes...))
	require.Equal(t, documents(t, r), c.snapshot(), "a wait is one for what can be found")
	require.Zero(t, r.DenseLag())

	t.Run("updates and deletes follow", func(t *testing.T) {
		mustWrite(t, r, put("d1", "south"), remove("d2"), put("d3", ""), remove("d4"), put("d4", "east"))
		awaitEqual(t, r, c)
		require.NotContains(t, c.snapshot(), "d2")
		require.NotContains(t, c.snapshot(), "d3", "it has no text any more")
	})
	t.Run("rows have what filters and slots ask for", func(t *testing.T) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, v := range c.rows["d1"] {
			require.Equal(t, uint16(api.SlotOf("d1")), v.Slot)
			require.Equal(t, direction("south"), v.Values)
		}
	})
	t.Run("one that was wiped is filled anew, without embedding", func(t *testing.T) {
		calls := e.count()
		c.wipe()
		awaitEqual(t, r, c)
		require.Equal(t, calls, e.count())
	})
	t.Run("deletes that are not known any more are found by comparing", func(t *testing.T) {
		c.setFault(func(string, int) error { return dense.ErrUnavailable })
		var removes []api.Write
		for i := 100; i < 200; i++ {
			removes = append(removes, remove(fmt.Sprint("d", i)))
		}
		mustWrite(t, r, removes...)
		r.state.change(func() { r.state.dropTombstones(len(r.state.tombstones)) })
		c.setFault(nil)
		awaitEqual(t, r, c)
	})
	t.Run("and so is what others put there", func(t *testing.T) {
		require.NoError(t, r.RepairDense(testContext(t), 0, nil))
		c.mu.Lock()
		c.rows["stranger"] = map[uint64]dense.Vector{5: {ID: "stranger", Version: 5}}
		delete(c.rows, "d1")
		c.mu.Unlock()
		require.NoError(t, r.RepairDense(testContext(t), 0, []string{"stranger", "d1"}))
		awaitEqual(t, r, c)
	})
	t.Run("what is to be deleted is forgotten when it is", func(t *testing.T) {
		require.Eventually(t, func() bool { return !r.state.busy(feedName(0)) }, testTimeout, time.Millisecond)
		r.state.mu.Lock()
		defer r.state.mu.Unlock()
		require.Empty(t, r.state.tombstones)
		require.Empty(t, r.state.consumers[feedName(0)].again)
	})
}

func TestFeedAudit(t *testing.T) {
	c := newFakeCollection()
	cfg := fedConfig(t, c)
	var ahead atomic.Int64
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "east"), put("c", "west"), put("none", "")))
	c.mu.Lock()
	delete(c.rows, "a")
	c.rows["stranger"] = map[uint64]dense.Vector{5: {ID: "stranger", Version: 5}}
	c.rows["other"] = map[uint64]dense.Vector{6: {ID: "other", Version: 6}}
	c.mu.Unlock()
	require.Eventually(t, func() bool {
		ahead.Add(int64(auditEvery))
		return len(c.snapshot()) == 3 && c.snapshot()["a"] != 0
	}, testTimeout, 2*time.Millisecond)
	require.Equal(t, documents(t, r), c.snapshot())
	require.Positive(t, value(t, r.metrics.repaired))
}

func TestFeedOutage(t *testing.T) {
	c := newFakeCollection()
	cfg := fedConfig(t, c)
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	waitDense(t, r, mustWrite(t, r, put("a", "north")))
	c.setFault(func(string, int) error { return dense.ErrUnavailable })
	for i := range 50 {
		mustWrite(t, r, put(fmt.Sprint("d", i), "east"))
	}
	require.Eventually(t, func() bool {
		s, err := r.DenseStatus(testContext(t))
		require.NoError(t, err)
		return s[0].WaitEmbed == 0 && s[0].WaitFeed == 50 && s[0].Trouble != "" && s[0].LagSeconds > 0
	}, testTimeout, 2*time.Millisecond)
	require.Equal(t, 50, r.DenseLag())
	require.Contains(t, r.DenseTrouble(), "unavailable")
	c.setFault(nil)
	awaitEqual(t, r, c)
	require.Eventually(t, func() bool {
		s, err := r.DenseStatus(testContext(t))
		require.NoError(t, err)
		return s[0].WaitFeed == 0 && s[0].Trouble == "" && s[0].LagSeconds == 0
	}, testTimeout, 2*time.Millisecond)
}

func TestFeedRefusals(t *testing.T) {
	c := newFakeCollection()
	r := openReplica(t, fedConfig(t, c))
	defer func() { require.NoError(t, r.Close()) }()
	c.setFault(func(call string, step int) error { return nil })
	var refused atomic.Bool
	c.mu.Lock()
	c.fault = func(call string, step int) error {
		if call == "upsert" && step == 0 && !refused.Load() {
			return fmt.Errorf("attributes of 70 kB: %w", dense.ErrTooLarge)
		}
		return nil
	}
	c.mu.Unlock()
	waitDense(t, r, mustWrite(t, r, put("big", "north")))
	failures, err := r.DenseFailures(0)
	require.NoError(t, err)
	require.Len(t, failures.List, 1)
	require.Contains(t, failures.List[0].Reason, "70 kB")
	refused.Store(true)
	waitDense(t, r, mustWrite(t, r, put("small", "east")))
	require.Contains(t, c.snapshot(), "small")
	require.NoError(t, r.RetryDense(testContext(t), 0))
	require.Eventually(t, func() bool { return c.snapshot()["big"] != 0 }, testTimeout, time.Millisecond)
}

// TestFeedFaults stops the replica or the collection at any step of any call, and wants both equal in the end.
func TestFeedFaults(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { feedWithFaults(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func feedWithFaults(t *testing.T, random *rand.Rand) {
	fault := errors.New("the connection broke")
	c := newFakeCollection()
	cfg := fedConfig(t, c)
	r := openReplica(t, cfg)
	for range 2 + random.IntN(4) {
		var left atomic.Int64
		left.Store(random.Int64N(9))
		faults := 1 + random.Int64N(4)
		c.setFault(func(string, int) error {
			if n := left.Add(-1); n < 0 && n >= -faults {
				return fault
			}
			return nil
		})
		for range 1 + random.IntN(12) {
			id := fmt.Sprint("d", random.IntN(6))
			if random.IntN(4) == 0 {
				mustWrite(t, r, remove(id))
			} else {
				mustWrite(t, r, put(id, []string{"north", "east", "south", ""}[random.IntN(4)]))
			}
		}
		then := random.IntN(4)
		if then&1 != 0 {
			require.NoError(t, r.Close())
		}
		if then&2 != 0 {
			c.wipe()
		}
		if then&1 != 0 {
			r = openReplica(t, cfg)
		}
	}
	c.setFault(nil)
	awaitEqual(t, r, c)
	require.NoError(t, r.Close())
}
