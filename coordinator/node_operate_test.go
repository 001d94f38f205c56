package coordinator

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/state"
)

// requireRefused holds an error to a refusal of a reason.
func requireRefused(t *testing.T, err error, reason string) {
	t.Helper()
	var p *api.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, reason, p.Reason, p.Detail)
}

// ended waits for the end of an operation, and gives it.
func (c *cluster) ended(id, operation string) (o api.Operation) {
	c.t.Helper()
	c.await("operation "+operation+" has ended", func() bool {
		var err error
		o, err = c.nodes[id].Operation(testContext(c.t), operation)
		require.NoError(c.t, err)
		return state.OperationState(o.State).Ended()
	})
	return o
}

// shard is an index's only one, as a node has it.
func (c *cluster) shard(id, index string) state.Shard {
	x, ok := c.nodes[id].meta.View().Resolve(index)
	require.True(c.t, ok)
	return x.Shards[0]
}

// founded reports whether the groups of an index are known to exist.
func (c *cluster) founded(id, index string) bool {
	x, ok := c.nodes[id].meta.View().Resolve(index)
	return ok && !slices.ContainsFunc(x.Shards, func(s state.Shard) bool { return !s.Founded })
}

func newOperated(t *testing.T, replicas int, ids ...string) *cluster {
	c := newClusterOf(t, func(cfg *Config) { cfg.DropRest = 10 * time.Millisecond }, ids...)
	_, err := c.nodes[ids[0]].CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Shards: 1, Replicas: replicas})
	require.NoError(t, err)
	c.await("all is green", func() bool { return c.green(ids[0], "papers") && c.founded(ids[0], "papers") })
	return c
}

func TestMoveReplica(t *testing.T) {
	c := newOperated(t, 2, "n1", "n2", "n3")
	s := c.shard("n1", "papers")
	tokens := c.write("n1", "papers", 0, 20)
	free := "n1"
	for _, id := range []string{"n2", "n3"} {
		if !slices.Contains(s.Nodes, id) {
			free = id
		}
	}
	n := c.nodes["n1"]
	t.Run("refused, and why", func(t *testing.T) {
		for _, r := range []struct {
			req    api.MoveRequest
			reason string
		}{
			{api.MoveRequest{Shard: "none", From: s.Nodes[0], To: free}, api.RefusedUnknown},
			{api.MoveRequest{Shard: s.ID, From: s.Nodes[0], To: "none"}, api.RefusedUnknown},
			{api.MoveRequest{Shard: s.ID, From: s.Nodes[0], To: s.Nodes[1]}, api.RefusedSameNode},
			{api.MoveRequest{Shard: s.ID, From: free, To: "none"}, api.RefusedNoReplica},
		} {
			_, err := n.MoveReplica(testContext(t), r.req, "ann")
			requireRefused(t, err, r.reason)
		}
	})
	t.Run("a dry run changes nothing", func(t *testing.T) {
		m, err := n.MoveReplica(testContext(t), api.MoveRequest{Shard: s.ID, From: s.Nodes[0], To: free, DryRun: true}, "ann")
		require.NoError(t, err)
		require.Empty(t, m.Operation)
		require.Positive(t, m.Bytes)
		require.Nil(t, c.shard("n1", "papers").Move)
	})
	t.Run("done, and undone", func(t *testing.T) {
		m, err := n.MoveReplica(testContext(t), api.MoveRequest{Shard: s.ID, From: s.Nodes[0], To: free}, "ann")
		require.NoError(t, err)
		_, err = c.nodes["n2"].MoveReplica(testContext(t), api.MoveRequest{Shard: s.ID, From: s.Nodes[1], To: "none"}, "bob")
		requireRefused(t, err, api.RefusedMoving)
		o := c.ended("n1", m.Operation)
		require.Equal(t, "done", o.State, o.Error)
		require.Equal(t, "ann", o.RequestedBy)
		require.ElementsMatch(t, []string{free, s.Nodes[1]}, c.shard("n1", "papers").Members())
		require.Len(t, c.search("n3", "papers", tokens).Hits, 20)
		require.NoError(t, c.nodes[s.Nodes[0]].host.Gone(testContext(t), s.ID))
		c.await("all is green", func() bool { return c.green("n1", "papers") })

		plan, err := n.UndoOperation(testContext(t), m.Operation, "bob")
		require.NoError(t, err)
		require.Len(t, plan.Moves, 1)
		o = c.ended("n1", plan.Operation)
		require.Equal(t, "done", o.State, o.Error)
		require.ElementsMatch(t, s.Nodes, c.shard("n1", "papers").Members())
		require.Len(t, c.search("n2", "papers", tokens).Hits, 20)
	})
	t.Run("what can't be steered", func(t *testing.T) {
		_, err := n.SteerOperation(testContext(t), "none", api.Steering{Action: api.SteerPause, By: "ann"})
		requireProblem(t, err, 404)
		o := n.meta.View().Operations()[0]
		_, err = n.SteerOperation(testContext(t), o.ID, api.Steering{Action: api.SteerPause, By: "ann"})
		requireProblem(t, err, 409)
		_, err = n.CancelOperation(testContext(t), o.ID)
		requireProblem(t, err, 409)
		_, err = n.UndoOperation(testContext(t), "none", "ann")
		requireProblem(t, err, 404)
	})
	t.Run("explained", func(t *testing.T) {
		e, err := n.ExplainShard(testContext(t), s.ID)
		require.NoError(t, err)
		require.Len(t, e.Nodes, 3)
		require.True(t, e.Nodes[0].Here && e.Nodes[1].Here && e.Nodes[2].Possible, "%+v", e)
		_, err = n.ExplainShard(testContext(t), "none")
		requireProblem(t, err, 404)
	})
	t.Run("another number of copies", func(t *testing.T) {
		info, err := n.SetReplicas(testContext(t), "papers", 3)
		require.NoError(t, err)
		require.Equal(t, 3, info.Replicas)
		c.await("a third copy is there", func() bool {
			return len(c.shard("n1", "papers").Nodes) == 3 && c.green("n1", "papers")
		})
		_, err = n.SetReplicas(testContext(t), "papers", 1)
		require.NoError(t, err)
		c.await("one copy is left", func() bool {
			s := c.shard("n1", "papers")
			return len(s.Members()) == 1 && c.green("n1", "papers")
		})
		require.Len(t, c.search("n3", "papers", tokens).Hits, 20)
		_, err = n.SetReplicas(testContext(t), "none", 1)
		require.ErrorIs(t, err, api.ErrIndexNotFound)
	})
}

func TestRebalanceNode(t *testing.T) {
	c := newClusterOf(t, func(cfg *Config) { cfg.DropRest = 10 * time.Millisecond }, "n1", "n2")
	_, err := c.nodes["n1"].CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Shards: 4, Replicas: 1})
	require.NoError(t, err)
	tokens := c.write("n1", "papers", 0, 40)
	plan, err := c.nodes["n1"].Rebalance(testContext(t), api.RebalanceRequest{}, "ann")
	require.NoError(t, err)
	require.Empty(t, plan.Operation, "%+v", plan.Moves)
	c.open("n3")
	c.await("the new node is alive everywhere", func() bool {
		alive, _, _ := c.nodes["n2"].heardOf("n3")
		return alive && c.green("n2", "papers") && c.founded("n2", "papers")
	})
	plan, err = c.nodes["n2"].Rebalance(testContext(t), api.RebalanceRequest{DryRun: true}, "ann")
	require.NoError(t, err)
	require.Len(t, plan.Moves, 1, "%+v", plan)
	require.Equal(t, "n3", plan.Moves[0].To)
	require.NotEmpty(t, plan.Moves[0].Reason)
	require.Empty(t, plan.Operation)
	plan, err = c.nodes["n2"].Rebalance(testContext(t), api.RebalanceRequest{}, "ann")
	require.NoError(t, err)
	_, err = c.nodes["n1"].Rebalance(testContext(t), api.RebalanceRequest{}, "bob")
	if err != nil { // else nothing was left to be moved
		requireRefused(t, err, api.RefusedRunning)
	}
	o := c.ended("n1", plan.Operation)
	require.Equal(t, "done", o.State, o.Error)
	require.Equal(t, 1, c.nodes["n1"].meta.View().Holding()["n3"])
	require.Len(t, c.search("n3", "papers", tokens).Hits, 40)
}

func TestDrainNode(t *testing.T) {
	c := newOperated(t, 3, "n1", "n2", "n3")
	tokens := c.write("n1", "papers", 0, 20)
	drain := func(id string, mode string) (api.DrainStatus, error) {
		return c.nodes["n1"].DrainNode(testContext(t), id, api.DrainRequest{Mode: mode}, "ann")
	}
	_, err := drain("none", "restart")
	requireRefused(t, err, api.RefusedUnknown)
	_, err = drain("n3", "remove")
	requireRefused(t, err, api.RefusedNowhere)
	leader := c.shard("n1", "papers").Nodes[0]
	for _, s := range []string{"n2", "n3"} {
		if leads(c, s) {
			leader = s
		}
	}
	if leader == "n1" {
		leader = "n2" // n1 is the one that is asked
	}
	_, err = drain(leader, "restart")
	require.NoError(t, err)
	c.await("it is drained", func() bool {
		d, err := c.nodes["n1"].DrainStatus(testContext(t), leader)
		require.NoError(t, err)
		return d.State == "drained" && d.LeadersLeft == 0
	})
	other := "n3"
	if leader == "n3" {
		other = "n2"
	}
	_, err = drain(other, "restart")
	requireRefused(t, err, api.RefusedOther)
	require.Len(t, c.search(leader, "papers", tokens).Hits, 20)
	c.write("n1", "papers", 20, 30)
	_, err = c.nodes["n1"].UndrainNode(testContext(t), leader)
	require.NoError(t, err)
	_, err = c.nodes["n1"].UndrainNode(testContext(t), leader)
	requireProblem(t, err, 409)

	t.Run("one copy is away", func(t *testing.T) {
		c.close(other)
		c.await("it is missed", func() bool { return !c.green("n1", "papers") })
		_, err := drain(leader, "restart")
		requireRefused(t, err, api.RefusedQuorum)
	})
	t.Run("it comes back from a signal by itself", func(t *testing.T) {
		c.open(other)
		c.await("all is green", func() bool { return c.green("n1", "papers") })
		c.nodes[leader].Retire()
		n, _ := c.nodes["n1"].meta.View().Node(leader)
		require.NotNil(t, n.Drain)
		c.close(leader)
		c.open(leader)
		c.await("its drain is over", func() bool {
			n, _ := c.nodes["n1"].meta.View().Node(leader)
			return n.Drain == nil
		})
		require.Len(t, c.search(leader, "papers", tokens).Hits, 30)
	})
}

// leads reports whether a node leads the only shard of papers.
func leads(c *cluster, id string) bool {
	reports, err := c.nodes[id].host.Report(c.shard("n1", "papers").ID)
	require.NoError(c.t, err)
	return len(reports) == 1 && reports[0].Leads
}
