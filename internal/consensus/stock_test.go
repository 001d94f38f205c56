package consensus

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"sagasu/internal/consensus/boltstore"
)

// The library's open bugs, each shown on its own pieces ("stock") and gone with ours. RPCs are played by hand from a
// peer's in-memory transport, so that the order of events does not depend on timing.

// accepting is the least a raft FSM can be.
type accepting struct{}

func (accepting) Apply(*raft.Log) any                 { return nil }
func (accepting) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("no snapshot") }
func (accepting) Restore(stream io.ReadCloser) error {
	_, err := io.Copy(io.Discard, stream)
	return errors.Join(err, stream.Close())
}

// trio is a configuration of x, which is real, and b and c, which are played.
func trio() raft.Configuration {
	var c raft.Configuration
	for _, id := range []string{"x", "b", "c"} {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	return c
}

// patient are settings under which x never stands for election by itself.
func patient() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = "x"
	c.Logger = hclog.NewNullLogger()
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = time.Hour, time.Hour, time.Hour
	return c
}

// played connects x's transport with one to play b.
func played(x *raft.InmemTransport) *raft.InmemTransport {
	_, b := raft.NewInmemTransport("b")
	b.Connect("x", x)
	x.Connect("b", b)
	return b
}

// startStock runs x over the store and gives b's transport.
func startStock(t *testing.T, s store, files raft.SnapshotStore) (b *raft.InmemTransport, stop func()) {
	t.Helper()
	_, x := raft.NewInmemTransport("x")
	r, err := raft.NewRaft(patient(), accepting{}, s, s, files, x)
	require.NoError(t, err)
	return played(x), func() { require.NoError(t, r.Shutdown().Error()) }
}

// memory is the library's own store with the methods ours has.
type memory struct{ *raft.InmemStore }

func (memory) IsMonotonic() bool { return false }
func (memory) Close() error      { return nil }

// Get gives nothing for what is not there, as the interface has it.
func (m memory) Get(key []byte) ([]byte, error) {
	value, err := m.InmemStore.Get(key)
	if err != nil {
		return nil, nil
	}
	return value, nil
}

func stores(t *testing.T) map[string]store {
	t.Helper()
	ours, err := boltstore.Open(t.TempDir(), time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ours.Close()) })
	return map[string]store{"stock": memory{raft.NewInmemStore()}, "ours": ours}
}

func seed(t *testing.T, s store, last, term uint64) {
	t.Helper()
	require.NoError(t, s.StoreLog(&raft.Log{
		Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(trio()),
	}))
	for i := uint64(2); i <= last; i++ {
		require.NoError(t, s.StoreLog(&raft.Log{Index: i, Term: term, Type: raft.LogCommand, Data: []byte("d")}))
	}
}

func fromB() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: 3, ID: []byte("b"), Addr: []byte("b")}
}

// Issue 661: x voted for b in term 2 and crashes while voting for c in term 3, between the two writes of a vote. b,
// whose log is shorter, must not get x's vote in term 3.
func TestTornVote(t *testing.T) {
	granted := map[string]bool{"stock": true, "ours": false}
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			seed(t, s, 10, 2)
			require.NoError(t, s.SetUint64([]byte("LastVoteTerm"), 2))
			require.NoError(t, s.Set([]byte("LastVoteCand"), []byte("b")))
			require.NoError(t, s.SetUint64([]byte("CurrentTerm"), 3))
			require.NoError(t, s.SetUint64([]byte("LastVoteTerm"), 3)) // and not the candidate
			b, stop := startStock(t, s, raft.NewInmemSnapshotStore())
			defer stop()
			var answer raft.RequestVoteResponse
			require.NoError(t, b.RequestVote("x", "x", &raft.RequestVoteRequest{
				RPCHeader: fromB(), Term: 3, Candidate: []byte("b"), LastLogIndex: 1, LastLogTerm: 1,
			}, &answer))
			require.Equal(t, granted[name], answer.Granted)
		})
	}
}

// sendSnapshot streams b's snapshot of index 8, term 2.
func sendSnapshot(b *raft.InmemTransport) error {
	data := []byte("snapshot")
	return b.InstallSnapshot("x", "x", &raft.InstallSnapshotRequest{
		RPCHeader: fromB(), SnapshotVersion: 1, Term: 2, Leader: []byte("b"), LastLogIndex: 8, LastLogTerm: 2,
		Configuration: raft.EncodeConfiguration(trio()), ConfigurationIndex: 1, Size: int64(len(data)),
	}, &raft.InstallSnapshotResponse{}, bytes.NewReader(data))
}

// sendEntry appends b's entry 9 after the snapshot.
func sendEntry(t *testing.T, b *raft.InmemTransport) bool {
	var answer raft.AppendEntriesResponse
	require.NoError(t, b.AppendEntries("x", "x", &raft.AppendEntriesRequest{
		RPCHeader: fromB(), Term: 2, Leader: []byte("b"), PrevLogEntry: 8, PrevLogTerm: 2, LeaderCommitIndex: 8,
		Entries: []*raft.Log{{Index: 9, Term: 2, Type: raft.LogCommand, Data: []byte("new")}},
	}, &answer))
	return answer.Success
}

// Issue 697: x has entries of term 1 up to 10, which b never had; b's snapshot covers up to 8 in term 2. The library
// keeps the entries, or at least their last index in memory, so that the next entry does not fit and the snapshot
// comes again. With a monotonic store they are gone from disk, and starting again is the cure; without not even that.
func TestSnapshotLivelock(t *testing.T) {
	cured := map[string]bool{"stock": false, "ours": true}
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			seed(t, s, 10, 1)
			require.NoError(t, s.SetUint64([]byte("CurrentTerm"), 2))
			files := raft.NewInmemSnapshotStore()
			b, stop := startStock(t, s, files)
			for range maxSnapshotRepeats {
				require.NoError(t, sendSnapshot(b))
				require.False(t, sendEntry(t, b))
			}
			stop()
			b, stop = startStock(t, s, files)
			defer stop()
			require.Equal(t, cured[name], sendEntry(t, b))
		})
	}
	t.Run("a group that is sent the same snapshot again and again stops", func(t *testing.T) {
		_, x := raft.NewInmemTransport("x")
		cfg := soloConfig(t.TempDir())
		cfg.ID, cfg.Transport = "x", x
		cfg.HeartbeatTimeout, cfg.ElectionTimeout = time.Hour, time.Hour
		cfg.Members = []Member{{"x", "x"}, {"b", "b"}, {"c", "c"}}
		g, err := Open(cfg, &journal{})
		require.NoError(t, err)
		b := played(x)
		for range maxSnapshotRepeats {
			require.NoError(t, g.Err())
			require.ErrorContains(t, sendSnapshot(b), ErrRestoreUnsupported.Error())
		}
		<-g.Failed()
		require.ErrorIs(t, g.Err(), ErrSnapshotLoop)
		require.NoError(t, g.Close())
		g, err = Open(cfg, &journal{})
		require.NoError(t, err, "a refused snapshot must leave nothing behind")
		require.Zero(t, g.Stats().SnapshotIndex)
		require.NoError(t, g.Close())
	})
}

// failing is a store whose next append fails, once, as an fsync does whose error the kernel then forgets.
type failing struct {
	store
	mu    sync.Mutex
	armed bool
}

var errFsync = errors.New("fsync: input/output error")

func (f *failing) arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
}

func (f *failing) StoreLogs(logs []*raft.Log) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.armed {
		f.armed = false
		return errFsync
	}
	return f.store.StoreLogs(logs)
}

// A failed fsync: the library reports it, stands for election again and goes on acknowledging.
func TestFailedFsync(t *testing.T) {
	t.Run("stock goes on", func(t *testing.T) {
		s := &failing{store: memory{raft.NewInmemStore()}}
		c := patient()
		c.HeartbeatTimeout, c.ElectionTimeout = 20*time.Millisecond, 20*time.Millisecond
		c.LeaderLeaseTimeout = 10 * time.Millisecond
		_, x := raft.NewInmemTransport("x")
		files := raft.NewInmemSnapshotStore()
		require.NoError(t, raft.BootstrapCluster(c, s, s, files, x, raft.Configuration{Servers: trio().Servers[:1]}))
		r, err := raft.NewRaft(c, accepting{}, s, s, files, x)
		require.NoError(t, err)
		await(t, func() bool { return r.Apply([]byte("1"), 0).Error() == nil })
		s.arm()
		require.ErrorIs(t, r.Apply([]byte("2"), 0).Error(), errFsync)
		await(t, func() bool { return r.Apply([]byte("3"), 0).Error() == nil })
		require.NoError(t, r.Shutdown().Error())
	})
	t.Run("ours is dead", func(t *testing.T) {
		cfg, s := soloConfig(t.TempDir()), &failing{}
		cfg.openStore = func(dir string, wait time.Duration) (store, error) {
			var err error
			s.store, err = boltstore.Open(dir, wait)
			return s, err
		}
		g := openSolo(t, cfg, &journal{})
		propose(t, g, command("1"))
		s.arm()
		_, _, err := g.Propose(t.Context(), command("2"))
		require.ErrorIs(t, err, ErrUnknownOutcome)
		<-g.Failed()
		require.ErrorIs(t, g.Err(), ErrStore)
		require.ErrorIs(t, g.Err(), errFsync)
		_, _, err = g.Propose(t.Context(), command("3"))
		require.ErrorIs(t, err, ErrFailed)
		require.False(t, g.IsLeader())
	})
	t.Run("a failed write of the term does not take the process along", func(t *testing.T) {
		cfg, s := soloConfig(t.TempDir()), &termless{}
		cfg.openStore = func(dir string, wait time.Duration) (store, error) {
			var err error
			s.store, err = boltstore.Open(dir, wait)
			return s, err
		}
		g, err := Open(cfg, &journal{})
		if err == nil { // raft stands for election, and so writes the term, as soon as it runs
			<-g.Failed()
			err = g.Err()
			require.NoError(t, g.Close())
		}
		require.ErrorIs(t, err, ErrStore)
	})
}

// termless fails to store the term of the first election.
type termless struct{ store }

func (s *termless) SetUint64(key []byte, value uint64) error {
	if string(key) == "CurrentTerm" && value > 1 {
		return errFsync
	}
	return s.store.SetUint64(key, value)
}

// Issue 612: a pipeline stays stuck behind its follower's stall; the wrapper's transport has none, nor a way of its own
// for heartbeats (issue 695).
func TestTransport(t *testing.T) {
	seen := &spy{InmemTransport: newInmem("x")}
	_, err := seen.AppendEntriesPipeline("b", "b")
	require.NotErrorIs(t, err, raft.ErrPipelineReplicationNotSupported, "stock has pipelines")
	f := newFailure()
	ours := &transport{Transport: seen, preVote: seen, failure: f}
	_, err = ours.AppendEntriesPipeline("b", "b")
	require.ErrorIs(t, err, raft.ErrPipelineReplicationNotSupported)
	ours.SetHeartbeatHandler(func(raft.RPC) {})
	require.False(t, seen.handled)

	require.True(t, f.set(errFsync))
	require.ErrorIs(t, ours.AppendEntries("b", "b", nil, nil), ErrFailed)
	require.ErrorIs(t, ours.RequestVote("b", "b", nil, nil), ErrFailed)
	require.ErrorIs(t, ours.RequestPreVote("b", "b", nil, nil), ErrFailed)
	require.ErrorIs(t, ours.InstallSnapshot("b", "b", nil, nil, nil), ErrFailed)
	require.ErrorIs(t, ours.TimeoutNow("b", "b", nil, nil), ErrFailed)
}

func newInmem(address string) *raft.InmemTransport {
	_, tr := raft.NewInmemTransport(raft.ServerAddress(address))
	return tr
}

// spy tells whether heartbeats would take a way of their own.
type spy struct {
	*raft.InmemTransport
	handled bool
}

func (s *spy) SetHeartbeatHandler(func(raft.RPC)) { s.handled = true }

// gate is a store whose appends stop while it is shut.
type gate struct {
	store
	mu      sync.Mutex
	reached chan struct{} // closed when an append has stopped
	shut    chan struct{}
}

func (s *gate) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut, s.reached = make(chan struct{}), make(chan struct{})
}

func (s *gate) StoreLogs(logs []*raft.Log) error {
	s.mu.Lock()
	shut, reached := s.shut, s.reached
	s.mu.Unlock()
	if shut != nil {
		select {
		case <-reached:
		default:
			close(reached)
		}
		<-shut
	}
	return s.store.StoreLogs(logs)
}

// counting is our store, with its appends counted.
type counting struct {
	store
	writes atomic.Int64
}

func (c *counting) open(dir string, wait time.Duration) (store, error) {
	var err error
	c.store, err = boltstore.Open(dir, wait)
	return c, err
}

func (c *counting) StoreLogs(logs []*raft.Log) error {
	c.writes.Add(1)
	return c.store.StoreLogs(logs)
}
