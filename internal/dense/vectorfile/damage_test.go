package vectorfile

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/vfs"
)

// vectorFiles lists the files of the chain.
func vectorFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "vectors-*"))
	require.NoError(t, err)
	return paths
}

// written makes a directory with two files and gives its configuration.
func written(t *testing.T) Config {
	t.Helper()
	ctx, rng, cfg := context.Background(), rand.New(rand.NewPCG(3, 3)), testConfig(t, 5)
	s := openTest(t, cfg)
	s.mutate(rng, 400)
	require.NoError(t, s.flush(ctx))
	s.mutate(rng, 20)
	require.NoError(t, s.flush(ctx))
	require.NoError(t, s.chain.Close())
	require.Len(t, vectorFiles(t, cfg.Dir), 2)
	return cfg
}

func TestDamage(t *testing.T) {
	cfg := written(t)
	path := vectorFiles(t, cfg.Dir)[1]
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	refused := func(t *testing.T, data []byte, want error) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, data, 0o644))
		_, err := open(cfg)
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, filepath.Base(path))
	}
	t.Run("every flipped bit is noticed", func(t *testing.T) {
		for i := range good {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << (i % 8)
			refused(t, bad, ErrCorrupt)
		}
	})
	t.Run("every truncation is noticed", func(t *testing.T) {
		for i := 0; i < len(good); i += 7 {
			refused(t, good[:i], ErrCorrupt)
		}
	})
	t.Run("bytes behind the end are noticed", func(t *testing.T) {
		refused(t, append(good[:len(good):len(good)], 0), ErrCorrupt)
	})
	t.Run("a newer version is refused", func(t *testing.T) {
		bad := append([]byte(nil), good...)
		binary.LittleEndian.PutUint32(bad[8:], formatVersion+1)
		binary.LittleEndian.PutUint32(bad[52:], castagnoli(bad[:52]))
		refused(t, bad, ErrVersion)
	})
	t.Run("other dimensions are refused", func(t *testing.T) {
		require.NoError(t, os.WriteFile(path, good, 0o644))
		other := cfg
		other.Dims = 6
		_, err := open(other)
		require.ErrorIs(t, err, dense.ErrDimension)
		require.ErrorContains(t, err, "5")
		require.ErrorContains(t, err, "6")
	})
	t.Run("a missing file is noticed", func(t *testing.T) {
		first := vectorFiles(t, cfg.Dir)[0]
		require.NoError(t, os.Rename(first, first+".bak"))
		_, err := open(cfg)
		require.ErrorIs(t, err, ErrCorrupt)
		require.NoError(t, os.Rename(first+".bak", first))
	})
	t.Run("a second index on the directory is refused", func(t *testing.T) {
		s := openTest(t, cfg)
		_, err := open(cfg)
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.NoError(t, s.chain.Close())
	})
	t.Run("what a crash left is removed", func(t *testing.T) {
		tmp := filepath.Join(cfg.Dir, fileName(3, 3)+tmpExt)
		covered := filepath.Join(cfg.Dir, fileName(2, 2))
		require.NoError(t, os.WriteFile(tmp, good[:20], 0o644))
		s := openTest(t, cfg)
		require.NoError(t, s.flush(context.Background()))
		require.NoError(t, s.chain.Merge(context.Background()))
		want := s.vectors
		require.NoError(t, s.chain.Close())
		require.NoFileExists(t, tmp)
		require.NoFileExists(t, covered)
		require.NoError(t, os.WriteFile(covered, good, 0o644))
		s = openTest(t, cfg)
		require.Equal(t, want, s.vectors)
		require.NoFileExists(t, covered)
		require.NoError(t, s.chain.Close())
	})
}

// TestReadsTheFirstVersion opens files that were written before vectors had slots and digests, reads them where
// they lie and writes them anew.
func TestReadsTheFirstVersion(t *testing.T) {
	cfg := testConfig(t, 3)
	cfg.Keep = true
	require.NoError(t, os.CopyFS(cfg.Dir, os.DirFS("testdata/v1")))
	s := openTest(t, cfg)
	require.Len(t, s.vectors, 129)
	require.Equal(t, uint64(9), s.chain.Index())
	require.Equal(t, uint64(200), s.vectors["doc0"].Version)
	require.InDeltaSlice(t, []float32{0.6, 0.8, 0}, s.vectors["doc0"].Values, 1e-6)
	v := s.vectors["doc7"]
	require.Equal(t, uint16(api.SlotOf("doc7")), v.Slot)
	require.Zero(t, v.Digest)
	require.Equal(t, []api.Value{
		{Field: "n", Ints: []int64{7, -1}}, {Field: "price", Floats: []float64{0.5}},
		{Field: "tag", Strings: []string{"a", "東京"}},
	}, v.Attributes)
	s.mutate(rand.New(rand.NewPCG(8, 8)), 200)
	require.NoError(t, s.flush(context.Background()))
	require.NoError(t, s.chain.Merge(context.Background()))
	require.Len(t, vectorFiles(t, cfg.Dir), 1)
	want := s.vectors
	require.NoError(t, s.chain.Close())
	s = openTest(t, cfg)
	require.Equal(t, want, s.vectors)
	require.NoError(t, s.chain.Close())
}

// TestReadsTheSecondVersion opens files as they were when version 2 came.
func TestReadsTheSecondVersion(t *testing.T) {
	cfg := testConfig(t, 3)
	require.NoError(t, os.CopyFS(cfg.Dir, os.DirFS("testdata/v2")))
	s := openTest(t, cfg)
	require.Len(t, s.vectors, 128)
	require.Equal(t, uint64(21), s.chain.Index())
	require.NotContains(t, s.vectors, "doc5")
	v := s.vectors["doc7"]
	require.Equal(t, uint64(8), v.Version)
	require.Equal(t, uint16(77), v.Slot)
	require.Equal(t, [16]byte{0: 1, 15: 8}, v.Digest)
	require.Len(t, v.Attributes, 3)
	unit, err := dense.Normalize([]float32{1, 2, 7})
	require.NoError(t, err)
	require.Equal(t, unit, v.Values)
	require.NoError(t, s.chain.Close())
}
