package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/internal/consensus/boltstore"
	"sagasu/internal/dense/vectorfile"
	"sagasu/internal/vfs"
	"sagasu/internal/vfs/vfstest"
	"sagasu/sparse"
)

// twins are the directories of two replicas that are alike, closed.
type twins struct {
	t           *testing.T
	here, there string
	documents   int
	hash        uint64
	// fetches counts how often the one there was asked for its files.
	fetches int
}

// newTwins makes both of some documents with vectors; the log begins behind the first ones if it is cut.
func newTwins(t *testing.T, cut bool) *twins {
	w := &twins{t: t, here: t.TempDir(), there: t.TempDir()}
	r := openReplica(t, w.config(w.here))
	for round := range 3 {
		var writes []api.Write
		for i := range 20 {
			writes = append(writes, put(fmt.Sprint("d", 20*round+i), fmt.Sprintf("warning number%d", 20*round+i)))
		}
		waitDense(t, r, mustWrite(t, r, append(writes, remove("d7"))...))
		flush(t, r)
	}
	if cut {
		require.NoError(t, r.group.Snapshot(testContext(t)))
	}
	flush(t, r)
	w.hash = r.sparse.Hash()
	var err error
	w.documents, err = r.Count(testContext(t), nil)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.NoError(t, os.CopyFS(w.there, os.DirFS(w.here)))
	return w
}

func (w *twins) config(dir string) Config {
	cfg := testConfig(dir, denseSchema())
	cfg.Embedder = serve(&scriptedEmbedder{})
	cfg.SnapshotEvery = 1000
	cfg.Fetch = w.fetch
	return cfg
}

// fetch is what brings the files of the replica there.
func (w *twins) fetch(ctx context.Context, from, into string) (uint64, error) {
	w.fetches++
	if from != "there" {
		return 0, errors.New("no such node")
	}
	r, err := Open(w.config(w.there))
	if err != nil {
		return 0, err
	}
	dir := filepath.Join(w.t.TempDir(), "checkpoint")
	index, err := r.Checkpoint(ctx, dir)
	if err == nil {
		err = os.CopyFS(into, os.DirFS(dir))
	}
	return index, errors.Join(err, r.Close())
}

// requireWhole holds what a replica has to what it must have.
func (w *twins) requireWhole(r *Replica) {
	w.t.Helper()
	n, err := r.Count(testContext(w.t), nil)
	require.NoError(w.t, err)
	require.Equal(w.t, w.documents, n)
	require.Equal(w.t, w.hash, r.sparse.Hash())
	require.Equal(w.t, []string{"d3"}, find(w.t, r, "number3"))
	require.Empty(w.t, find(w.t, r, "number7"))
	require.NoError(w.t, r.WaitDense(testContext(w.t), r.machine.version.Load()))
	require.Len(w.t, nearest(w.t, r, "warning", 200, nil), w.documents)
}

// theFile gives the only or the first file that matches in the directory here.
func (w *twins) theFile(pattern string) string {
	files, err := filepath.Glob(filepath.Join(w.here, pattern))
	require.NoError(w.t, err)
	require.NotEmpty(w.t, files, pattern)
	return files[0]
}

func TestRepair(t *testing.T) {
	flipped := func(pattern string) func(w *twins) {
		return func(w *twins) { vfstest.Flip(t, w.theFile(pattern)) }
	}
	gone := func(pattern string) func(w *twins) {
		return func(w *twins) { require.NoError(t, os.RemoveAll(w.theFile(pattern))) }
	}
	for name, c := range map[string]struct {
		damage func(w *twins)
		// kept are the damaged files that must still be there afterwards.
		kept string
	}{
		"a bit of a segment":      {flipped("sparse/*.seg"), "sparse/*.seg"},
		"a bit of a manifest":     {flipped("sparse/MANIFEST"), "sparse/MANIFEST"},
		"a bit of vectors":        {flipped("dense/*.flat"), "dense/*.flat"},
		"a segment that is gone":  {gone("sparse/*.seg"), ""},
		"a manifest that is gone": {gone("sparse/MANIFEST"), ""},
		"an index that is gone":   {gone("sparse"), ""},
		"vectors that are gone":   {gone("dense"), ""},
		"an older manifest": {func(w *twins) {
			x := w.config(t.TempDir())
			r := openReplica(t, x)
			mustWrite(t, r, put("d1", "old"))
			flush(t, r)
			require.NoError(t, r.Close())
			require.NoError(t, os.RemoveAll(filepath.Join(w.here, "sparse")))
			require.NoError(t, os.CopyFS(filepath.Join(w.here, "sparse"), os.DirFS(filepath.Join(x.Dir, "sparse"))))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwins(t, true)
			c.damage(w)
			cfg := w.config(w.here)
			_, err := Open(cfg)
			require.Error(t, err)
			require.True(t, Damaged(err), "%v", err)
			require.ErrorContains(t, err, w.here)

			done, err := Repair(testContext(t), cfg, "there")
			require.NoError(t, err)
			require.Equal(t, filepath.Join(w.here, DamagedDir), done.Aside)
			require.Equal(t, 1, w.fetches)
			r := openReplica(t, cfg)
			w.requireWhole(r)
			mustWrite(t, r, put("new", "new"))
			require.NoError(t, r.Close()) // waits for what sifts the damaged files
			require.NoDirExists(t, filepath.Join(w.here, repairDir))
			require.NoDirExists(t, filepath.Join(w.here, repairPartial))
			if c.kept != "" {
				kept, err := filepath.Glob(filepath.Join(done.Aside, c.kept))
				require.NoError(t, err)
				require.Len(t, kept, 1, "what is damaged is kept, what is not is not")
			}
			r = openReplica(t, cfg)
			require.Equal(t, []string{"new"}, find(t, r, "new"))
			require.NoError(t, r.Close())
		})
	}
}

// The other replica may not have been told yet of what the newest snapshot of the log stands for: the log has it.
func TestRepairFromOlderFiles(t *testing.T) {
	w := newTwins(t, true)
	cfg := w.config(w.here)
	r := openReplica(t, cfg)
	for i := range 5 {
		mustWrite(t, r, put(fmt.Sprint("more", i), "more"))
	}
	require.NoError(t, r.group.Snapshot(testContext(t)))
	waitDense(t, r, mustWrite(t, r, put("last", "more")))
	hash := r.sparse.Hash()
	require.NoError(t, r.Close())
	vfstest.Flip(t, w.theFile("sparse/MANIFEST"))
	_, err := Open(cfg)
	require.True(t, Damaged(err), "%v", err)
	_, err = Repair(testContext(t), cfg, "there")
	require.NoError(t, err)
	r = openReplica(t, cfg)
	require.Len(t, find(t, r, "more"), 6)
	require.Equal(t, []string{"d3"}, find(t, r, "number3"))
	require.Equal(t, hash, r.sparse.Hash())
	require.NoError(t, r.Close())
	require.NoError(t, openReplica(t, cfg).Close())
}

func TestRepairRefuses(t *testing.T) {
	t.Run("files that are damaged too", func(t *testing.T) {
		w := newTwins(t, true)
		cfg, bad := w.config(w.here), ""
		cfg.Fetch = func(ctx context.Context, from, into string) (uint64, error) {
			index, err := w.fetch(ctx, from, into)
			vfstest.Flip(t, filepath.Join(into, bad))
			return index, err
		}
		vfstest.Flip(t, w.theFile("sparse/*.seg"))
		before := fileTree(t, w.here)
		for _, bad = range []string{"sparse/MANIFEST", "sparse/000000000001.seg", "dense/" + filepath.Base(w.theFile("dense/*"+vectorSuffix))} {
			_, err := Repair(testContext(t), cfg, "there")
			require.ErrorIs(t, err, ErrCopyDamaged, bad)
			require.ErrorContains(t, err, bad)
			require.Equal(t, before, fileTree(t, w.here), "nothing changes")
		}
		_, err := Repair(testContext(t), w.config(w.here), "there")
		require.NoError(t, err)
	})
	t.Run("a source that finds its own files damaged gives none, and fails", func(t *testing.T) {
		w := newTwins(t, true)
		r := openReplica(t, w.config(w.there))
		defer func() { require.NoError(t, r.Close()) }()
		path, err := filepath.Glob(filepath.Join(w.there, sparseDir, "*.seg"))
		require.NoError(t, err)
		vfstest.Flip(t, path[0])
		_, err = r.Checkpoint(testContext(t), filepath.Join(t.TempDir(), "c"))
		require.True(t, Damaged(err), "%v", err)
		<-r.Failed()
		require.True(t, Damaged(r.Err()))
		require.ErrorContains(t, r.Err(), filepath.Base(path[0]))
	})
	t.Run("files that the log does not follow on", func(t *testing.T) {
		w := newTwins(t, false)
		cfg := w.config(w.here)
		cfg.SnapshotEvery = 1
		r := openReplica(t, cfg)
		for range 5 {
			mustWrite(t, r, put("more", "more"))
		}
		require.NoError(t, r.group.Snapshot(testContext(t)))
		require.NoError(t, r.Close())
		vfstest.Flip(t, w.theFile("sparse/*.seg"))
		before := fileTree(t, w.here)
		_, err := Repair(testContext(t), cfg, "there")
		require.ErrorIs(t, err, consensus.ErrStateBehind)
		require.Equal(t, before, fileTree(t, w.here))
	})
	t.Run("a replica that is open", func(t *testing.T) {
		w := newTwins(t, true)
		cfg := w.config(w.here)
		r := openReplica(t, cfg)
		_, err := Repair(testContext(t), cfg, "there")
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.Zero(t, w.fetches)
		require.NoError(t, r.Close())
	})
	t.Run("a source that can't be reached", func(t *testing.T) {
		w := newTwins(t, true)
		before := fileTree(t, w.here)
		_, err := Repair(testContext(t), w.config(w.here), "nowhere")
		require.ErrorContains(t, err, "no such node")
		require.Equal(t, before, fileTree(t, w.here))
	})
}

// fileTree gives the names and sizes of the files of a directory.
func fileTree(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	tree := map[string]int64{}
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			tree[path] = info.Size()
		}
		return err
	}))
	return tree
}

var errKilled = errors.New("killed on purpose")

// killedFS does nothing more after a number of changes, as a process that is killed then.
type killedFS struct {
	vfs.FS
	left int
}

func (k *killedFS) step() error {
	if k.left <= 0 {
		return errKilled
	}
	k.left--
	return nil
}

func (k *killedFS) Create(path string) (vfs.File, error) {
	if err := k.step(); err != nil {
		return nil, err
	}
	return k.FS.Create(path)
}

func (k *killedFS) Rename(from, to string) error {
	return errors.Join(k.step(), onlyIf(k.left > 0, func() error { return k.FS.Rename(from, to) }))
}

func (k *killedFS) Remove(path string) error {
	return errors.Join(k.step(), onlyIf(k.left > 0, func() error { return k.FS.Remove(path) }))
}

func (k *killedFS) MkdirAll(path string) error {
	return errors.Join(k.step(), onlyIf(k.left > 0, func() error { return k.FS.MkdirAll(path) }))
}

func (k *killedFS) SyncDir(dir string) error {
	return errors.Join(k.step(), onlyIf(k.left > 0, func() error { return k.FS.SyncDir(dir) }))
}

func onlyIf(so bool, do func() error) error {
	if !so {
		return errKilled
	}
	return do()
}

// A repair that is killed at any step is finished, or begun anew, and what opens is whole.
func TestRepairKilled(t *testing.T) {
	w := newTwins(t, true)
	vfstest.Flip(t, w.theFile("sparse/*.seg"))
	damaged := w.here
	finished, again := 0, 0
	for steps := 0; ; steps++ {
		w.here = filepath.Join(t.TempDir(), "here")
		require.NoError(t, os.CopyFS(w.here, os.DirFS(damaged)))
		cfg := w.config(w.here)
		killed := cfg
		killed.FS = &killedFS{FS: vfs.OS(), left: steps}
		_, repairErr := Repair(testContext(t), killed, "there")
		r, err := Open(cfg)
		if err != nil {
			require.True(t, Damaged(err), "after %d steps: %v", steps, err)
			again++
			_, err = Repair(testContext(t), cfg, "there")
			require.NoError(t, err)
			r, err = Open(cfg)
		} else if repairErr != nil {
			finished++
		}
		require.NoError(t, err)
		require.NoError(t, r.Ready(testContext(t)))
		w.requireWhole(r)
		require.NoError(t, r.Close())
		kept, err := filepath.Glob(filepath.Join(w.here, DamagedDir, sparseDir, "*"+segmentSuffix))
		require.NoError(t, err)
		require.Len(t, kept, 1, "after %d steps the damaged segment is lost", steps)
		if repairErr == nil {
			break
		}
		require.ErrorIs(t, repairErr, errKilled)
	}
	require.Positive(t, finished)
	require.Positive(t, again)
}

// A replica that has lost its manifest does not come up empty: either its log has everything, or it refuses.
func TestLostManifest(t *testing.T) {
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprintf("log cut %v", cut), func(t *testing.T) {
			w := newTwins(t, cut)
			segments, err := filepath.Glob(filepath.Join(w.here, "sparse/*.seg"))
			require.NoError(t, err)
			for _, path := range segments {
				require.NoError(t, os.Rename(path, filepath.Join(w.here, "sparse/000000000001.seg")))
			}
			require.NoError(t, os.Remove(w.theFile("sparse/MANIFEST")))
			r, err := Open(w.config(w.here))
			if cut {
				require.ErrorIs(t, err, sparse.ErrCorrupt)
				require.ErrorContains(t, err, "has no manifest")
				require.FileExists(t, filepath.Join(w.here, "sparse/000000000001.seg"))
				return
			}
			require.NoError(t, err)
			require.NoError(t, r.Ready(testContext(t)))
			w.requireWhole(r)
			require.NoError(t, r.Close())
		})
	}
}

func TestRecordOfRepair(t *testing.T) {
	good := encodeRecord(77)
	index, err := decodeRecord(good)
	require.NoError(t, err)
	require.Equal(t, uint64(77), index)
	for bit := range 8 * len(good) {
		bad := append([]byte(nil), good...)
		bad[bit/8] ^= 1 << (bit % 8)
		_, err := decodeRecord(bad)
		require.ErrorIs(t, err, ErrRecord)
	}
	_, err = decodeRecord(nil)
	require.ErrorIs(t, err, ErrRecord)

	t.Run("files with a damaged one are not taken", func(t *testing.T) {
		w := newTwins(t, true)
		dir := filepath.Join(w.here, repairDir)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, sparseDir), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, repairRecord), good[1:], 0o600))
		r := openReplica(t, w.config(w.here))
		w.requireWhole(r)
		require.NoDirExists(t, dir)
		require.NoError(t, r.Close())
	})
}

func TestDamaged(t *testing.T) {
	for _, err := range []error{
		sparse.ErrCorrupt, vectorfile.ErrCorrupt, consensus.ErrStateBehind, os.ErrNotExist,
	} {
		require.True(t, Damaged(fmt.Errorf("open: %w", err)))
	}
	for _, err := range []error{
		nil, boltstore.ErrCorrupt, consensus.ErrDiverged, consensus.ErrReference, vfs.ErrLocked, sparse.ErrNewerFormat,
	} {
		require.False(t, Damaged(err), "%v", err)
	}
	t.Run("a damaged log is named, and no reason to repair", func(t *testing.T) {
		w := newTwins(t, true)
		path := filepath.Join(w.here, LogDir, boltstore.FileName)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		named := 0
		for at := 0; at < len(data); at += 997 {
			bad := append([]byte(nil), data...)
			bad[at] ^= 1
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			r, err := Open(w.config(w.here))
			if err == nil { // a page that nothing reaches, or an entry that is not read again
				require.NoError(t, r.Close())
				continue
			}
			named++
			require.False(t, Damaged(err), "%v", err)
			require.ErrorContains(t, err, w.here)
		}
		require.Positive(t, named)
	})
}
