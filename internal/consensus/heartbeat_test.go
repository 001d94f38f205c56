package consensus

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// Issue 695, in the order that shows it every time: x leads and waits for work. A heartbeat of b, elected in the next
// term, comes on a goroutine of the transport's and raises x's term while x's loop still waits as a leader. A command
// that comes then is stamped with b's term. b's own entry of that index and term looks like a duplicate to x, for ever.

// fast is a transport with a way of its own for heartbeats, as the network transport has.
type fast struct {
	*raft.InmemTransport
	handle func(raft.RPC)
}

func (f *fast) SetHeartbeatHandler(handle func(raft.RPC)) { f.handle = handle }

// deliver brings x a call of b's the way the transport would.
func (f *fast) deliver(t *testing.T, b *raft.InmemTransport, q *raft.AppendEntriesRequest) raft.AppendEntriesResponse {
	t.Helper()
	var answer raft.AppendEntriesResponse
	if f.handle == nil || len(q.Entries) > 0 {
		require.NoError(t, b.AppendEntries("x", "x", q, &answer))
		return answer
	}
	answers := make(chan raft.RPCResponse, 1)
	f.handle(raft.RPC{Command: q, RespChan: answers})
	got := <-answers
	require.NoError(t, got.Error)
	require.IsType(t, &answer, got.Response)
	return *got.Response.(*raft.AppendEntriesResponse)
}

// agree plays b as a voter who says yes to everything, until stop is closed.
func agree(b *raft.InmemTransport, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case call := <-b.Consumer():
			switch q := call.Command.(type) {
			case *raft.RequestVoteRequest:
				call.Respond(&raft.RequestVoteResponse{RPCHeader: fromB(), Term: q.Term, Granted: true}, nil)
			case *raft.AppendEntriesRequest:
				call.Respond(&raft.AppendEntriesResponse{
					RPCHeader: fromB(), Term: q.Term, LastLog: q.PrevLogEntry + uint64(len(q.Entries)), Success: true,
				}, nil)
			default:
				call.Respond(nil, errors.New("not played"))
			}
		}
	}
}

// recorder is a raft FSM that remembers what it applied.
type recorder struct {
	mu   sync.Mutex
	data []string
}

func (r *recorder) Apply(log *raft.Log) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data = append(r.data, string(log.Data))
	return nil
}
func (r *recorder) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("no snapshot") }
func (r *recorder) Restore(stream io.ReadCloser) error  { return stream.Close() }

func (r *recorder) applied() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.data...)
}

// depose makes x a leader, deposes it by b's heartbeat, offers x a command, and has b append and commit its entry.
func depose(t *testing.T, via *fast, leads func() bool, last func() uint64, offer func(), real []byte) {
	t.Helper()
	b, stop := played(via.InmemTransport), make(chan struct{})
	go agree(b, stop)
	t.Cleanup(func() { close(stop) })
	require.NoError(t, b.TimeoutNow("x", "x", &raft.TimeoutNowRequest{RPCHeader: fromB()}, &raft.TimeoutNowResponse{}))
	await(t, leads)
	before := last()
	const term, next = 2, 3 // x was bootstrapped in term 1
	via.deliver(t, b, &raft.AppendEntriesRequest{RPCHeader: fromB(), Term: next, Leader: []byte("b")})
	offer()
	answer := via.deliver(t, b, &raft.AppendEntriesRequest{
		RPCHeader: fromB(), Term: next, Leader: []byte("b"), PrevLogEntry: before, PrevLogTerm: term,
		Entries:           []*raft.Log{{Index: before + 1, Term: next, Type: raft.LogCommand, Data: real}},
		LeaderCommitIndex: before + 1,
	})
	require.True(t, answer.Success)
}

func TestStaleLeaderStampsNewTerm(t *testing.T) {
	t.Run("stock diverges", func(t *testing.T) {
		via, f, s := &fast{InmemTransport: newInmem("x")}, &recorder{}, memory{raft.NewInmemStore()}
		files := raft.NewInmemSnapshotStore()
		c := patient()
		c.Logger = hclog.NewNullLogger()
		require.NoError(t, raft.BootstrapCluster(c, s, s, files, via, trio()))
		r, err := raft.NewRaft(c, f, s, s, files, via)
		require.NoError(t, err)
		last := func() uint64 {
			index, err := s.LastIndex()
			require.NoError(t, err)
			return index
		}
		leads := func() bool { return r.State() == raft.Leader && r.CommitIndex() == 2 }
		depose(t, via, leads, last, func() { require.Error(t, r.Apply([]byte("stale"), 0).Error()) }, []byte("real"))
		await(t, func() bool { return len(f.applied()) > 0 })
		require.Equal(t, []string{"stale"}, f.applied(), "b committed real")
		require.NoError(t, r.Shutdown().Error())
	})
	t.Run("ours does not", func(t *testing.T) {
		via, m := &fast{InmemTransport: newInmem("x")}, &journal{}
		cfg := soloConfig(t.TempDir())
		cfg.ID, cfg.Transport = "x", via
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLease = time.Hour, time.Hour, time.Hour
		cfg.Members = []Member{{"x", "x"}, {"b", "b"}, {"c", "c"}}
		g, err := Open(cfg, m)
		require.NoError(t, err)
		offer := func() { // past Propose, which looks at raft's state first
			stale := (&envelope{Proposal: command("stale")}).encode(nil)
			require.ErrorIs(t, g.raft.Apply(stale, 0).Error(), raft.ErrNotLeader)
		}
		depose(t, via, g.IsLeader, func() uint64 { return g.Stats().LastIndex }, offer,
			(&envelope{Proposal: command("real")}).encode(nil))
		await(t, func() bool { return len(m.payloads()) > 0 })
		require.Equal(t, []string{"real"}, m.payloads())
		require.NoError(t, g.Close())
	})
}
