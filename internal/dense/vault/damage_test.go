package vault

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs"
)

// writableFS gives copies of the files it maps, which a test may damage.
type writableFS struct {
	vfs.FS
	mapped []*writable
}

type writable struct{ data []byte }

func (w *writable) Bytes() []byte { return w.data }
func (w *writable) Close() error  { return nil }

func (f *writableFS) Map(path string) (vfs.Mapping, error) {
	data, err := f.FS.ReadFile(path)
	w := &writable{data}
	f.mapped = append(f.mapped, w)
	return w, err
}

// TestDamageWhileOpen flips bits of files that are in use: the vectors they are of are refused, nothing else is,
// and no merge carries the damage on.
func TestDamageWhileOpen(t *testing.T) {
	ctx, rng, m := context.Background(), rand.New(rand.NewPCG(6, 6)), newModel(5)
	cfg := testConfig(t, 5)
	disk := &writableFS{FS: cfg.FS}
	cfg.FS = disk
	x := openTest(t, cfg)
	vs, keys := m.mutate(rng, 20)
	require.NoError(t, x.Apply(m.index, vs, keys))
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	data := disk.mapped[0].data
	name := filepath.Base(vectorFiles(t, cfg.Dir)[0])
	refused := 0
	// Behind the header, which is looked at when the file is opened.
	for at := 56; at < len(data); at++ {
		good := data[at]
		data[at] ^= 1 << rng.IntN(8)
		damaged := 0
		for i := range testIDs {
			v, there := m.vectors[testID(i)]
			got, err := x.Get([]string{testID(i)})
			switch {
			case err != nil:
				require.ErrorIs(t, err, ErrCorrupt)
				require.ErrorContains(t, err, name)
				require.ErrorContains(t, err, testID(i))
				damaged++
			case there:
				require.Equal(t, v.Values, got[0].Values)
			}
		}
		require.Equal(t, 1, damaged, "byte %d", at)
		refused += damaged
		data[at] = good
	}
	require.NotZero(t, refused)

	data[len(data)-1] ^= 1
	vs, keys = m.mutate(rng, 60)
	require.NoError(t, x.Apply(m.index, vs, keys))
	_, err = x.Flush(ctx)
	require.NoError(t, err)
	before := vectorFiles(t, cfg.Dir)
	require.ErrorIs(t, x.chain.Merge(ctx), ErrCorrupt)
	require.Equal(t, before, vectorFiles(t, cfg.Dir))
	t.Run("the next flush says so", func(t *testing.T) {
		vs, keys = m.mutate(rng, 5)
		require.NoError(t, x.Apply(m.index, vs, keys))
		_, err = x.Flush(ctx)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, name)
	})
	require.NoError(t, x.Close())
}

// TestDamageAtOpen spoils a file between two starts.
func TestDamageAtOpen(t *testing.T) {
	ctx, rng, m := context.Background(), rand.New(rand.NewPCG(7, 7)), newModel(5)
	cfg := testConfig(t, 5)
	x := openTest(t, cfg)
	vs, keys := m.mutate(rng, 100)
	require.NoError(t, x.Apply(m.index, vs, keys))
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	path := vectorFiles(t, cfg.Dir)[0]
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for range 150 {
		bad := slices.Clone(good)
		at := 12 + rng.IntN(len(bad)-12)
		bad[at] ^= 1 << rng.IntN(8)
		require.NoError(t, os.WriteFile(path, bad, 0o644))
		_, err := Open(cfg)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, filepath.Base(path))
		require.NoError(t, os.WriteFile(path, good[:rng.IntN(len(good))], 0o644))
		_, err = Open(cfg)
		require.ErrorIs(t, err, ErrCorrupt)
	}
	require.NoError(t, os.WriteFile(path, good, 0o644))
	x = openTest(t, cfg)
	m.equal(t, x)
	require.NoError(t, x.Close())
}
