package coordinator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/state"
)

// backup is a node's, or a cluster's, repository in a directory.
type backup struct {
	t   *testing.T
	dir string
}

func newBackup(t *testing.T) *backup { return &backup{t: t, dir: t.TempDir()} }

func (b *backup) config(cfg *Config) { cfg.SnapshotDirs = []string{b.dir} }

// open opens a node on its own that may use the repository.
func (b *backup) open(dir string) *Node {
	b.t.Helper()
	cfg := testConfig(dir)
	b.config(&cfg)
	n, err := Open(testContext(b.t), cfg)
	require.NoError(b.t, err)
	return n
}

func (b *backup) put(n *Node) {
	b.t.Helper()
	awaitLevel(b.t, n)
	_, err := n.PutRepository(testContext(b.t), api.RepositoryRequest{
		Repository: api.Repository{Name: "r", Kind: "dir", Path: b.dir},
	})
	require.NoError(b.t, err)
}

func (b *backup) putReadOnly(n *Node) {
	b.t.Helper()
	awaitLevel(b.t, n)
	_, err := n.PutRepository(testContext(b.t), api.RepositoryRequest{
		Repository: api.Repository{Name: "r", Kind: "dir", Path: b.dir, ReadOnly: true},
	})
	require.NoError(b.t, err)
}

func awaitLevel(t *testing.T, n *Node) {
	t.Helper()
	awaitView(t, n, "the feature level", func(v *state.View) bool { return v.FeatureLevel() >= state.LevelOperations })
}

func awaitView(t *testing.T, n *Node, what string, is func(*state.View) bool) {
	t.Helper()
	for ctx := testContext(t); ; {
		changed := n.meta.Changed()
		if is(n.meta.View()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.Fail(t, "never happened: "+what, "%+v", n.meta.View().Operations())
		}
	}
}

// take takes a snapshot of everything.
func (b *backup) take(n *Node) string {
	b.t.Helper()
	s, err := n.CreateSnapshot(testContext(b.t), api.SnapshotRequest{Repository: "r"})
	require.NoError(b.t, err)
	awaitView(b.t, n, "the snapshot ends", func(v *state.View) bool {
		r, ok := v.Snapshot(s.ID)
		return ok && r.State != state.SnapshotRunning
	})
	r, _ := n.meta.View().Snapshot(s.ID)
	require.Equal(b.t, state.SnapshotDone, r.State, r.Error)
	return s.ID
}

// restore restores and waits for the end, which is to be done.
func (b *backup) restore(n *Node, id string, req api.RestoreRequest) {
	b.t.Helper()
	for _, o := range b.restoreTo(n, id, req) {
		require.Equal(b.t, state.OperationDone, o.State, o.Error)
	}
}

func (b *backup) restoreTo(n *Node, id string, req api.RestoreRequest) (ended []state.Operation) {
	b.t.Helper()
	req.Repository = "r"
	plans, err := n.RestoreSnapshot(testContext(b.t), id, req)
	require.NoError(b.t, err)
	for _, p := range plans {
		awaitView(b.t, n, "restore ends", func(v *state.View) bool {
			o, ok := v.Operation(p.Operation)
			return ok && o.State.Ended()
		})
		o, _ := n.meta.View().Operation(p.Operation)
		ended = append(ended, o)
	}
	return ended
}

// top gives the best hits of a query with their scores.
func top(t *testing.T, n *Node, index, query string) string {
	t.Helper()
	schema, err := n.Schema(index)
	require.NoError(t, err)
	req, err := api.ParseSearchRequest(schema, fmt.Appendf(nil, `{"query":%q,"size":10}`, query))
	require.NoError(t, err)
	res, err := n.Search(testContext(t), index, req)
	require.NoError(t, err)
	require.Empty(t, res.Degraded)
	out := fmt.Sprint(res.Total.Value)
	for _, h := range res.Hits {
		out += fmt.Sprintf(" %s:%v:%s", h.ID, h.Score, h.Source)
	}
	return out
}

func TestSnapshotAndRestore(t *testing.T) {
	b := newBackup(t)
	dir := t.TempDir()
	n := b.open(dir)
	defer func() { require.NoError(t, n.Close()) }()
	b.put(n)
	createIndex(t, n, "papers")
	for i := range 50 {
		writeText(t, n, "papers", fmt.Sprint("d", i), fmt.Sprintf("earthquake number%d wave%d", i, i%7))
	}
	require.NoError(t, n.PutAlias(testContext(t), "latest", "papers"))
	id := b.take(n)
	writeText(t, n, "papers", "later", "earthquake")
	queries := []string{"earthquake", "wave3", "number7", "earthquake wave1"}

	t.Run("under another name", func(t *testing.T) {
		b.restore(n, id, api.RestoreRequest{Index: "papers", As: "copy"})
		count, err := n.Count(testContext(t), "copy", nil)
		require.NoError(t, err)
		require.Equal(t, 50, count)
		writeText(t, n, "copy", "later", "earthquake")
		for _, q := range queries {
			require.Equal(t, top(t, n, "papers", q), top(t, n, "copy", q))
		}
	})

	t.Run("outlives restarts", func(t *testing.T) {
		want := top(t, n, "copy", "wave3")
		for range 2 {
			require.NoError(t, n.Close())
			n = b.open(dir)
			require.Equal(t, want, top(t, n, "copy", "wave3"))
		}
	})

	t.Run("in the place of what was deleted", func(t *testing.T) {
		require.NoError(t, n.DeleteIndex(testContext(t), "papers"))
		b.restore(n, id, api.RestoreRequest{Aliases: true})
		count, err := n.Count(testContext(t), "latest", nil)
		require.NoError(t, err)
		require.Equal(t, 50, count)
	})

	t.Run("into another cluster", func(t *testing.T) {
		other := b.open(t.TempDir())
		defer func() { require.NoError(t, other.Close()) }()
		b.putReadOnly(other)
		list, err := other.Snapshots(testContext(t), "r")
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.EqualValues(t, 50, list[0].Documents)
		b.restore(other, id, api.RestoreRequest{})
		for _, q := range queries {
			require.Equal(t, top(t, n, "papers", q), top(t, other, "papers", q))
		}
		_, err = other.CreateSnapshot(testContext(t), api.SnapshotRequest{Repository: "r"})
		require.ErrorContains(t, err, "read-only")
	})

	t.Run("is refused where it can't be", func(t *testing.T) {
		for name, req := range map[string]api.RestoreRequest{
			"name is taken":            {Index: "papers"},
			"number of shards":         {Index: "papers", As: "x", Shards: 3},
			"no such index":            {Index: "absent"},
			"no such repository":       {Index: "papers", As: "x", Repository: "absent"},
			"as without an index":      {As: "x"},
			"a name that can't be one": {Index: "papers", As: "../x"},
			"too many replicas":        {Index: "papers", As: "x", Replicas: 99},
		} {
			before := n.meta.View().Version()
			_, err := n.RestoreSnapshot(testContext(t), id, req)
			require.Error(t, err, name)
			require.Equal(t, before, n.meta.View().Version(), name)
		}
		_, err := n.RestoreSnapshot(testContext(t), "absent", api.RestoreRequest{})
		require.ErrorContains(t, err, "absent")
		plans, err := n.RestoreSnapshot(testContext(t), id, api.RestoreRequest{Index: "papers", As: "x", DryRun: true})
		require.NoError(t, err)
		require.EqualValues(t, 50, plans[0].Documents)
		_, err = n.Schema("x")
		require.ErrorIs(t, err, api.ErrIndexNotFound)
	})

	t.Run("verification finds what was changed", func(t *testing.T) {
		verify := func(want state.OperationState) state.Operation {
			o, err := n.VerifySnapshot(testContext(t), id, "", true)
			require.NoError(t, err)
			awaitView(t, n, "it ends", func(v *state.View) bool { s, _ := v.Operation(o.ID); return s.State.Ended() })
			got, _ := n.meta.View().Operation(o.ID)
			require.Equal(t, want, got.State, got.Error)
			return got
		}
		verify(state.OperationDone)
		object := largest(t, filepath.Join(b.dir, "blobs"))
		data, err := os.ReadFile(object)
		require.NoError(t, err)
		data[len(data)/2] ^= 1
		require.NoError(t, os.WriteFile(object, data, 0o600))
		require.Contains(t, verify(state.OperationFailed).Error, filepath.Base(object))

		ended := b.restoreTo(n, id, api.RestoreRequest{Index: "papers", As: "damaged"})
		require.Equal(t, state.OperationFailed, ended[0].State)
		require.Contains(t, ended[0].Error, "checksum")
		_, err = n.Schema("damaged")
		require.ErrorIs(t, err, api.ErrIndexNotFound)
		awaitDirs(t, n, 2)
	})
}

// awaitDirs waits until the node has files of so many shards.
func awaitDirs(t *testing.T, n *Node, want int) {
	t.Helper()
	for ctx := testContext(t); ; {
		entries, err := os.ReadDir(filepath.Join(n.cfg.DataDir, indexesDir))
		require.NoError(t, err)
		shards := 0
		for _, e := range entries {
			if e.Name() != "transfers" {
				shards++
			}
		}
		if shards == want {
			return
		}
		select {
		case <-n.cfg.After(loopEvery / 20):
		case <-ctx.Done():
			require.Equal(t, want, shards)
		}
	}
}

func largest(t *testing.T, dir string) (path string) {
	t.Helper()
	size := int64(-1)
	require.NoError(t, filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Size() > size {
			path, size = p, info.Size()
		}
		return err
	}))
	return path
}

// TestRestoreIsBrokenOff closes the node while it fetches files: the index is not to be found, and when the node is back
// the restore is completed.
func TestRestoreIsBrokenOff(t *testing.T) {
	b := newBackup(t)
	dir := t.TempDir()
	n := b.open(dir)
	b.put(n)
	createIndex(t, n, "papers")
	writeText(t, n, "papers", "a", "earthquake")
	id := b.take(n)
	// The store loses its blobs for a while.
	hidden := filepath.Join(b.dir, "hidden")
	require.NoError(t, os.Rename(filepath.Join(b.dir, "repository"), hidden))
	moved := filepath.Join(filepath.Dir(b.dir), "moved")
	plans, err := func() ([]api.RestorePlan, error) {
		defer func() { require.NoError(t, os.Rename(b.dir, moved)) }()
		return n.RestoreSnapshot(testContext(t), id, api.RestoreRequest{Index: "papers", As: "copy"})
	}()
	require.NoError(t, err)
	_, err = n.Schema("copy")
	require.ErrorIs(t, err, api.ErrIndexNotFound)
	infos, err := n.ListIndexes(testContext(t))
	require.NoError(t, err)
	require.Len(t, infos, 1, "what is being restored is not listed")
	require.NoError(t, n.Close())
	require.NoError(t, os.Rename(moved, b.dir))
	n = b.open(dir)
	defer func() { require.NoError(t, n.Close()) }()
	awaitView(t, n, "it ends", func(v *state.View) bool { o, _ := v.Operation(plans[0].Operation); return o.State.Ended() })
	o, _ := n.meta.View().Operation(plans[0].Operation)
	if o.State == state.OperationFailed {
		// It was found that the directory is gone before the node was closed.
		require.Contains(t, o.Error, "no such file")
		b.restore(n, id, api.RestoreRequest{Index: "papers", As: "copy"})
	}
	count, err := n.Count(context.Background(), "copy", nil)
	require.NoError(t, err)
	require.Equal(t, 1, count)
}

func TestRestoreInACluster(t *testing.T) {
	b := newBackup(t)
	c := newClusterOf(t, b.config, "a", "b", "c")
	n := c.nodes["a"]
	b.put(n)
	_, err := n.CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Shards: 3, Replicas: 2})
	require.NoError(t, err)
	c.write("b", "papers", 0, 200)
	id := b.take(n)
	b.restore(c.nodes["c"], id, api.RestoreRequest{Index: "papers", As: "copy", Replicas: 3})
	for _, node := range c.nodes {
		awaitView(t, node, "the index is known", func(v *state.View) bool { _, ok := v.Resolve("copy"); return ok })
		for _, q := range []string{"earthquake", "number17", "earthquake number3"} {
			require.Equal(t, top(t, n, "papers", q), top(t, node, "copy", q))
		}
	}
	t.Run("every shard gets its copies", func(t *testing.T) {
		c.await("all are members", func() bool {
			shards, err := n.Shards(testContext(t), "copy")
			require.NoError(t, err)
			for _, s := range shards {
				if len(s.Replicas) != 3 {
					return false
				}
				for _, r := range s.Replicas {
					if r.State != "leader" && r.State != "follower" {
						return false
					}
				}
			}
			return len(shards) == 3
		})
	})
}
