package blob_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/blob"
	"sagasu/internal/blob/blobtest"
)

func openDir(t *testing.T) (*blob.Dir, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := blob.OpenDir(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, dir
}

func TestDir(t *testing.T) {
	s, dir := openDir(t)
	blobtest.Conform(t, s)

	t.Run("leaves nothing half written", func(t *testing.T) {
		left, err := os.ReadDir(filepath.Join(dir, blob.TempPrefix))
		require.NoError(t, err)
		require.Empty(t, left)
	})

	t.Run("needs a directory", func(t *testing.T) {
		_, err := blob.OpenDir(filepath.Join(dir, "absent"))
		require.ErrorIs(t, err, blob.ErrNotFound)
		file := filepath.Join(dir, "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err = blob.OpenDir(file)
		require.ErrorIs(t, err, blob.ErrConfig)
	})

	t.Run("does not follow links out", func(t *testing.T) {
		outside := t.TempDir()
		secret := filepath.Join(outside, "secret")
		require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
		require.NoError(t, os.Symlink(secret, filepath.Join(dir, "link")))
		require.NoError(t, os.Symlink(outside, filepath.Join(dir, "way")))
		for _, name := range []string{"link", "way/secret"} {
			_, _, err := s.Get(t.Context(), name)
			require.Error(t, err)
		}
		require.Error(t, s.Put(t.Context(), "way/new", blob.Bytes(nil), blob.ContentOf(nil)))
		require.NoFileExists(t, filepath.Join(outside, "new"))
		require.NoError(t, s.List(t.Context(), "", func(info blob.Info) error {
			require.NotContains(t, info.Name, "secret")
			return nil
		}))
	})

	t.Run("takes no directory for an object", func(t *testing.T) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
		_, _, err := s.Get(t.Context(), "folder")
		require.ErrorIs(t, err, blob.ErrNotFound)
		_, err = s.Stat(t.Context(), "folder")
		require.ErrorIs(t, err, blob.ErrNotFound)
	})
}
