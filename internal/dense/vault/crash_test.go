package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs"
)

var errCrash = errors.New("the machine has stopped")

// crashFS does no more than a number of changes, as if the machine had stopped there, and can then lose what was
// not made durable.
type crashFS struct {
	vfs.FS
	t *testing.T
	// left counts the changes that are still done.
	left int
	// unsynced are the files whose content is not durable, by path.
	unsynced map[string]bool
	// undo takes back the changes of directories that are not durable, in reverse.
	undo []func()
	// spare is where removed files are kept, kept how many.
	spare string
	kept  int
}

func newCrashFS(t *testing.T) *crashFS {
	return &crashFS{FS: vfs.OS(), t: t, left: 1 << 30, unsynced: map[string]bool{}, spare: t.TempDir()}
}

func (c *crashFS) step() error {
	if c.left == 0 {
		return errCrash
	}
	c.left--
	return nil
}

// keep gives a second name of what is at a path, "" if nothing is.
func (c *crashFS) keep(path string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	c.kept++
	name := filepath.Join(c.spare, fmt.Sprint(c.kept))
	require.NoError(c.t, os.Link(path, name))
	return name
}

// restore has undo put back what was at a path.
func (c *crashFS) restore(path, name string) {
	c.undo = append(c.undo, func() {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			require.NoError(c.t, err)
		}
		if name != "" {
			require.NoError(c.t, os.Link(name, path))
		}
	})
}

func (c *crashFS) Create(path string) (vfs.File, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	f, err := c.FS.Create(path)
	c.unsynced[path] = true
	return crashFile{f, c, path}, err
}

func (c *crashFS) Rename(from, to string) error {
	if err := c.step(); err != nil {
		return err
	}
	c.restore(to, c.keep(to))
	c.restore(from, c.keep(from))
	if c.unsynced[from] {
		delete(c.unsynced, from)
		c.unsynced[to] = true
	}
	return c.FS.Rename(from, to)
}

func (c *crashFS) Remove(path string) error {
	if err := c.step(); err != nil {
		return err
	}
	c.restore(path, c.keep(path))
	return c.FS.Remove(path)
}

func (c *crashFS) SyncDir(dir string) error {
	if err := c.step(); err != nil {
		return err
	}
	c.undo = nil
	return nil
}

type crashFile struct {
	vfs.File
	fs   *crashFS
	path string
}

func (f crashFile) Write(data []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		return 0, err
	}
	return f.File.Write(data)
}

func (f crashFile) Sync() error {
	if err := f.fs.step(); err != nil {
		return err
	}
	delete(f.fs.unsynced, f.path)
	// The machine does not really stop, so nothing has to be waited for.
	return nil
}

// lose loses what a policy allows to be lost.
func (c *crashFS) lose(policy string) {
	if policy == "nothing" {
		return
	}
	if policy == "directories" || policy == "everything" {
		for i := len(c.undo) - 1; i >= 0; i-- {
			c.undo[i]()
		}
	}
	for path := range c.unsynced {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || policy == "directories" {
			continue
		}
		require.NoError(c.t, err)
		size := int64(0)
		if policy == "tails" {
			size = info.Size() / 2
		}
		require.NoError(c.t, os.Truncate(path, size))
	}
}

// TestCrash stops the machine after every number of changes to the file system: what was flushed is there, and
// what is there is the state of one index.
func TestCrash(t *testing.T) {
	for _, policy := range []string{"nothing", "directories", "tails", "everything"} {
		t.Run("losing "+policy, func(t *testing.T) {
			for steps, finished := 0, false; !finished; steps++ {
				require.Less(t, steps, 200)
				finished = crash(t, steps, policy)
			}
		})
	}
}

// crash runs flushes and merges until that many changes are done; it reports whether all fit in.
func crash(t *testing.T, steps int, policy string) (finished bool) {
	t.Helper()
	ctx, rng, m := context.Background(), rand.New(rand.NewPCG(5, 5)), newModel(3)
	cfg, disk := testConfig(t, 3), newCrashFS(t)
	cfg.FS = disk
	disk.left = steps
	was, durable := map[uint64]*model{0: m.clone()}, uint64(0)
	x := openTest(t, cfg)
	finished = true
	// Small and large flushes, so that some are merged and some are not; a failed one is followed by others.
	for _, changes := range []int{200, 10, 70, 0, 250, 3, 90} {
		vs, keys := m.mutate(rng, changes)
		require.NoError(t, x.Apply(m.index, vs, keys))
		was[m.index] = m.clone()
		index, err := x.Flush(ctx)
		if err != nil {
			require.ErrorIs(t, err, errCrash)
			finished = false
		}
		require.GreaterOrEqual(t, index, durable)
		durable = index
		if err := x.chain.Merge(ctx); err != nil {
			require.ErrorIs(t, err, errCrash)
			finished = false
		}
	}
	m.equal(t, x)
	require.NoError(t, x.Close())
	disk.lose(policy)

	cfg.FS = vfs.OS()
	x = openTest(t, cfg)
	require.GreaterOrEqual(t, x.DurableIndex(), durable)
	m = was[x.DurableIndex()].clone()
	m.equal(t, x)
	// It goes on from there.
	vs, keys := m.mutate(rng, 50)
	require.NoError(t, x.Apply(m.index, vs, keys))
	_, err := x.Flush(ctx)
	require.NoError(t, err)
	require.NoError(t, x.chain.Merge(ctx))
	require.NoError(t, x.Close())
	x = openTest(t, cfg)
	m.equal(t, x)
	require.NoError(t, x.Close())
	return finished
}
