package vfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLink(t *testing.T) {
	refuse := func(code syscall.Errno) func(from, to string) error {
		return func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: code} }
	}
	for name, test := range map[string]struct {
		link func(from, to string) error
		same bool
	}{
		"links":                         {OS().Link, true},
		"copies to another device":      {func(a, b string) error { return linkOrCopy(refuse(syscall.EXDEV), a, b) }, false},
		"copies where links are barred": {func(a, b string) error { return linkOrCopy(refuse(syscall.EPERM), a, b) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
			require.NoError(t, os.WriteFile(from, []byte("content"), 0o600))
			require.NoError(t, test.link(from, to))
			a, err := os.Stat(from)
			require.NoError(t, err)
			b, err := os.Stat(to)
			require.NoError(t, err)
			require.Equal(t, test.same, os.SameFile(a, b))
			require.NoError(t, os.Remove(from))
			data, err := os.ReadFile(to)
			require.NoError(t, err)
			require.Equal(t, "content", string(data))

			require.NoError(t, os.WriteFile(from, []byte("other"), 0o600))
			require.ErrorIs(t, test.link(from, to), fs.ErrExist)
			require.ErrorIs(t, test.link(filepath.Join(dir, "missing"), filepath.Join(dir, "new")), fs.ErrNotExist)
			require.NoFileExists(t, filepath.Join(dir, "new"))
			data, err = os.ReadFile(to)
			require.NoError(t, err)
			require.Equal(t, "content", string(data))
		})
	}
	t.Run("other errors are not hidden by a copy", func(t *testing.T) {
		dir := t.TempDir()
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		require.NoError(t, os.WriteFile(from, nil, 0o600))
		require.ErrorIs(t, linkOrCopy(refuse(syscall.ENOSPC), from, to), syscall.ENOSPC)
		require.NoFileExists(t, to)
	})
	t.Run("a copy that fails leaves nothing", func(t *testing.T) {
		dir := t.TempDir()
		// A directory opens, but does not read.
		require.Error(t, copyFile(dir, filepath.Join(dir, "to")))
		require.NoFileExists(t, filepath.Join(dir, "to"))
	})
}
