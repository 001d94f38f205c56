package shard

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/shard/rpc"
)

func TestMembership(t *testing.T) {
	c := newCluster(t, "n0", "n1", "n2", "n3")
	c.place(papers, "n0")
	c.writeMany(papers, "a", 10)

	t.Run("a group of one grows", func(t *testing.T) {
		c.place(papers, "n0", "n1", "n2")
		c.awaitMembers(papers, "n0", "n1", "n2")
		at := c.write(papers, put("b", "volcano"))
		for _, id := range []string{"n0", "n1", "n2"} {
			require.Equal(t, 11, c.count(id, papers, at))
		}
	})
	t.Run("another node takes the place of the leader's", func(t *testing.T) {
		c.lead(papers, "n1")
		dir := c.dirOf("n1", papers)
		c.place(papers, "n0", "n2", "n3")
		c.awaitMembers(papers, "n0", "n2", "n3")
		require.NoError(t, c.host("n1").Gone(testContext(t), papers))
		require.NoDirExists(t, dir)
		at := c.write(papers, put("c", "flood"))
		require.Equal(t, 12, c.count("n3", papers, at))
	})
	t.Run("a node that had given it up gets it again", func(t *testing.T) {
		c.place(papers, "n0", "n1", "n3")
		c.awaitMembers(papers, "n0", "n1", "n3")
		require.Equal(t, 12, c.count("n1", papers, c.write(papers, put("c", "flood again"))))
		require.NoError(t, c.host("n2").Gone(testContext(t), papers))
	})
	t.Run("one that was away meanwhile gives it up when it is back", func(t *testing.T) {
		c.lead(papers, "n0")
		path := filepath.Join(c.stop("n3"), papers)
		c.place(papers, "n0", "n1")
		c.awaitMembers(papers, "n0", "n1")
		require.DirExists(t, path)
		c.start("n3", filepath.Dir(path))
		await(t, "its files are gone", func() bool { return !exists(t, path) })
	})
	t.Run("a damaged one that nobody needs is given up", func(t *testing.T) {
		c.place(papers, "n0", "n1", "n2")
		c.awaitMembers(papers, "n0", "n1", "n2")
		c.count("n2", papers, c.write(papers, put("d", "drought")))
		c.compact("n2", papers)
		path := filepath.Join(c.stop("n2"), papers)
		damage(t, path)
		c.place(papers, "n0", "n1")
		c.awaitMembers(papers, "n0", "n1")
		c.start("n2", filepath.Dir(path))
		await(t, "its files are gone", func() bool { return !exists(t, path) })
	})
}

func TestGivingUp(t *testing.T) {
	t.Run("nothing goes while the group can't do without", func(t *testing.T) {
		c := newCluster(t, "n0", "n1", "n2")
		c.place(papers, "n0", "n1")
		at := c.writeMany(papers, "a", 3)
		c.lead(papers, "n0")
		c.count("n1", papers, at)
		// n2 can't be reached, so it can't become a member, and n1 can't stop being one.
		c.isolate("n2", true)
		c.place(papers, "n0", "n2")
		looks := 0
		seen := make(chan struct{})
		c.mu.Lock()
		c.met = func(from, to string, method uint16) {
			if from == "n1" && to == "n0" && method == 0 {
				if looks++; looks == 20 {
					close(seen)
				}
			}
		}
		c.mu.Unlock()
		select {
		case <-seen:
		case <-testContext(t).Done():
			require.Fail(t, "n1 does not ask")
		}
		require.DirExists(t, c.dirOf("n1", papers))
		require.Equal(t, 4, c.count("n1", papers, c.write(papers, put("b", "volcano"))))
		// The last word is that it belongs there after all.
		c.isolate("n2", false)
		c.place(papers, "n0", "n1", "n2")
		c.awaitMembers(papers, "n0", "n1", "n2")
		require.Equal(t, 5, c.count("n1", papers, c.write(papers, put("c", "flood"))))
	})
	t.Run("wanted again at any moment", func(t *testing.T) {
		c := newCluster(t, "n0", "n1")
		c.place(papers, "n0", "n1")
		c.writeMany(papers, "a", 3)
		c.lead(papers, "n0")
		for range 3 {
			c.awaitMembers(papers, "n0", "n1")
			c.place(papers, "n0")
			c.awaitMembers(papers, "n0")
			// Its files are gone, or about to be, or still there.
			c.place(papers, "n0", "n1")
		}
		c.awaitMembers(papers, "n0", "n1")
		require.Equal(t, 4, c.count("n1", papers, c.write(papers, put("b", "volcano"))))
		require.NoError(t, c.host("n1").Ready(testContext(t)))
	})
	t.Run("a deleted index does not wait for anybody", func(t *testing.T) {
		c := newCluster(t, "n0", "n1", "n2")
		c.place(papers, "n0", "n1", "n2")
		c.write(papers, put("a", "earthquake"))
		dir := c.dirOf("n2", papers)
		c.stop("n0")
		c.stop("n1")
		c.place(papers, "n0", "n1")
		c.drop(papers)
		require.NoError(t, c.host("n2").Gone(testContext(t), papers))
		require.NoDirExists(t, dir)
	})
	t.Run("directories of deleted indexes go when the metadata are sure", func(t *testing.T) {
		c := newCluster(t)
		dir := t.TempDir()
		orphan := filepath.Join(dir, "0123-0", "sparse")
		require.NoError(t, os.MkdirAll(orphan, 0o755))
		c.start("n0", t.TempDir())
		c.stop("n0")
		m := c.start("n0", dir)
		await(t, "gone", func() bool { return !exists(t, filepath.Dir(orphan)) })
		require.NoError(t, os.MkdirAll(orphan, 0o755))
		m.assign(false)
		require.DirExists(t, orphan)
		m.assign(true)
		require.NoDirExists(t, filepath.Dir(orphan))
	})
}

func TestClosing(t *testing.T) {
	t.Run("ends calls that wait, and says that another may answer", func(t *testing.T) {
		c := newCluster(t, "n0", "n1", "n2")
		c.place(papers, "n0", "n1", "n2")
		leader := c.leader(papers)
		c.write(papers, put("a", "earthquake"))
		for _, id := range []string{"n0", "n1", "n2"} {
			c.isolate(id, id != leader)
		}
		// Nobody confirms its leadership any more.
		waiting := make(chan error, 2)
		r := c.at(leader, papers)
		go func() {
			_, _, err := r.Count(testContext(t), rpc.Call{Shard: papers, MinIndex: Latest}, nil)
			waiting <- err
		}()
		go func() {
			_, _, err := r.Write(testContext(t), rpc.Call{Shard: papers},
				rpc.WriteRequest{ID: newRequest(t), Writes: []api.Write{put("b", "volcano")}})
			waiting <- err
		}()
		c.stop(leader)
		for range 2 {
			err := <-waiting
			require.Error(t, err)
			if !isUnavailable(err) {
				require.ErrorIs(t, err, api.ErrUnknownOutcome)
			}
		}
	})
	t.Run("amid opening, growing and shrinking", func(t *testing.T) {
		for i := range 6 {
			c := newCluster(t, "n0", "n1", "n2")
			c.place(papers, "n0", "n1")
			c.place("notes-0", "n2", "n0", "n1")
			if i%2 == 0 {
				c.write(papers, put("a", "earthquake"))
				c.place(papers, "n0", "n2")
				c.drop("notes-0")
			}
			for _, id := range []string{"n0", "n1", "n2"} {
				c.stop(id)
			}
		}
	})
	t.Run("a host that is closed gives no transfers", func(t *testing.T) {
		c := newCluster(t, "n0")
		c.place(papers, "n0")
		c.write(papers, put("a", "earthquake"))
		transfers := c.host("n0").Transfers()
		open, err := transfers.OpenCheckpoint(testContext(t), papers)
		require.NoError(t, err)
		dir := c.stop("n0")
		_, err = transfers.OpenCheckpoint(testContext(t), papers)
		require.ErrorIs(t, err, api.ErrUnavailable)
		_, err = transfers.ReadFile(testContext(t), open.Session, open.Files[0].Path, 0, 10, nil)
		require.ErrorIs(t, err, rpc.ErrNoSession)
		require.NoError(t, transfers.CloseCheckpoint(testContext(t), open.Session))
		require.DirExists(t, filepath.Join(dir, transfersDir, open.Session))
		c.start("n0", dir)
		require.NoDirExists(t, filepath.Join(dir, transfersDir))
	})
}

func TestFailedReplica(t *testing.T) {
	c := newCluster(t, "n0")
	c.place(papers, "n0")
	c.write(papers, put("a", "earthquake"))
	open, _, _ := c.hosted("n0", papers).lease()

	t.Run("its calls are unavailable, not wrong", func(t *testing.T) {
		ctx, leave, ok := open.enter(testContext(t))
		require.True(t, ok)
		l := local{c.hosted("n0", papers)}
		e := &entered{Replica: open.replica, ctx: ctx, leave: leave, began: time.Now()}
		require.NoError(t, open.replica.Group().Close())
		err := open.replica.Group().ReadBarrier(testContext(t))
		require.NotErrorIs(t, err, api.ErrUnavailable)
		require.ErrorIs(t, l.explain(testContext(t), e, err), api.ErrUnavailable)
		leave()
	})
}
