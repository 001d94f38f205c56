package replica

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/internal/vfs/vfstest"
)

// putVector makes an index operation of a document that brings its vector.
func putVector(id, text string, values ...float32) api.Write {
	w := put(id, text)
	w.Doc.Vector = values
	return w
}

// seeded opens a replica of another group with the files of a cut.
func seeded(t *testing.T, cut Cut, from string, schema api.Schema) *Replica {
	t.Helper()
	cfg := seededConfig(t, cut, from, schema)
	r := openReplica(t, cfg)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func seededConfig(t *testing.T, cut Cut, from string, schema api.Schema) Config {
	t.Helper()
	cfg := testConfig(filepath.Join(filepath.Dir(from), "restored-"+filepath.Base(from)), schema)
	cfg.Name, cfg.Shard, cfg.Node = "other", "other-0", "node"
	cfg.Founders = []string{"node"}
	require.NoError(t, os.MkdirAll(cfg.Dir, 0o700))
	done, err := Seeded(cfg)
	require.NoError(t, err)
	require.False(t, done)
	require.NoError(t, Seed(cfg, from, cut.Index))
	done, err = Seeded(cfg)
	require.NoError(t, err)
	require.True(t, done)
	require.NoDirExists(t, from)
	return cfg
}

func TestCutAndSeed(t *testing.T) {
	dir := t.TempDir()
	r := openReplica(t, testConfig(filepath.Join(dir, "r"), denseSchema()))
	defer func() { require.NoError(t, r.Close()) }()
	mustWrite(t, r, putVector("a", "earthquake warning", 1, 0, 0, 0), putVector("b", "volcano warning", 0, 1, 0, 0))
	mustWrite(t, r, put("gone", "warning"), remove("gone"))
	cut, err := r.Cut(testContext(t), filepath.Join(dir, "cut"))
	require.NoError(t, err)
	require.LessOrEqual(t, cut.Index, r.Applied())
	require.NotZero(t, cut.Index)
	require.Equal(t, 2, cut.Documents)
	mustWrite(t, r, putVector("a", "later", 0, 0, 1, 0), put("c", "later"))

	copied := seeded(t, cut, filepath.Join(dir, "cut"), denseSchema())
	require.ElementsMatch(t, []string{"a", "b"}, find(t, copied, "warning"))
	require.Empty(t, find(t, copied, "later"))
	res, err := copied.SearchDense(testContext(t), DenseRequest{Vector: []float32{1, 0, 0, 0}, K: 1})
	require.NoError(t, err)
	require.Equal(t, "a", res.Hits[0].ID)

	t.Run("the log goes on behind the cut", func(t *testing.T) {
		got := mustWrite(t, copied, putVector("d", "new", 0, 0, 0, 1))
		require.Equal(t, api.StatusCreated, got[0].Status)
		require.Greater(t, copied.Applied(), cut.Index)
		require.Equal(t, []string{"d"}, find(t, copied, "new"))
	})

	t.Run("versions go on too", func(t *testing.T) {
		before, err := copied.Fetch(testContext(t), []string{"a"})
		require.NoError(t, err)
		got := mustWrite(t, copied, put("a", "changed"))
		require.Equal(t, api.StatusUpdated, got[0].Status)
		require.Greater(t, got[0].Version, before[0].Version)
	})
}

func TestSeededReplicaRestarts(t *testing.T) {
	dir := t.TempDir()
	r := openReplica(t, testConfig(filepath.Join(dir, "r"), denseSchema()))
	mustWrite(t, r, putVector("a", "earthquake warning", 1, 0, 0, 0))
	cut, err := r.Cut(testContext(t), filepath.Join(dir, "cut"))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	cfg := seededConfig(t, cut, filepath.Join(dir, "cut"), denseSchema())
	for i := range 3 {
		copied := openReplica(t, cfg)
		require.Equal(t, []string{"a"}, find(t, copied, "earthquake"))
		mustWrite(t, copied, putVector(fmt.Sprint("n", i), "new", 0, 0, 0, 1))
		require.Len(t, find(t, copied, "new"), i+1)
		if i == 1 {
			_, err := copied.machine.Persist(testContext(t))
			require.NoError(t, err)
		}
		require.NoError(t, copied.Close())
	}
}

// Vectors of a later index than the documents would be taken for those of another document that gets the same version.
func TestCutIsOfOneIndex(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(filepath.Join(dir, "r"), denseSchema())
	cfg.FlushBytes = 4 << 10
	r := openReplica(t, cfg)
	defer func() { require.NoError(t, r.Close()) }()
	r.vectors.unflushed = 2 << 10
	mustWrite(t, r, putVector("first", "text", 1, 0, 0, 0))
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprint(w, "-", i%50)
				if _, err := write(testContext(t), r, putVector(id, fmt.Sprint("text ", i), 1, float32(i), 0, 0)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 5 {
		at := r.machine.AppliedIndex()
		cut, err := r.Cut(testContext(t), filepath.Join(dir, fmt.Sprint("cut", i)))
		require.NoError(t, err)
		require.GreaterOrEqual(t, cut.Index, at)
		copied := seeded(t, cut, filepath.Join(dir, fmt.Sprint("cut", i)), denseSchema())
		require.Equal(t, cut.Index, copied.vectors.find(0).DurableIndex())
		keys, err := copied.ListKeys(testContext(t), "", 1000)
		require.NoError(t, err)
		for _, k := range keys {
			_, _, ok := copied.vectors.find(0).Stat(k.ID)
			require.True(t, ok, "every document came with its vector")
		}
	}
	close(stop)
	writers.Wait()
}

func TestCutRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	r := openReplica(t, testConfig(filepath.Join(dir, "r"), textSchema()))
	defer func() { require.NoError(t, r.Close()) }()
	mustWrite(t, r, put("a", "earthquake warning"))
	_, err := r.machine.Persist(testContext(t))
	require.NoError(t, err)
	segments, err := filepath.Glob(filepath.Join(dir, "r", "sparse", "*.seg"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	vfstest.Flip(t, segments[0])
	_, err = r.Cut(testContext(t), filepath.Join(dir, "cut"))
	require.True(t, Damaged(err), "%v", err)
	<-r.Failed()
}

func TestCutTwiceInOneDirectory(t *testing.T) {
	dir := t.TempDir()
	r := openReplica(t, testConfig(filepath.Join(dir, "r"), textSchema()))
	defer func() { require.NoError(t, r.Close()) }()
	mustWrite(t, r, put("a", "b"))
	_, err := r.Cut(testContext(t), filepath.Join(dir, "cut"))
	require.NoError(t, err)
	_, err = r.Cut(testContext(t), filepath.Join(dir, "cut"))
	require.Error(t, err)
	there, err := vfs.HasDir(vfs.OS(), filepath.Join(dir, "cut"))
	require.NoError(t, err)
	require.True(t, there)
}
