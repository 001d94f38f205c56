package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/embedclient"
)

// fakeLedger keeps rows as a catalog does, and fails as it is told.
type fakeLedger struct {
	mu       sync.Mutex
	rows     map[string]ledgerRow
	position *LedgerPosition
	// fault is asked before (step 0) and after (step 1) each call.
	fault func(step int) error
	// told counts what was recorded by id, version and state.
	told map[string]int
}

type ledgerRow struct {
	LedgerEntry
	sweep uint64
}

func newFakeLedger() *fakeLedger {
	return &fakeLedger{rows: map[string]ledgerRow{}, told: map[string]int{}}
}

func (l *fakeLedger) setFault(fault func(step int) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

// lose empties it.
func (l *fakeLedger) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows, l.position = map[string]ledgerRow{}, nil
}

func (l *fakeLedger) failing(step int) error {
	if l.fault == nil {
		return nil
	}
	return l.fault(step)
}

func (l *fakeLedger) Progress(context.Context, LedgerShard) (LedgerPosition, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failing(0); err != nil {
		return LedgerPosition{}, false, err
	}
	if l.position == nil {
		return LedgerPosition{}, false, nil
	}
	return *l.position, true, nil
}

func (l *fakeLedger) Record(_ context.Context, shard LedgerShard, b LedgerBatch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if shard.Index != "papers" {
		return fmt.Errorf("index %q", shard.Index)
	}
	if err := l.failing(0); err != nil {
		return err
	}
	if at := l.position; at != nil && *at != b.From || at == nil && b.From != (LedgerPosition{}) {
		return ErrLedgerMoved
	}
	for _, e := range b.Entries {
		old, ok := l.rows[e.ID]
		if ok && old.Version > e.Version {
			continue
		}
		l.told[fmt.Sprint(e.ID, " ", e.Version, " ", e.State)]++
		e.Source = nil
		l.rows[e.ID] = ledgerRow{e, max(old.sweep, b.Position.Sweep)}
	}
	if b.Swept {
		maps.DeleteFunc(l.rows, func(_ string, r ledgerRow) bool { return r.sweep < b.Position.Sweep })
	}
	position := b.Position
	l.position = &position
	return l.failing(1)
}

// live gives the states of the documents that are not deleted.
func (l *fakeLedger) live() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]string{}
	for id, r := range l.rows {
		if r.State != LedgerDeleted {
			out[id] = fmt.Sprint(r.Version, " ", r.State, " ", r.Truncated)
		}
	}
	return out
}

func ledgerConfig(t *testing.T, l *fakeLedger) Config {
	cfg := fedConfig(t, nil)
	cfg.Collection, cfg.Ledger, cfg.IndexID = nil, l, "uuid"
	return cfg
}

// awaitLedger waits until the ledger has what the replica has.
func awaitLedger(t *testing.T, r *Replica, l *fakeLedger) {
	t.Helper()
	var want, got map[string]string
	defer func() {
		if t.Failed() {
			t.Logf("replica has %v, ledger %v at %+v", want, got, l.position)
		}
	}()
	require.Eventually(t, func() bool {
		keys, err := r.ListKeys(testContext(t), "", 100_000)
		require.NoError(t, err)
		want, got = map[string]string{}, l.live()
		for _, k := range keys {
			state := LedgerIndexed
			_, cut := r.state.outcome(0, k.ID, k.Version)
			switch v := k.Vectors[0]; {
			case v.Failed != "":
				state = LedgerFailed
			case v.Version == k.Version:
				state = LedgerEmbedded
			}
			want[k.ID] = fmt.Sprint(k.Version, " ", state, " ", cut)
		}
		return maps.Equal(want, got)
	}, testTimeout, 2*time.Millisecond)
}

func TestLedger(t *testing.T) {
	l, e := newFakeLedger(), &scriptedEmbedder{}
	cfg := ledgerConfig(t, l)
	cfg.Embedder = serve(e)
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	poison := func(texts []string) error {
		if strings.Contains(strings.Join(texts, " "), "poison") {
			return fmt.Errorf("bad text: %w", embedclient.ErrRejected)
		}
		return nil
	}
	e.set(poison)
	waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "poison"), put("c", "")))
	awaitLedger(t, r, l)
	l.mu.Lock()
	require.Equal(t, LedgerFailed, l.rows["b"].State)
	require.Contains(t, l.rows["b"].Reason, "bad text")
	require.Equal(t, LedgerIndexed, l.rows["c"].State)
	require.False(t, l.rows["a"].At.IsZero())
	l.mu.Unlock()

	t.Run("a document waits as indexed", func(t *testing.T) {
		e.set(func([]string) error { return embedclient.ErrUnavailable })
		mustWrite(t, r, put("d", "south"))
		awaitLedger(t, r, l)
		require.Contains(t, l.live()["d"], fmt.Sprint(LedgerIndexed))
		e.set(nil)
		waitDense(t, r, mustWrite(t, r, put("e", "west")))
		awaitLedger(t, r, l)
		require.Contains(t, l.live()["d"], fmt.Sprint(LedgerEmbedded))
	})
	t.Run("a failure that is repeated is told again", func(t *testing.T) {
		require.NoError(t, r.RetryDense(testContext(t), 0))
		require.Eventually(t, func() bool {
			return strings.Contains(l.live()["b"], fmt.Sprint(" ", LedgerEmbedded, " "))
		}, testTimeout, time.Millisecond)
	})
	t.Run("deletes are told", func(t *testing.T) {
		mustWrite(t, r, remove("a"), remove("nobody"))
		awaitLedger(t, r, l)
		l.mu.Lock()
		defer l.mu.Unlock()
		require.Equal(t, LedgerDeleted, l.rows["a"].State)
	})
	t.Run("each state of a version once", func(t *testing.T) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for what, n := range l.told {
			require.Equal(t, 1, n, what)
		}
	})
	t.Run("one that lost everything is told everything", func(t *testing.T) {
		l.lose()
		awaitLedger(t, r, l)
	})
	t.Run("what it has too much goes when deletes are not known any more", func(t *testing.T) {
		l.setFault(func(int) error { return errors.New("disk full") })
		mustWrite(t, r, remove("d"), put("f", "north"))
		r.state.change(func() { r.state.dropTombstones(len(r.state.tombstones)) })
		l.setFault(nil)
		awaitLedger(t, r, l)
		l.mu.Lock()
		defer l.mu.Unlock()
		require.NotContains(t, l.rows, "d")
	})
	t.Run("documents are looked at again when asked", func(t *testing.T) {
		l.mu.Lock()
		delete(l.rows, "e")
		l.rows["stranger"] = ledgerRow{LedgerEntry: LedgerEntry{ID: "stranger", Version: 1, State: LedgerEmbedded}}
		l.mu.Unlock()
		require.NoError(t, r.RepairDense(testContext(t), 0, []string{"e", "stranger"}))
		awaitLedger(t, r, l)
	})
	t.Run("another generation tells all again", func(t *testing.T) {
		cfg.Embedder = twoModels(e, &wideEmbedder{})
		require.NoError(t, r.Close())
		cfg.Wanted = Wanted{Next: wide()}
		r = openReplica(t, cfg)
		awaitGeneration(t, r, 1, 3)
		r.Want(Wanted{Dense: wide(), Retired: []int{0}})
		require.Eventually(t, func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.position.Generation == 1 && l.position.Settled > 0
		}, testTimeout, time.Millisecond)
	})
}

func TestLedgerWithoutVectors(t *testing.T) {
	l := newFakeLedger()
	cfg := ledgerConfig(t, l)
	cfg.Schema = textSchema()
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	mustWrite(t, r, put("a", "north"), put("b", "east"), remove("b"))
	require.Eventually(t, func() bool { return len(l.live()) == 1 }, testTimeout, time.Millisecond)
}

// TestLedgerFaults breaks off calls before and after they did something, restarts the replica and loses the ledger, and
// wants both equal in the end.
func TestLedgerFaults(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { ledgerWithFaults(t, rand.New(rand.NewPCG(seed, 2))) })
	}
}

func ledgerWithFaults(t *testing.T, random *rand.Rand) {
	l := newFakeLedger()
	cfg := ledgerConfig(t, l)
	r := openReplica(t, cfg)
	for range 2 + random.IntN(4) {
		left, faults := random.IntN(6), 1+random.IntN(3)
		l.setFault(func(int) error {
			if left--; left < 0 && left >= -faults {
				return errors.New("the connection broke")
			}
			return nil
		})
		for range 1 + random.IntN(12) {
			id := fmt.Sprint("d", random.IntN(6))
			if random.IntN(4) == 0 {
				mustWrite(t, r, remove(id))
			} else {
				mustWrite(t, r, put(id, []string{"north", "east", ""}[random.IntN(3)]))
			}
		}
		then := random.IntN(4)
		if then&1 != 0 {
			require.NoError(t, r.Close())
		}
		if then&2 != 0 {
			l.lose()
		}
		if then&1 != 0 {
			r = openReplica(t, cfg)
		}
	}
	l.setFault(nil)
	awaitLedger(t, r, l)
	require.NoError(t, r.Close())
}
