package sparse

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs"
	"sagasu/internal/vfs/vfstest"
	"sagasu/sparse/segment"
)

func TestVerifyDir(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	x := openTest(t, testConfig(dir, testSchema(1.2, 0.75)))
	apply(t, x, 1, put("a", "one two"), put("b", "two three"))
	flush(t, x)
	apply(t, x, 2, put("c", "three"), put("a", "four"))
	flush(t, x)
	require.NoError(t, x.Close())
	verify := func() (uint64, error) { return VerifyDir(ctx, vfs.OS(), dir, unpaced) }

	t.Run("a whole index passes", func(t *testing.T) {
		applied, err := verify()
		require.NoError(t, err)
		require.Equal(t, uint64(2), applied)
	})
	segments, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	t.Run("damage is named", func(t *testing.T) {
		for _, path := range append(segments, filepath.Join(dir, manifestName)) {
			vfstest.Flip(t, path)
			_, err := verify()
			require.True(t, Damaged(err), "%v", err)
			require.ErrorContains(t, err, path)
			vfstest.Flip(t, path)
		}
	})
	t.Run("so is a file that is gone", func(t *testing.T) {
		require.NoError(t, os.Rename(segments[0], segments[0]+".bak"))
		_, err := verify()
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, segments[0])
		require.NoError(t, os.Rename(segments[0]+".bak", segments[0]))
	})
	t.Run("a manifest that is gone is damage", func(t *testing.T) {
		manifest := filepath.Join(dir, manifestName)
		require.NoError(t, os.Rename(manifest, manifest+".bak"))
		_, err := verify()
		require.ErrorIs(t, err, ErrCorrupt)
		require.NoError(t, os.Rename(manifest+".bak", manifest))
	})
	t.Run("an index of nothing is at 0", func(t *testing.T) {
		applied, err := VerifyDir(ctx, vfs.OS(), t.TempDir(), unpaced)
		require.NoError(t, err)
		require.Zero(t, applied)
	})
	t.Run("files can be verified one by one", func(t *testing.T) {
		manifest := filepath.Join(dir, manifestName)
		for _, path := range append(segments, manifest) {
			require.NoError(t, VerifyFile(ctx, vfs.OS(), path, unpaced))
			vfstest.Flip(t, path)
			err := VerifyFile(ctx, vfs.OS(), path, unpaced)
			require.True(t, Damaged(err), "%v", err)
			require.ErrorContains(t, err, path)
			vfstest.Flip(t, path)
		}
		require.ErrorIs(t, VerifyFile(ctx, vfs.OS(), filepath.Join(dir, lockName), unpaced), fs.ErrInvalid)
	})
	t.Run("an index that was made durable has a manifest", func(t *testing.T) {
		for at, want := range map[string]bool{dir: true, t.TempDir(): false, filepath.Join(dir, "none"): false} {
			has, err := HasManifest(vfs.OS(), at)
			require.NoError(t, err)
			require.Equal(t, want, has)
		}
	})
	t.Run("the pace ends it", func(t *testing.T) {
		stop := errors.New("stop")
		_, err := VerifyDir(ctx, vfs.OS(), dir, func(int) error { return stop })
		require.ErrorIs(t, err, stop)
		require.ErrorIs(t, segment.VerifyFile(ctx, vfs.OS(), segments[0], func(int) error { return stop }), stop)
	})
}
