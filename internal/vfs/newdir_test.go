package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree gives the files below a directory with their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || d.IsDir() {
			out[name+"/"] = ""
			return err
		}
		data, err := os.ReadFile(path)
		out[name] = string(data)
		return err
	}))
	return out
}

func fill(temp string) error { return os.WriteFile(filepath.Join(temp, "file"), []byte("new"), 0o600) }

func TestNewDir(t *testing.T) {
	made := map[string]string{"dir/": "", "dir/file": "new"}
	t.Run("makes a directory", func(t *testing.T) {
		root := t.TempDir()
		require.NoError(t, NewDir(OS(), filepath.Join(root, "dir")+"/", fill))
		require.Equal(t, made, tree(t, root))
	})
	t.Run("removes what a crash left of one", func(t *testing.T) {
		root := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(root, "dir"+newDirSuffix, "deeper"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, "dir"+newDirSuffix, "old"), nil, 0o600))
		require.NoError(t, NewDir(OS(), filepath.Join(root, "dir"), fill))
		require.Equal(t, made, tree(t, root))
	})
	t.Run("leaves what is there", func(t *testing.T) {
		root := t.TempDir()
		dir := filepath.Join(root, "dir")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.ErrorIs(t, NewDir(OS(), dir, fill), fs.ErrExist)
		require.Equal(t, map[string]string{"dir/": ""}, tree(t, root))
		require.Error(t, NewDir(OS(), filepath.Join(dir, "file", "below a file"), func(string) error {
			return os.ErrInvalid
		}))
	})
	t.Run("leaves nothing when filling fails", func(t *testing.T) {
		root := t.TempDir()
		broken := errors.New("broken")
		require.ErrorIs(t, NewDir(OS(), filepath.Join(root, "dir"), func(temp string) error {
			return errors.Join(fill(temp), broken)
		}), broken)
		require.Empty(t, tree(t, root))
	})
	for _, step := range []string{"make", "sync", "rename", "sync parent"} {
		t.Run("leaves nothing when it fails to "+step, func(t *testing.T) {
			root := t.TempDir()
			fsys := &brokenFS{FS: OS(), step: step, parent: root}
			require.ErrorIs(t, NewDir(fsys, filepath.Join(root, "dir"), fill), errBroken)
			require.Empty(t, tree(t, root))
		})
	}
}

var errBroken = errors.New("broken on purpose")

// brokenFS fails at one step of making a directory in parent.
type brokenFS struct {
	FS
	step, parent string
}

func (b *brokenFS) MkdirAll(path string) error {
	if b.step == "make" {
		return errBroken
	}
	return b.FS.MkdirAll(path)
}

func (b *brokenFS) Rename(from, to string) error {
	if b.step == "rename" {
		return errBroken
	}
	return b.FS.Rename(from, to)
}

func (b *brokenFS) SyncDir(dir string) error {
	if b.step == "sync" && dir != b.parent || b.step == "sync parent" && dir == b.parent {
		return errBroken
	}
	return b.FS.SyncDir(dir)
}
