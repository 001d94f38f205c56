package shard

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sagasu/api"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

func TestGroup(t *testing.T) {
	c := newCluster(t, "n0", "n1", "n2")
	c.place(papers, "n0", "n1", "n2")
	for _, id := range []string{"n0", "n1", "n2"} {
		require.NoError(t, c.host(id).Await(testContext(t), papers))
		require.NoError(t, c.host(id).Ready(testContext(t)))
	}
	t.Run("it founds itself and says so", func(t *testing.T) {
		await(t, "founded", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.shards[papers].Founded
		})
		require.Equal(t, []string{"n0", "n1", "n2"}, c.membersOf(papers))
	})
	leader := c.leader(papers)
	follower := map[string]string{"n0": "n1", "n1": "n2", "n2": "n0"}[leader]
	at := c.write(papers, put("a", "earthquake"))
	remote := rpc.NewClient(callWay{c.members[follower]})

	t.Run("a follower shows what a read asks for", func(t *testing.T) {
		require.Equal(t, 1, c.count(follower, papers, at))
		call := rpc.Call{Shard: papers, MinIndex: at}
		docs, mark, err := c.at(follower, papers).Fetch(testContext(t), call, []string{"a", "b"})
		require.NoError(t, err)
		require.Len(t, docs, 1)
		require.GreaterOrEqual(t, mark.Applied, at)
		require.Equal(t, uint64(1), mark.Epoch)
	})
	t.Run("what is not there in time is lagging", func(t *testing.T) {
		other := rpc.NewClient(callWay{c.members[leader]})
		for _, r := range []rpc.Replica{c.at(follower, papers), other.At(follower)} {
			_, _, err := r.Count(testContext(t), rpc.Call{Shard: papers, MinIndex: at + 1000}, nil)
			require.ErrorIs(t, err, rpc.ErrLagging)
			require.ErrorIs(t, err, api.ErrUnavailable)
		}
	})
	t.Run("unless the leader knows that it never was", func(t *testing.T) {
		count, _, err := remote.At(leader).Count(testContext(t), rpc.Call{Shard: papers, MinIndex: at + 1000}, nil)
		require.NoError(t, err)
		require.Equal(t, 1, count)
	})
	t.Run("everything acknowledged is asked of the leader", func(t *testing.T) {
		call := rpc.Call{Shard: papers, MinIndex: Latest}
		count, _, err := remote.At(leader).Count(testContext(t), call, nil)
		require.NoError(t, err)
		require.Equal(t, 1, count)
		for _, r := range []rpc.Replica{c.at(follower, papers), rpc.NewClient(callWay{c.members[leader]}).At(follower)} {
			_, _, err = r.Count(testContext(t), call, nil)
			var moved *rpc.NotLeaderError
			require.ErrorAs(t, err, &moved)
			require.Equal(t, leader, moved.Leader)
		}
	})
	t.Run("writes belong to the leader", func(t *testing.T) {
		req := rpc.WriteRequest{ID: newRequest(t), Writes: []api.Write{put("b", "volcano")}}
		_, _, err := c.at(follower, papers).Write(testContext(t), rpc.Call{Shard: papers}, req)
		var moved *rpc.NotLeaderError
		require.ErrorAs(t, err, &moved)
		require.Equal(t, leader, moved.Leader)
		req.Term = moved.Term + 1
		_, _, err = remote.At(leader).Write(testContext(t), rpc.Call{Shard: papers}, req)
		require.ErrorAs(t, err, &moved)
		req.Term = moved.Term
		answer, mark, err := remote.At(leader).Write(testContext(t), rpc.Call{Shard: papers}, req)
		require.NoError(t, err)
		require.Equal(t, answer.Applied, mark.Applied)
		again, _, err := remote.At(leader).Write(testContext(t), rpc.Call{Shard: papers}, req)
		require.NoError(t, err)
		require.Equal(t, answer.Results, again.Results)
		require.Equal(t, 2, c.count(follower, papers, again.Applied))
	})
	t.Run("an old epoch is refused, none and a newer one are not", func(t *testing.T) {
		c.place(papers, "n0", "n1", "n2")
		_, _, err := c.at(follower, papers).Count(testContext(t), rpc.Call{Shard: papers, Epoch: 1}, nil)
		var stale *rpc.EpochError
		require.ErrorAs(t, err, &stale)
		require.Equal(t, uint64(2), stale.Epoch)
		_, _, err = remote.At(leader).Write(testContext(t), rpc.Call{Shard: papers, Epoch: 1},
			rpc.WriteRequest{ID: newRequest(t), Writes: []api.Write{put("z", "never")}})
		require.ErrorAs(t, err, &stale)
		for _, epoch := range []uint64{0, 2, 3} {
			_, mark, err := c.at(follower, papers).Count(testContext(t), rpc.Call{Shard: papers, Epoch: epoch}, nil)
			require.NoError(t, err)
			require.Equal(t, uint64(2), mark.Epoch)
		}
	})
	t.Run("a shard that is not here is named", func(t *testing.T) {
		_, err := c.host("n0").Replica("others-0")
		var none *rpc.NoShardError
		require.ErrorAs(t, err, &none)
		require.Equal(t, "others-0", none.Shard)
		require.ErrorIs(t, c.host("n0").Await(testContext(t), "others-0"), api.ErrUnavailable)
		require.NoError(t, c.host("n0").Gone(testContext(t), "others-0"))
	})
	t.Run("a deleted index leaves no files", func(t *testing.T) {
		dirs := []string{c.dirOf("n0", papers), c.dirOf("n1", papers), c.dirOf("n2", papers)}
		c.drop(papers)
		for i, id := range []string{"n0", "n1", "n2"} {
			require.NoError(t, c.host(id).Gone(testContext(t), papers))
			require.NoDirExists(t, dirs[i])
		}
		c.assign()
		require.Zero(t, c.host("n0").Shards())
	})
}

func newRequest(t testing.TB) [16]byte {
	id, err := replica.NewRequestID()
	require.NoError(t, err)
	return id
}

func TestDamagedReplica(t *testing.T) {
	c := newCluster(t, "n0", "n1")
	c.place(papers, "n0", "n1")
	c.place("notes-0", "n0", "n1")
	c.writeMany(papers, "a", 30)
	c.write("notes-0", put("a", "note"))
	for _, id := range []string{"n0", "n1"} {
		require.NoError(t, c.host(id).Ready(testContext(t)))
	}
	c.count("n1", papers, c.write(papers, put("last", "one")))
	c.compact("n1", papers)
	dir := c.stop("n1")
	damage(t, filepath.Join(dir, papers))
	// It can't be repaired.
	c.members["n0"].handlers[rpc.MethodOpenCheckpoint] = func(context.Context, []byte, []byte) ([]byte, error) {
		return nil, errAway
	}
	m := c.start("n1", dir)

	require.NoError(t, m.host.Await(testContext(t), "notes-0"))
	err := m.host.Ready(testContext(t))
	require.ErrorIs(t, err, api.ErrUnavailable)
	require.ErrorContains(t, err, papers)
	require.NotContains(t, err.Error(), "notes-0")
	info, _, err := c.at("n1", papers).Info(testContext(t), rpc.Call{Shard: papers})
	require.NoError(t, err)
	require.NotEmpty(t, info.Failed)
	require.Equal(t, 1, c.count("n1", "notes-0", 0))
	_, _, err = c.at("n1", papers).Count(testContext(t), rpc.Call{Shard: papers}, nil)
	require.ErrorIs(t, err, api.ErrUnavailable)

	t.Run("telling the host the same again does not hurry it", func(t *testing.T) {
		_, before := m.log.find("replica can't be opened, it is tried again")
		for range 100 {
			m.assign(true)
		}
		_, after := m.log.find("replica can't be opened, it is tried again")
		require.Less(t, after-before, 50)
	})
}

// damage makes every file of a replica's indexes one that can't be read.
func damage(t testing.TB, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "sparse", "*"))
	require.NoError(t, err)
	require.Greater(t, len(files), 1)
	for _, path := range files {
		if filepath.Base(path) == "LOCK" {
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte("damaged"), 0o600))
	}
}

func TestGroupOfOne(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	dir := t.TempDir()
	open := func() *Host {
		cfg := testConfig("local", dir)
		h, err := New(cfg)
		require.NoError(t, err)
		return h
	}
	there := Assignment{Shard: "p", Index: "papers", Schema: textSchema(), Epoch: 1, Nodes: []string{"local"}}
	find := func(string) (Assignment, bool) { return Assignment{}, false }
	h := open()
	require.NoError(t, h.Assign(1, []Assignment{there}, find, true))
	require.NoError(t, h.Ready(testContext(t)))
	r, err := h.Replica("p")
	require.NoError(t, err)
	_, _, err = r.Write(testContext(t), rpc.Call{Shard: "p"},
		rpc.WriteRequest{ID: newRequest(t), Writes: []api.Write{put("a", "earthquake")}})
	require.NoError(t, err)
	require.NoError(t, h.Close())
	_, err = h.Replica("p")
	require.ErrorIs(t, err, api.ErrUnavailable)
	require.NoError(t, h.Assign(9, []Assignment{there}, find, true), "after Close it does nothing")
	require.Zero(t, h.Shards())

	h = open()
	there.Founded = true
	require.NoError(t, h.Assign(2, []Assignment{there}, find, true))
	require.NoError(t, h.Ready(testContext(t)))
	r, err = h.Replica("p")
	require.NoError(t, err)
	count, _, err := r.Count(testContext(t), rpc.Call{Shard: "p", MinIndex: Latest}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, count)

	t.Run("an older version of the metadata changes nothing", func(t *testing.T) {
		require.NoError(t, h.Assign(1, nil, find, true))
		require.NoError(t, h.Ready(testContext(t)))
		require.Equal(t, 1, h.Shards())
	})
	t.Run("metadata that may lack something remove nothing", func(t *testing.T) {
		require.NoError(t, h.Assign(3, nil, find, false))
		_, _, err = r.Count(testContext(t), rpc.Call{Shard: "p"}, nil)
		require.NoError(t, err)
		require.DirExists(t, filepath.Join(dir, "p"))
	})
	t.Run("others do", func(t *testing.T) {
		require.NoError(t, h.Assign(4, nil, find, true))
		require.NoError(t, h.Gone(testContext(t), "p"))
		require.NoDirExists(t, filepath.Join(dir, "p"))
	})
	require.NoError(t, h.Close())
	goleak.VerifyNone(t, leaks)
}

func TestConfig(t *testing.T) {
	cfg := Config{}
	err := cfg.Validate()
	for _, name := range []string{
		"Node", "Dir", "FS", "Analyzers", "Founded", "TransferBytesPerSecond", "ScrubBytesPerSecond", "Now", "After", "Logger", "Registry",
	} {
		require.ErrorContains(t, err, name)
	}
	_, err = New(cfg)
	require.Error(t, err)
}

func isUnavailable(err error) bool { return errors.Is(err, api.ErrUnavailable) }
