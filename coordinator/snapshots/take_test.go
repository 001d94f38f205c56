package snapshots

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/coordinator/state"
	"sagasu/internal/blob"
	"sagasu/internal/blob/blobtest"
)

func TestTake(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.index("papers", []string{"a", "b"}, []string{"b", "a"})
	w.index("notes", []string{"b"})
	stop := w.keep()
	defer stop()
	w.begin("s1")
	s := w.awaitSnapshot("s1", state.SnapshotDone)
	require.Equal(t, []int{2, 3}, []int{s.Indexes, s.Shards})
	require.Equal(t, s.Bytes, s.NewBytes)
	require.EqualValues(t, 3*300_100, s.Bytes)
	o, _ := w.View().Operation(s.Operation)
	require.Equal(t, state.OperationDone, o.State)
	w.restore("s1", "papers")
	w.restore("s1", "notes")

	t.Run("is described by its manifest", func(t *testing.T) {
		m, sum, err := w.open().Manifest(t.Context(), "s1")
		require.NoError(t, err)
		require.Equal(t, s.Manifest, sum)
		require.Equal(t, "c1", m.Cluster)
		require.LessOrEqual(t, m.CutBeganMillis, m.CutEndedMillis)
		require.EqualValues(t, 9, m.Indexes[1].Shards[1].Applied)
		report, err := w.open().Verify(t.Context(), "s1", true)
		require.NoError(t, err)
		require.Empty(t, report.Faults)
		require.Equal(t, 3+3*2, report.Objects)
	})

	t.Run("sends only what is not there", func(t *testing.T) {
		w.nodes["b"].write("u-notes-0", "sparse/2.seg", 5_000)
		w.begin("s2", "notes")
		s := w.awaitSnapshot("s2", state.SnapshotDone)
		require.Equal(t, 1, s.Indexes)
		require.EqualValues(t, 5_000, s.NewBytes)
		require.EqualValues(t, 305_100, s.Bytes)
		w.restore("s2", "notes")
	})

	t.Run("lets go of its cuts", func(t *testing.T) {
		for _, n := range w.nodes {
			left, err := filepath.Glob(filepath.Join(n.dir, "cut-*"))
			require.NoError(t, err)
			require.Empty(t, left)
		}
	})

	t.Run("of an index that is not there fails by name", func(t *testing.T) {
		w.begin("s3", "absent")
		require.Contains(t, w.awaitSnapshot("s3", state.SnapshotFailed).Error, "absent")
	})
}

func TestDelete(t *testing.T) {
	w := newWorld(t, "a")
	w.index("papers", []string{"a"})
	stop := w.keep()
	defer stop()
	w.begin("s1")
	w.awaitSnapshot("s1", state.SnapshotDone)
	first := w.objects()
	w.nodes["a"].write("u-papers-0", "sparse/2.seg", 5_000)
	w.begin("s2")
	w.awaitSnapshot("s2", state.SnapshotDone)
	require.Equal(t, first+3, w.objects(), "a file, a list and a manifest more")
	w.apply(Drop("s1", "r", "test", time.Now()))
	w.await("s1 is deleted", func(v *state.View) bool { _, there := v.Snapshot("s1"); return !there })
	require.Equal(t, first+1, w.objects())
	w.restore("s2", "papers")
	_, _, err := w.open().Manifest(t.Context(), "s1")
	require.ErrorIs(t, err, ErrNotFound)

	t.Run("not while another manifest can't be read", func(t *testing.T) {
		path := filepath.Join(w.store, "snapshots", "broken")
		require.NoError(t, os.WriteFile(path, []byte("broken"), 0o600))
		w.begin("s3")
		w.awaitSnapshot("s3", state.SnapshotDone)
		before := w.objects()
		w.apply(Drop("s3", "r", "test", time.Now()))
		w.await("s3 can't be deleted", func(v *state.View) bool { s, _ := v.Snapshot("s3"); return s.State == state.SnapshotFailed })
		require.Equal(t, before-1, w.objects(), "only its manifest is gone")
		require.NoError(t, os.Remove(path))
		w.restore("s2", "papers")
	})
}

func TestForeignRepository(t *testing.T) {
	w := newWorld(t, "a")
	w.index("papers", []string{"a"})
	require.NoError(t, w.open().Claim(t.Context(), "other-cluster", 1, false))
	stop := w.keep()
	defer stop()
	w.begin("s1")
	require.Contains(t, w.awaitSnapshot("s1", state.SnapshotFailed).Error, "another cluster")
	require.ErrorIs(t, w.open().Claim(t.Context(), "c1", 1, false), ErrForeign)
	require.NoError(t, w.open().Claim(t.Context(), "c1", 1, true))
	w.begin("s2")
	w.awaitSnapshot("s2", state.SnapshotDone)
}

func TestCancel(t *testing.T) {
	w := newWorld(t, "a")
	w.index("papers", []string{"a"})
	faulty := newFaults(w)
	faulty.set(func(op, name string) blobtest.Fault {
		if op == "put" && strings.HasPrefix(name, blobPrefix) {
			return blobtest.Unavailable
		}
		return blobtest.None
	})
	stop := w.keep()
	defer stop()
	w.begin("s1")
	w.await("it is being sent", func(v *state.View) bool { o, _ := v.Operation("snapshot-s1"); return o.Step == "send" })
	w.apply(state.SteerOperation{ID: "snapshot-s1", Action: state.SteerCancel, By: "me", Millis: 1})
	w.awaitSnapshot("s1", state.SnapshotCancelled)
	o, _ := w.View().Operation("snapshot-s1")
	require.Equal(t, state.OperationCancelled, o.State)
}

// faults are those of all stores of a world.
type faults struct {
	mu    sync.Mutex
	fault func(op, name string) blobtest.Fault
	all   []*blobtest.Faulty
}

func newFaults(w *world) *faults {
	f := &faults{fault: func(string, string) blobtest.Fault { return blobtest.None }}
	w.wrap = func(s blob.Store) blob.Store {
		faulty := blobtest.NewFaulty(s, f.choose)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all = append(f.all, faulty)
		return faulty
	}
	w.t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, s := range f.all {
			s.Release()
		}
	})
	return f
}

func (f *faults) set(fault func(op, name string) blobtest.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *faults) choose(op, name string) blobtest.Fault {
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	return fault(op, name)
}

// TestFaultyStores has every kind of call fail in every way, once or always: the snapshot is complete and right, or it
// has failed, or nothing of what can't be read was called complete.
func TestFaultyStores(t *testing.T) {
	for _, fault := range []blobtest.Fault{
		blobtest.Hang, blobtest.Unavailable, blobtest.LoseAnswer, blobtest.Corrupt, blobtest.Truncate, blobtest.Lose,
	} {
		for _, op := range []string{"put", "get", "stat", "list"} {
			for _, prefix := range []string{markName, manifestPrefix, shardPrefix, blobPrefix} {
				faultOnce(t, fault, op, prefix)
			}
		}
	}
}

func faultOnce(t *testing.T, fault blobtest.Fault, op, prefix string) {
	t.Helper()
	w := newWorld(t, "a")
	w.index("papers", []string{"a"})
	var hits atomic.Int32
	newFaults(w).set(func(o, name string) blobtest.Fault {
		if o == op && strings.HasPrefix(name, prefix) && hits.Add(1) == 1 {
			return fault
		}
		return blobtest.None
	})
	stop := w.keep()
	defer stop()
	w.begin("s1")
	w.await("it ends", func(v *state.View) bool { s, _ := v.Snapshot("s1"); return s.State != state.SnapshotRunning })
	stop()
	w.mu.Lock()
	w.wrap = nil
	w.mu.Unlock()
	s, _ := w.View().Snapshot("s1")
	report, err := w.open().Verify(t.Context(), "s1", true)
	switch {
	case s.State == state.SnapshotFailed:
		require.NotEmpty(t, s.Error)
	case err != nil:
		require.ErrorIs(t, err, ErrNotFound)
		require.Equal(t, blobtest.Lose, fault, "only a store that lies about its manifest loses it")
	case len(report.Faults) > 0:
		// A store that says it has what it has not can't be seen through without reading it all again.
		require.Contains(t, []blobtest.Fault{blobtest.Lose, blobtest.Corrupt, blobtest.Truncate}, fault)
		require.Equal(t, "put", op)
	default:
		w.restore("s1", "papers")
	}
}

func TestLeaderIsLost(t *testing.T) {
	w := newWorld(t, "a")
	w.index("papers", []string{"a"})
	for _, at := range []string{"put " + markName, "put " + blobPrefix, "put " + shardPrefix, "put " + manifestPrefix} {
		t.Run("at "+at, func(t *testing.T) {
			op, prefix, _ := strings.Cut(at, " ")
			reached, gone := make(chan struct{}), make(chan struct{})
			var once sync.Once
			newFaults(w).set(func(o, name string) blobtest.Fault {
				if o == op && strings.HasPrefix(name, prefix) {
					once.Do(func() { close(reached) })
					<-gone
				}
				return blobtest.None
			})
			if op == "put" && prefix == markName {
				require.NoError(t, os.RemoveAll(filepath.Join(w.store, markName)))
			}
			w.nodes["a"].write("u-papers-0", "sparse/"+prefix[:4]+".seg", 1000)
			id := "s-" + strings.Trim(prefix, "/")
			stop := w.keep()
			w.begin(id)
			<-reached
			go func() { stop(); close(gone) }() // it waits for what hangs
			next := w.keep()
			defer next()
			<-gone
			w.awaitSnapshot(id, state.SnapshotDone)
			w.restore(id, "papers")
		})
	}
}

func TestNodeIsLost(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.index("papers", []string{"a", "b"})
	a, b := w.nodes["a"], w.nodes["b"]
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	newFaults(w).set(func(op, name string) blobtest.Fault {
		if op != "put" || !strings.HasPrefix(name, blobPrefix) {
			return blobtest.None
		}
		fault := blobtest.None
		once.Do(func() { close(reached); <-goOn; fault = blobtest.Unavailable })
		return fault
	})
	stop := w.keep()
	defer stop()
	w.begin("s1")
	<-reached
	a.mu.Lock()
	files := a.shards["u-papers-0"]
	a.leads["u-papers-0"] = false
	a.mu.Unlock()
	b.mu.Lock()
	b.shards["u-papers-0"], b.leads["u-papers-0"] = files, true
	b.mu.Unlock()
	// The process ends, and another one starts.
	old := a.cutter
	close(goOn)
	old.Close()
	a.start()
	w.awaitSnapshot("s1", state.SnapshotDone)
	b.mu.Lock()
	require.Equal(t, 1, b.cuts)
	b.mu.Unlock()
	w.restore("s1", "papers")
}

func TestSchedule(t *testing.T) {
	w := newWorld(t, "a")
	w.index("papers", []string{"a"})
	var offset atomic.Int64
	w.now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	stop := w.keep()
	defer stop()
	w.apply(state.PutSchedule{Schedule: state.Schedule{Name: "hourly", Repository: "r", EveryMinutes: 60, KeepLast: 2}})
	for i := range 4 {
		w.await("the next is complete", func(v *state.View) bool {
			done := 0
			for _, s := range v.Snapshots() {
				if s.State == state.SnapshotDone && s.Schedule == "hourly" {
					done++
				}
			}
			return done >= min(i+1, 2) && !v.RepositoryBusy("r")
		})
		offset.Add(int64(time.Hour + time.Minute))
	}
	w.await("only the last two are kept", func(v *state.View) bool {
		return len(v.Snapshots()) == 2 && v.Snapshots()[0].State == state.SnapshotDone
	})
}
