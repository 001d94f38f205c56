package replica

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/dense"
	"sagasu/internal/dense/vault"
	"sagasu/internal/vfs"
)

func testVectors(t *testing.T) *vectors {
	t.Helper()
	v := newVectors(vfs.OS(), t.TempDir(), func(dir string, dims int) (vectorStore, error) {
		cfg := vault.Default()
		cfg.Dir, cfg.Dims = dir, dims
		return vault.Open(cfg)
	})
	t.Cleanup(func() { require.NoError(t, v.close()) })
	return v
}

func oneVector(generation int, id string) change {
	c := none()
	c.upsert(generation, dense.Vector{ID: id, Version: 1, Values: []float32{1, 2}})
	return c
}

// TestAFlushBetweenBeginAndVectors has a snapshot of the log come between the begin of a generation and the
// vectors of the same entry: they must not be taken for durable.
func TestAFlushBetweenBeginAndVectors(t *testing.T) {
	v := testVectors(t)
	require.NoError(t, v.begin(3, 2, 7))
	require.NoError(t, v.flush(context.Background()))
	require.Equal(t, uint64(6), v.durable(100))
	require.NoError(t, v.apply(7, oneVector(3, "a")))
	_, _, ok := v.find(3).Stat("a")
	require.True(t, ok)
}

// TestFlushesWhatIsMuch applies vectors while no document is written.
func TestFlushesWhatIsMuch(t *testing.T) {
	v := testVectors(t)
	v.unflushed = 10_000
	require.NoError(t, v.begin(0, 2, 1))
	for entry := uint64(1); entry < 200; entry++ {
		require.NoError(t, v.apply(entry, oneVector(0, fmt.Sprint(entry))))
		require.Less(t, v.find(0).UnflushedBytes(), v.unflushed)
	}
	require.Greater(t, v.durable(1000), uint64(100))
	count, err := v.find(0).Count(context.Background())
	require.NoError(t, err)
	require.Equal(t, 199, count)
}
