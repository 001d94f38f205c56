package sparse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// at gives the configuration for opening a checkpoint.
func at(cfg Config, dir string) Config {
	cfg.FS, cfg.Dir = vfs.OS(), dir
	return cfg
}

func checkpoint(t *testing.T, x *Index, dir string) uint64 {
	t.Helper()
	applied, err := x.Checkpoint(context.Background(), dir)
	require.NoError(t, err)
	return applied
}

func TestCheckpoint(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	state := []byte("first")
	cfg.State = func() []byte { return state }
	x := openTest(t, cfg)
	defer func() { require.NoError(t, x.Close()) }()
	x.merging.Lock() // The index itself merges nothing meanwhile.
	defer x.merging.Unlock()
	apply(t, x, 1, put("a", "ant"), put("b", "ant bee"))
	flush(t, x)
	apply(t, x, 2, put("c", "ant"), api.Write{Kind: api.OpDelete, Doc: api.Document{ID: "b"}})
	flush(t, x)
	hash := x.Hash()
	state = []byte("second")
	apply(t, x, 3, put("d", "ant"), api.Write{Kind: api.OpDelete, Doc: api.Document{ID: "a"}})
	now := x.Hash()
	files, err := os.ReadDir(cfg.Dir)
	require.NoError(t, err)

	dir := filepath.Join(t.TempDir(), "made", "checkpoint")
	require.Equal(t, uint64(2), checkpoint(t, x, dir))
	t.Run("is as of the durable index", func(t *testing.T) {
		y := openTest(t, at(cfg, dir))
		defer func() { require.NoError(t, y.Close()) }()
		require.Equal(t, uint64(2), y.AppliedIndex())
		require.Equal(t, uint64(2), y.DurableIndex())
		require.Equal(t, uint64(4), y.LastVersion())
		require.Equal(t, []byte("first"), y.RecoveredState())
		require.Equal(t, hash, y.Hash())
		require.ElementsMatch(t, []string{"a", "c"}, titles(t, y, "ant"))
	})
	t.Run("changes nothing of the index", func(t *testing.T) {
		after, err := os.ReadDir(cfg.Dir)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(files), fmt.Sprint(after))
		require.Equal(t, now, x.Hash())
		require.Equal(t, uint64(2), x.DurableIndex())
	})
	t.Run("lives on its own", func(t *testing.T) {
		y := openTest(t, at(cfg, dir))
		defer func() { require.NoError(t, y.Close()) }()
		apply(t, y, 3, put("e", "ant"), api.Write{Kind: api.OpDelete, Doc: api.Document{ID: "c"}})
		flush(t, y)
		flush(t, x)
		require.ElementsMatch(t, []string{"a", "e"}, titles(t, y, "ant"))
		require.ElementsMatch(t, []string{"c", "d"}, titles(t, x, "ant"))
	})
	t.Run("is refused where something is", func(t *testing.T) {
		for _, taken := range []string{dir, t.TempDir()} {
			_, err := x.Checkpoint(context.Background(), taken)
			require.ErrorIs(t, err, fs.ErrExist)
		}
		y := openTest(t, at(cfg, dir))
		require.NoError(t, y.Close())
	})
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		dir := filepath.Join(t.TempDir(), "checkpoint")
		_, err := x.Checkpoint(ctx, dir)
		require.ErrorIs(t, err, context.Canceled)
		require.NoDirExists(t, dir)
	})
}

func TestCheckpointOfANewIndex(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	x := openTest(t, cfg)
	apply(t, x, 1, put("a", "ant"))
	dir := filepath.Join(t.TempDir(), "checkpoint")
	require.Zero(t, checkpoint(t, x, dir))
	require.NoError(t, x.Close())
	y := openTest(t, at(cfg, dir))
	require.Zero(t, y.AppliedIndex())
	require.Zero(t, y.Hash())
	require.Nil(t, y.RecoveredState())
	apply(t, y, 1, put("a", "ant"))
	require.Equal(t, []string{"a"}, titles(t, y, "ant"))
	require.NoError(t, y.Close())
	_, err := y.Checkpoint(context.Background(), dir+"2")
	require.ErrorIs(t, err, ErrClosed)
}

// TestCheckpointsUnderWrites takes checkpoints while batches are applied, flushed and merged, and holds each
// one's answers to those of the batches up to its index.
func TestCheckpointsUnderWrites(t *testing.T) {
	root := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		cfg := testConfig(fmt.Sprintf("%s/%d", root, run), testSchema(1.2, 0.75))
		cfg.FS = unsyncedFS{vfs.OS()}
		cfg.FlushBytes = rapid.SampledFrom([]int{1, 2000}).Draw(t, "flush bytes")
		x, err := Open(cfg)
		require.NoError(t, err)
		batch := rapid.SliceOfN(rapid.Custom(drawWrite), 0, 3)
		batches := rapid.SliceOfN(batch, 4, 12).Draw(t, "batches")
		var writing sync.WaitGroup
		done := make(chan struct{})
		writing.Go(func() {
			defer close(done)
			for i, writes := range batches {
				if _, err := x.Apply(Batch{Index: uint64(i + 1), Writes: writes}); err != nil {
					panic(err)
				}
			}
		})
		made := map[string]uint64{}
		for going := true; going && len(made) < 4; {
			select {
			case <-done:
				going = false
			default:
			}
			_, err := x.Flush(context.Background())
			require.NoError(t, err)
			dir := fmt.Sprintf("%s-%d", cfg.Dir, len(made))
			made[dir], err = x.Checkpoint(context.Background(), dir)
			require.NoError(t, err)
		}
		writing.Wait()
		require.NoError(t, x.Close())
		for dir, applied := range made {
			y, err := Open(at(cfg, dir))
			require.NoError(t, err)
			require.Equal(t, applied, y.AppliedIndex())
			truth := newBrute(y.fields)
			for _, writes := range batches[:applied] {
				for i := range writes {
					truth.apply(&writes[i])
				}
			}
			require.Equal(t, truth.version, y.LastVersion())
			compareAll(t, y, truth)
			require.NoError(t, y.Close())
		}
	})
}

// TestCheckpointKeepsWhatIsMergedAway merges all segments away between the first link and the second.
func TestCheckpointKeepsWhatIsMergedAway(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	hook := &hookFS{FS: vfs.OS()}
	cfg.FS = hook
	x := openTest(t, cfg)
	x.merging.Lock() // The index itself merges nothing meanwhile.
	for i := range uint64(8) {
		apply(t, x, i+1, put(fmt.Sprintf("d%d", i), "ant"))
		flush(t, x)
	}
	want := titles(t, x, "ant")
	merged := false
	hook.link = func() error {
		if merged {
			return nil
		}
		merged = true
		x.mu.Lock()
		var chosen []durableSegment
		for _, s := range x.durable.segments {
			s.part.refs.Add(1)
			chosen = append(chosen, s)
		}
		x.mu.Unlock()
		return x.merge(chosen)
	}
	dir := filepath.Join(t.TempDir(), "checkpoint")
	require.Equal(t, uint64(8), checkpoint(t, x, dir))
	require.True(t, merged)
	x.merging.Unlock()
	require.Equal(t, want, titles(t, x, "ant"))
	require.NoError(t, x.Err())
	require.NoError(t, x.Close())
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "*"+segmentSuffix))
	require.NoError(t, err)
	require.Len(t, files, 1, "what was merged away goes with the checkpoint that held it")
	y := openTest(t, at(cfg, dir))
	require.Equal(t, want, titles(t, y, "ant"))
	require.NoError(t, y.Close())
}

// hookFS calls functions before operations.
type hookFS struct {
	vfs.FS
	link   func() error
	unlock func()
}

type hookLock struct {
	io.Closer
	fs *hookFS
}

func (l hookLock) Close() error {
	if l.fs.unlock != nil {
		l.fs.unlock()
	}
	return l.Closer.Close()
}

func (h *hookFS) Lock(path string) (io.Closer, error) {
	lock, err := h.FS.Lock(path)
	return hookLock{lock, h}, err
}

func (h *hookFS) Link(from, to string) error {
	if h.link != nil {
		if err := h.link(); err != nil {
			return err
		}
	}
	return h.FS.Link(from, to)
}

func TestCloseEndsACheckpoint(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	hook := &hookFS{FS: vfs.OS()}
	cfg.FS = hook
	x := openTest(t, cfg)
	x.merging.Lock() // Two segments stay two.
	for i := range uint64(2) {
		apply(t, x, i+1, put(fmt.Sprintf("d%d", i), "ant"))
		flush(t, x)
	}
	dir := filepath.Join(t.TempDir(), "checkpoint")
	half := make(chan error, 1)
	hook.unlock = func() {
		_, err := os.Stat(dir + ".tmp")
		half <- err
	}
	closed := make(chan error, 1)
	hook.link = func() error {
		go func() { closed <- x.Close() }()
		<-x.work.quit
		x.merging.Unlock()
		return nil
	}
	_, err := x.Checkpoint(context.Background(), dir)
	require.ErrorIs(t, err, ErrClosed)
	require.NoDirExists(t, dir)
	require.NoError(t, <-closed)
	require.ErrorIs(t, <-half, fs.ErrNotExist, "the directory is let go of before the checkpoint is")
	cfg.FS = vfs.OS()
	x = openTest(t, cfg)
	require.Len(t, titles(t, x, "ant"), 2)
	require.NoError(t, x.Close())
}

// crashFS does no more than a number of changes, as if the process had stopped there.
type crashFS struct {
	vfs.FS
	left *int
}

var errCrash = errors.New("the process has stopped")

func (c crashFS) step() error {
	if *c.left == 0 {
		return errCrash
	}
	*c.left--
	return nil
}

func (c crashFS) Create(path string) (vfs.File, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	file, err := c.FS.Create(path)
	return crashFile{file, c}, err
}

func (c crashFS) Link(from, to string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.FS.Link(from, to)
}

func (c crashFS) Rename(from, to string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.FS.Rename(from, to)
}

func (c crashFS) Remove(path string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.FS.Remove(path)
}

func (c crashFS) MkdirAll(path string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.FS.MkdirAll(path)
}

func (c crashFS) SyncDir(dir string) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.FS.SyncDir(dir)
}

type crashFile struct {
	vfs.File
	fs crashFS
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
	return f.File.Sync()
}

// TestCrashDuringACheckpoint stops after every number of changes to the file system: the index is as it was,
// the checkpoint is there as a whole or not at all, and can be made again.
func TestCrashDuringACheckpoint(t *testing.T) {
	for steps, finished := 0, false; !finished; steps++ {
		require.Less(t, steps, 100)
		cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
		left := 1 << 30
		cfg.FS = crashFS{vfs.OS(), &left}
		x := openTest(t, cfg)
		for i := range uint64(3) {
			apply(t, x, i+1, put(fmt.Sprintf("d%d", i), "ant"))
			flush(t, x)
		}
		hash := x.Hash()
		left = steps
		dir := filepath.Join(t.TempDir(), "checkpoint")
		_, err := x.Checkpoint(context.Background(), dir)
		finished = err == nil
		if !finished {
			require.ErrorIs(t, err, errCrash)
		}
		require.NoError(t, x.Err())
		require.NoError(t, x.Close())

		x = openTest(t, at(cfg, cfg.Dir))
		require.Equal(t, hash, x.Hash())
		require.Equal(t, uint64(3), x.AppliedIndex())
		if _, err := os.Stat(dir); err != nil {
			checkpoint(t, x, dir)
		}
		require.NoError(t, x.Close())
		require.NoDirExists(t, dir+".tmp")
		y := openTest(t, at(cfg, dir))
		require.Equal(t, hash, y.Hash())
		require.Equal(t, uint64(3), y.AppliedIndex())
		require.NoError(t, y.Close())
	}
}
