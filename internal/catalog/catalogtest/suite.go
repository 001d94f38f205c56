// Package catalogtest is the conformance suite of catalogs: it holds an implementation to a model in memory.
package catalogtest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
)

// Config describes the implementation under test.
type Config struct {
	// Open gives a new catalog on an empty database, not migrated, that takes the time from now; it is closed by the
	// suite.
	Open func(t *testing.T, now func() time.Time) catalog.Catalog
}

// Run holds the implementation to the suite.
func Run(t *testing.T, cfg Config) {
	t.Run("batches merge as the model says", cfg.ledger)
	t.Run("a batch that does not fit is refused", cfg.stale)
	t.Run("an index that was dropped stays away", cfg.drop)
	t.Run("a lost catalog is rebuilt", cfg.rebuild)
	t.Run("one of two writers wins", cfg.race)
	t.Run("listings give what the model selects", cfg.listings)
	t.Run("ids may be any text", cfg.odd)
	t.Run("keys are in the order of bytes", cfg.keys)
	t.Run("jobs and their items", cfg.jobs)
	t.Run("many items of a job are counted", cfg.manyItems)
	t.Run("analytics agree with the model", cfg.analytics)
	t.Run("audit is listed", cfg.audit)
	t.Run("what is old goes", cfg.retention)
	t.Run("bad input is refused by name", cfg.badInput)
	t.Run("before and after migrating", cfg.migrating)
	t.Run("a done context ends a call", cfg.contexts)
}

// start is when the suite's clock begins.
func start() time.Time { return time.Date(2026, 11, 30, 22, 15, 0, 123456000, time.UTC) }

// clock is moved by hand.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(start().UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// open gives a catalog that is ready.
func (cfg Config) open(t *testing.T) (context.Context, catalog.Catalog, *clock) {
	t.Helper()
	now := newClock()
	c := cfg.Open(t, now.now)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	require.NoError(t, c.Migrate(ctx))
	require.NoError(t, c.Ready(ctx))
	return ctx, c, now
}

// name gives a new name of an index or a shard.
func name(n int) string { return fmt.Sprintf("%032x", n) }

// batch is one of a single shard, at the start of its log.
func batch(index string, entries ...catalog.Entry) catalog.Batch {
	return catalog.Batch{
		Shard: index + "-0", Index: index, IndexName: "papers", Entries: entries,
		Position: catalog.Position{Version: 1, Sweep: 1},
	}
}
