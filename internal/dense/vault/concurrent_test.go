package vault

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

// countingFS counts the files that are mapped; bytes of one that is unmapped panic.
type countingFS struct {
	vfs.FS
	mapped atomic.Int64
}

type countedMapping struct {
	vfs.Mapping
	fs     *countingFS
	closed atomic.Bool
}

func (c *countingFS) Map(path string) (vfs.Mapping, error) {
	m, err := c.FS.Map(path)
	if err != nil {
		return nil, err
	}
	c.mapped.Add(1)
	return &countedMapping{Mapping: m, fs: c}, nil
}

func (m *countedMapping) Bytes() []byte {
	if m.closed.Load() {
		panic("read of a file that is unmapped")
	}
	return m.Mapping.Bytes()
}

func (m *countedMapping) Close() error {
	if m.closed.Swap(true) {
		panic("a file is unmapped twice")
	}
	m.fs.mapped.Add(-1)
	return m.Mapping.Close()
}

// TestConcurrent reads while vectors are replaced, flushed and merged: each Get sees whole batches, of one moment,
// and no file stays mapped that nobody needs.
func TestConcurrent(t *testing.T) {
	const ids, rounds = 200, 150
	ctx, cfg := context.Background(), testConfig(t, 16)
	disk := &countingFS{FS: cfg.FS}
	cfg.FS = disk
	x, err := Open(cfg)
	require.NoError(t, err)
	var names []string
	for i := range ids {
		names = append(names, testID(i))
	}
	// All values of a round's vectors follow from the round.
	put := func(round uint64) error {
		vs := make([]dense.Vector, ids)
		for i := range vs {
			values := make([]float32, cfg.Dims)
			values[round%16] = 1
			vs[i] = dense.Vector{ID: names[i], Version: round, Digest: [16]byte{byte(round)}, Values: values}
		}
		return x.Apply(round, vs, nil)
	}
	require.NoError(t, put(1))
	done := make(chan struct{})
	var running sync.WaitGroup
	read := func(rng *rand.Rand) bool {
		from := rng.IntN(ids)
		vs, err := x.Get(names[from:])
		if err != nil || len(vs) != ids-from {
			t.Errorf("get: %v, %d vectors", err, len(vs))
			return false
		}
		for _, v := range vs {
			if v.Version != vs[0].Version || v.Values[v.Version%16] != 1 || v.Digest[0] != byte(v.Version) {
				t.Errorf("document %s has version %d, the first has %d; %v", v.ID, v.Version, vs[0].Version, v.Values)
				return false
			}
		}
		return true
	}
	for w := range uint64(2) {
		rng := rand.New(rand.NewPCG(w, 0))
		running.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if !read(rng) {
						return
					}
				}
			}
		})
	}
	running.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := x.Flush(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for round := uint64(2); round < rounds; round++ {
		require.NoError(t, put(round))
	}
	close(done)
	running.Wait()
	require.NoError(t, x.Close())
	require.Zero(t, disk.mapped.Load())
	x, err = Open(cfg)
	require.NoError(t, err)
	require.Equal(t, x.table.entries, ids)
	require.NoError(t, x.Close())
}
