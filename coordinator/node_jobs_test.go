package coordinator

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/jobs"
	"sagasu/coordinator/state"
)

// awaitOperation waits for a state of an operation as a node tells of it.
func awaitOperation(t *testing.T, n *Node, id, want string) api.Operation {
	t.Helper()
	ctx := testContext(t)
	for {
		o, err := n.Operation(ctx, id)
		require.NoError(t, err)
		if o.State == want {
			return o
		}
		select {
		case <-n.cfg.After(loopEvery / 100):
		case <-ctx.Done():
			require.Fail(t, "operation does not become "+want, "%+v", o)
		}
	}
}

func TestJobsOfACluster(t *testing.T) {
	c := newCluster(t, "a", "b", "c")
	a, b := c.nodes["a"], c.nodes["b"]
	_, err := a.CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Shards: 2, Replicas: 1})
	require.NoError(t, err)

	t.Run("any node tells of a job", func(t *testing.T) {
		o, err := b.StartJob(testContext(t), "papers", "r1", strings.NewReader(
			`{"id":"a","text":"x"}`+"\n"+`{"id":"b","nope":1}`+"\n"))
		require.NoError(t, err)
		require.Equal(t, "b", o.Node)
		done := awaitOperation(t, a, o.ID, "done")
		require.Equal(t, api.FromNode, done.Job.From)
		require.EqualValues(t, 1, done.Job.Failed)
		page, err := a.OperationErrors(testContext(t), o.ID, 0, 10)
		require.NoError(t, err)
		require.Len(t, page.Errors, 1)
		require.Equal(t, "line 2.nope", page.Errors[0].Error.Field)
		_, err = a.CancelOperation(testContext(t), o.ID)
		require.ErrorContains(t, err, "has ended already")
		c.await("the metadata have its end", func() bool {
			noted, _ := a.meta.View().Operation(o.ID)
			return noted.State == state.OperationDone && noted.Done == 2 && noted.Total == 2
		})
	})
	t.Run("any node ends a job", func(t *testing.T) {
		lines := strings.Repeat(`{"id":"a","text":"x"}`+"\n", 200_000)
		o, err := b.StartJob(testContext(t), "papers", "r1", strings.NewReader(lines))
		require.NoError(t, err)
		_, err = a.CancelOperation(testContext(t), o.ID)
		require.NoError(t, err)
		ended := awaitOperation(t, a, o.ID, "cancelled")
		require.Less(t, ended.Job.Items, int64(200_000))
	})
	t.Run("what is not there", func(t *testing.T) {
		_, err := a.Operation(testContext(t), "none")
		require.ErrorContains(t, err, "no operation")
		_, err = a.CancelOperation(testContext(t), "none")
		require.ErrorContains(t, err, "no operation")
		_, err = a.OperationErrors(testContext(t), "none", 0, 1)
		require.ErrorContains(t, err, "no operation")
		_, err = a.StartJob(testContext(t), "none", "", strings.NewReader(""))
		require.ErrorIs(t, err, api.ErrIndexNotFound)
	})
	t.Run("a job that its node does not have", func(t *testing.T) {
		o := state.Operation{ID: "bulk-lost", Kind: jobs.Kind, State: state.OperationRunning, Node: "b"}
		_, err := a.meta.Propose(testContext(t), state.PutOperation{Operation: o})
		require.NoError(t, err)
		require.Contains(t, awaitOperation(t, a, o.ID, "failed").Error, "does not have it any more")
	})
	t.Run("a job of a node that is away, and removed", func(t *testing.T) {
		c.close("b")
		o := state.Operation{ID: "bulk-away", Kind: jobs.Kind, State: state.OperationRunning, Node: "b", Done: 3, Total: 9}
		_, err := a.meta.Propose(testContext(t), state.PutOperation{Operation: o})
		require.NoError(t, err)
		told, err := a.Operation(testContext(t), o.ID)
		require.NoError(t, err)
		require.EqualValues(t, 3, told.Done)
		require.Nil(t, told.Job)
		_, err = a.OperationErrors(testContext(t), o.ID, 0, 1)
		require.ErrorIs(t, err, api.ErrUnavailable)
		require.ErrorContains(t, err, "node b")
		c.await("the node is known to be gone", func() bool {
			alive, _, _ := a.heardOf("b")
			return !alive
		})
		require.NoError(t, a.RemoveNode(testContext(t), "b", true))
		require.Contains(t, awaitOperation(t, a, o.ID, "failed").Error, "node b was removed")
	})
}

func TestJobsOfANode(t *testing.T) {
	dir := t.TempDir()
	n := openNode(t, dir)
	createIndex(t, n, "papers")
	require.NoError(t, n.PutAlias(testContext(t), "current", "papers"))

	t.Run("an alias that moves on takes no job with it", func(t *testing.T) {
		createIndex(t, n, "other")
		o, err := n.StartJob(testContext(t), "current", "", strings.NewReader(`{"id":"a","text":"x"}`))
		require.NoError(t, err)
		require.Equal(t, "papers", o.Index)
		require.NoError(t, n.PutAlias(testContext(t), "current", "other"))
		awaitOperation(t, n, o.ID, "done")
		_, err = n.Get(testContext(t), "papers", "a")
		require.NoError(t, err)
	})
	t.Run("a body that breaks off leaves nothing", func(t *testing.T) {
		_, err := n.StartJob(testContext(t), "papers", "", iotest.ErrReader(errors.New("gone")))
		var p *api.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, 400, p.Status)
		require.Len(t, n.jobs.List(), 1)
	})
	t.Run("a job that was not noted does not run", func(t *testing.T) {
		ctx, cancel := context.WithCancel(testContext(t))
		_, err := n.StartJob(ctx, "papers", "", &cancelling{strings.NewReader(`{"id":"never","text":"x"}`), cancel})
		require.Error(t, err)
		require.Len(t, n.jobs.List(), 1)
	})
	t.Run("an index of the same name is another one", func(t *testing.T) {
		l, err := n.find("papers")
		require.NoError(t, err)
		target := jobs.Target{Index: "papers", UUID: l.UUID}
		require.NoError(t, n.DeleteIndex(testContext(t), "papers"))
		createIndex(t, n, "papers")
		_, err = jobWriter{n}.Schema(testContext(t), target)
		require.ErrorIs(t, err, api.ErrIndexNotFound)
		require.ErrorContains(t, err, "another one has its name")
		_, err = jobWriter{n}.Write(testContext(t), target, jobs.Try{Key: "k"}, nil)
		require.ErrorIs(t, err, api.ErrIndexNotFound)
	})
	require.NoError(t, n.Close())

	t.Run("after a restart it is known", func(t *testing.T) {
		n := openNode(t, dir)
		list := n.jobs.List()
		require.Len(t, list, 1)
		awaitOperation(t, n, list[0].ID, "done")
		require.NoError(t, n.Close())
	})
}

// cancelling ends a context when it is read to its end.
type cancelling struct {
	io.Reader
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err != nil {
		c.cancel()
	}
	return n, err
}
