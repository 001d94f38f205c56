package sparse

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/sparse/segment"
)

func unpaced(int) error { return nil }

// rot flips a bit in the middle of a file, in place, as a failing disk does.
func rot(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	one := make([]byte, 1)
	_, err = f.ReadAt(one, info.Size()/2)
	require.NoError(t, err)
	one[0] ^= 4
	_, err = f.WriteAt(one, info.Size()/2)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestScrub(t *testing.T) {
	start := func(t *testing.T) (*Index, string) {
		dir := t.TempDir()
		x := openTest(t, testConfig(dir, testSchema(1.2, 0.75)))
		apply(t, x, 1, put("a", "one two"), put("b", "two three"))
		flush(t, x)
		t.Cleanup(func() { _ = x.Close() })
		return x, dir
	}
	segmentOf := func(t *testing.T, dir string) string {
		names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		require.NoError(t, err)
		require.Len(t, names, 1)
		return names[0]
	}
	t.Run("an index that is whole passes, an empty one too", func(t *testing.T) {
		x, _ := start(t)
		read := 0
		require.NoError(t, x.Scrub(context.Background(), func(n int) error { read += n; return nil }))
		require.Positive(t, read)
		require.NoError(t, x.Err())
		empty := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
		require.NoError(t, empty.Scrub(context.Background(), unpaced))
		require.NoError(t, empty.Close())
	})
	t.Run("a segment that rots in use fails the index and is named", func(t *testing.T) {
		x, dir := start(t)
		path := segmentOf(t, dir)
		rot(t, path)
		err := x.Scrub(context.Background(), unpaced)
		require.ErrorIs(t, err, segment.ErrCorrupt)
		require.ErrorContains(t, err, path)
		<-x.Failed()
		require.ErrorIs(t, x.Err(), segment.ErrCorrupt)
	})
	t.Run("a manifest that rots fails the index and is named", func(t *testing.T) {
		x, dir := start(t)
		rot(t, filepath.Join(dir, manifestName))
		err := x.Scrub(context.Background(), unpaced)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, manifestName)
		require.ErrorIs(t, x.Err(), ErrCorrupt)
	})
	t.Run("being ended does no harm", func(t *testing.T) {
		x, _ := start(t)
		stop := errors.New("stop")
		require.ErrorIs(t, x.Scrub(context.Background(), func(int) error { return stop }), stop)
		require.NoError(t, x.Err())
		apply(t, x, 2, put("c", "three"))
		require.Equal(t, []string{"c", "b"}, titles(t, x, "three"))
		require.NoError(t, x.Close())
		require.ErrorIs(t, x.Scrub(context.Background(), unpaced), ErrClosed)
	})
}
