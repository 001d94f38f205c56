package vectorfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs"
	"sagasu/internal/vfs/vfstest"
)

func unpaced(int) error { return nil }

func TestVerify(t *testing.T) {
	ctx, cfg := context.Background(), written(t)
	paths := vectorFiles(t, cfg.Dir)
	good, err := os.ReadFile(paths[1])
	require.NoError(t, err)
	s := openTest(t, cfg)
	defer func() { require.NoError(t, s.chain.Close()) }()

	t.Run("what is whole passes, and all of it is paced", func(t *testing.T) {
		size, read := 0, 0
		for _, path := range paths {
			info, err := os.Stat(path)
			require.NoError(t, err)
			size += int(info.Size())
		}
		count := func(n int) error { read += n; return nil }
		require.NoError(t, s.chain.Verify(ctx, count))
		require.Equal(t, size, read)
		index, err := VerifyDir(ctx, cfg.FS, cfg.Dir, count)
		require.NoError(t, err)
		require.Equal(t, s.chain.Index(), index)
		require.Equal(t, 2*size, read)
	})
	t.Run("every flipped bit is noticed", func(t *testing.T) {
		copied := filepath.Join(t.TempDir(), filepath.Base(paths[1]))
		for i := range good {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << (i % 8)
			require.NoError(t, os.WriteFile(copied, bad, 0o600))
			err := VerifyFile(ctx, cfg.FS, copied, unpaced)
			require.ErrorIs(t, err, ErrCorrupt)
			require.ErrorContains(t, err, copied)
		}
	})
	t.Run("also in use", func(t *testing.T) {
		vfstest.Flip(t, paths[0])
		require.ErrorIs(t, s.chain.Verify(ctx, unpaced), ErrCorrupt)
		_, err := VerifyDir(ctx, cfg.FS, cfg.Dir, unpaced)
		require.ErrorIs(t, err, ErrCorrupt)
		vfstest.Flip(t, paths[0])
		require.NoError(t, s.chain.Verify(ctx, unpaced))
	})
	t.Run("a file that is gone, or another's, is noticed", func(t *testing.T) {
		require.NoError(t, os.Rename(paths[0], paths[0]+".bak"))
		require.ErrorIs(t, s.chain.Verify(ctx, unpaced), ErrCorrupt)
		_, err := VerifyDir(ctx, cfg.FS, cfg.Dir, unpaced)
		require.ErrorIs(t, err, ErrCorrupt)
		require.NoError(t, os.WriteFile(paths[0], good, 0o600))
		_, err = VerifyDir(ctx, cfg.FS, cfg.Dir, unpaced)
		require.ErrorIs(t, err, ErrCorrupt)
		require.NoError(t, os.Rename(paths[0]+".bak", paths[0]))
	})
	t.Run("a directory without files is at 0, one that is not there is told", func(t *testing.T) {
		index, err := VerifyDir(ctx, vfs.OS(), t.TempDir(), unpaced)
		require.NoError(t, err)
		require.Zero(t, index)
		_, err = VerifyDir(ctx, vfs.OS(), filepath.Join(t.TempDir(), "none"), unpaced)
		require.Error(t, err)
	})
	t.Run("the pace and the context end it", func(t *testing.T) {
		stop := errors.New("stop")
		require.ErrorIs(t, s.chain.Verify(ctx, func(int) error { return stop }), stop)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, s.chain.Verify(ended, unpaced), context.Canceled)
	})
}
