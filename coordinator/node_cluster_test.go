package coordinator

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/state"
)

// cluster is nodes in this process that reach each other over loopback.
type cluster struct {
	t     *testing.T
	nodes map[string]*Node
	dirs  map[string]string
	first string
	// config changes what nodes are opened with.
	config func(*Config)
}

func newCluster(t *testing.T, ids ...string) *cluster {
	return newClusterOf(t, func(*Config) {}, ids...)
}

func newClusterOf(t *testing.T, config func(*Config), ids ...string) *cluster {
	c := &cluster{t: t, nodes: map[string]*Node{}, dirs: map[string]string{}, first: ids[0], config: config}
	t.TempDir() // directories are removed after what is registered from here on
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		var closing sync.WaitGroup
		for _, n := range c.nodes {
			closing.Go(func() {
				if err := n.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		closing.Wait()
		// A probe that is under way ends by its own timeout, after its memberlist.
		goleak.VerifyNone(t, leaks, goleak.IgnoreTopFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
	})
	for _, id := range ids {
		c.open(id)
	}
	for _, id := range ids {
		c.await(id+" knows all", func() bool { return len(c.nodes[id].meta.View().Nodes()) == len(ids) })
		require.NoError(t, c.nodes[id].Ready(testContext(t)))
	}
	return c
}

// open starts a node: the first founds the cluster, others join those that are there.
func (c *cluster) open(id string) *Node {
	if c.dirs[id] == "" {
		c.dirs[id] = c.t.TempDir()
	}
	cfg := testConfig(c.dirs[id])
	cfg.ID, cfg.Version = id, "test"
	cfg.Cluster = &ClusterConfig{RPCAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0"}
	if id == c.first {
		cfg.Cluster.Expect = 1
	}
	for _, other := range c.nodes {
		_, gossip := other.Addresses()
		cfg.Cluster.Join = append(cfg.Cluster.Join, gossip)
	}
	c.config(&cfg)
	n, err := Open(testContext(c.t), cfg)
	require.NoError(c.t, err)
	c.nodes[id] = n
	c.await(id+" belongs to the cluster", func() bool {
		known, ok := n.meta.View().Node(id)
		rpc, _ := n.Addresses()
		return ok && known.RPCAddr == rpc
	})
	return n
}

func (c *cluster) close(id string) {
	n := c.nodes[id]
	delete(c.nodes, id)
	require.NoError(c.t, n.Close())
}

// await returns when something has become so.
func (c *cluster) await(what string, is func() bool) {
	c.t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for ctx := testContext(c.t); !is(); {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			require.Fail(c.t, "never happened: "+what)
		}
	}
}

// write writes documents through a node, and gives the sequence tokens.
func (c *cluster) write(id, index string, from, to int) (tokens []string) {
	c.t.Helper()
	schema := testSchema(c.t)
	var writes []api.Write
	for i := from; i < to; i++ {
		w, err := api.ParseDocument(&schema, fmt.Appendf(nil, `{"id":"d%d","text":"earthquake number%d"}`, i, i))
		require.NoError(c.t, err)
		writes = append(writes, w)
	}
	results, err := c.nodes[id].Write(testContext(c.t), index, writes, httpapi.WriteOptions{})
	require.NoError(c.t, err)
	for _, r := range results {
		require.Equal(c.t, api.StatusCreated, r.Status)
		if !slices.Contains(tokens, r.Sequence) {
			tokens = append(tokens, r.Sequence)
		}
	}
	return tokens
}

// search asks for all documents of a test through a node; nothing may be lacking.
func (c *cluster) search(id, index string, tokens []string) *api.SearchResponse {
	c.t.Helper()
	schema := testSchema(c.t)
	req, err := api.ParseSearchRequest(&schema, []byte(`{"query":"earthquake","size":100,"timeout":"10s"}`))
	require.NoError(c.t, err)
	req.Sequence = tokens
	answer, err := c.nodes[id].Search(testContext(c.t), index, req)
	require.NoError(c.t, err)
	require.Empty(c.t, answer.Degraded)
	return answer
}

// placed is where the replicas of an index's shards are, as a node has it, with as many as are wanted.
func (c *cluster) placed(id, index string, replicas int) bool {
	x, ok := c.nodes[id].meta.View().Resolve(index)
	return ok && !slices.ContainsFunc(x.Shards, func(s state.Shard) bool { return len(s.Nodes) != replicas })
}

// green reports whether all shards of an index are well, as a node sees it.
func (c *cluster) green(id, index string) bool {
	shards, err := c.nodes[id].Shards(testContext(c.t), index)
	require.NoError(c.t, err)
	return !slices.ContainsFunc(shards, func(s api.ShardStatus) bool { return s.Health != api.HealthGreen })
}

func requireProblem(t *testing.T, err error, status int) {
	t.Helper()
	var p *api.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, status, p.Status)
}

func TestCluster(t *testing.T) {
	c := newCluster(t, "n1", "n2", "n3")
	info, err := c.nodes["n2"].CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Shards: 3, Replicas: 3})
	require.NoError(t, err)
	require.Equal(t, 3, info.Placed)

	var tokens []string
	t.Run("what one node wrote another finds", func(t *testing.T) {
		tokens = c.write("n1", "papers", 0, 30)
		require.Len(t, tokens, 3)
		first := c.search("n3", "papers", tokens)
		require.Len(t, first.Hits, 30)
		require.Equal(t, first.Hits, c.search("n2", "papers", tokens).Hits, "with the same scores in the same order")
		for _, id := range []string{"n1", "n2", "n3"} {
			doc, err := c.nodes[id].Get(testContext(t), "papers", "d7")
			require.NoError(t, err)
			require.Contains(t, string(doc.Source), "number7")
		}
		c.await("all is green", func() bool { return c.green("n3", "papers") })
	})
	t.Run("a token of another index is refused", func(t *testing.T) {
		req := &api.SearchRequest{Sequence: []string{"ffffffff-0-1"}}
		_, err := c.nodes["n1"].Search(testContext(t), "papers", req)
		requireProblem(t, err, 400)
	})
	t.Run("aliases lead everywhere", func(t *testing.T) {
		require.ErrorIs(t, c.nodes["n1"].PutAlias(testContext(t), "latest", "nothing"), api.ErrIndexNotFound)
		require.NoError(t, c.nodes["n3"].PutAlias(testContext(t), "latest", "papers"))
		require.Len(t, c.search("n3", "latest", tokens).Hits, 30)
		c.await("the alias is known", func() bool {
			aliases, err := c.nodes["n1"].Aliases(testContext(t))
			require.NoError(t, err)
			return len(aliases) == 1
		})
		require.Len(t, c.search("n1", "latest", tokens).Hits, 30)
		require.ErrorIs(t, c.nodes["n2"].PutAlias(testContext(t), "papers", "papers"), api.ErrIndexExists)
	})
	t.Run("a node that goes costs nothing", func(t *testing.T) {
		c.close("n2")
		require.Len(t, c.search("n3", "papers", c.write("n1", "papers", 30, 40)).Hits, 40)
		require.Len(t, c.search("n1", "papers", c.write("n3", "papers", 40, 50)).Hits, 50)
	})
	t.Run("and has caught up when it is back", func(t *testing.T) {
		c.open("n2")
		require.NoError(t, c.nodes["n2"].Ready(testContext(t)))
		require.Len(t, c.search("n2", "papers", c.write("n2", "papers", 50, 60)).Hits, 60)
		c.await("all is green", func() bool { return c.green("n2", "papers") })
	})
	t.Run("more copies than nodes are made when a node comes", func(t *testing.T) {
		info, err := c.nodes["n1"].CreateIndex(testContext(t), "wide", testSchema(t), api.Layout{Shards: 1, Replicas: 4})
		require.NoError(t, err)
		require.Equal(t, 3, info.Placed)
		tokens := c.write("n1", "wide", 0, 5)
		c.open("n4")
		c.await("the fourth copy has a place", func() bool { return c.placed("n4", "wide", 4) })
		c.await("all is green", func() bool { return c.green("n4", "wide") })
		require.Len(t, c.search("n4", "wide", tokens).Hits, 5)
		c.await("the operation is done", func() bool {
			operations, err := c.nodes["n4"].Operations(testContext(t))
			require.NoError(t, err)
			return len(operations) == 1 && operations[0].State == string(state.OperationDone)
		})
	})
	t.Run("nodes are removed when they are gone", func(t *testing.T) {
		n1 := c.nodes["n1"]
		requireProblem(t, n1.RemoveNode(testContext(t), "n4", false), 409)
		requireProblem(t, n1.RemoveNode(testContext(t), "n1", true), 409)
		requireProblem(t, n1.RemoveNode(testContext(t), "n9", true), 404)
		c.close("n4")
		c.await("n4 is known to be gone", func() bool {
			alive, _, _ := n1.heardOf("n4")
			return !alive
		})
		err := n1.RemoveNode(testContext(t), "n4", false)
		requireProblem(t, err, 409)
		require.ErrorContains(t, err, "force")
		require.NoError(t, n1.RemoveNode(testContext(t), "n4", true))
		require.Len(t, c.search("n1", "wide", c.write("n3", "wide", 5, 8)).Hits, 8)
		c.await("it is no coordinator", func() bool {
			for _, n := range c.nodes {
				if n.meta.leads() {
					return len(n.meta.group().Servers()) == 3
				}
			}
			return false
		})
	})
	t.Run("a deleted index is gone everywhere", func(t *testing.T) {
		require.NoError(t, c.nodes["n3"].DeleteIndex(testContext(t), "papers"))
		for _, id := range []string{"n1", "n2", "n3"} {
			c.await(id+" knows", func() bool {
				_, err := c.nodes[id].Schema("papers")
				return err != nil
			})
			c.await(id+" has one replica left", func() bool { return c.nodes[id].host.Shards() == 1 })
			_, err := c.nodes[id].Schema("latest")
			require.ErrorIs(t, err, api.ErrIndexNotFound)
		}
	})
}

func TestGateway(t *testing.T) {
	c := newCluster(t, "n1", "n2")
	_, err := c.nodes["n1"].CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Shards: 2, Replicas: 2})
	require.NoError(t, err)
	tokens := c.write("n1", "papers", 0, 10)

	cfg := testConfig(t.TempDir())
	cfg.ID, cfg.Roles = "gateway", []state.Role{state.RoleGateway}
	_, gossip := c.nodes["n1"].Addresses()
	cfg.Cluster = &ClusterConfig{RPCAddr: "127.0.0.1:0", GossipAddr: "127.0.0.1:0", Join: []string{gossip}}
	open := func() {
		n, err := Open(testContext(t), cfg)
		require.NoError(t, err)
		c.nodes["gateway"] = n
	}
	open()
	c.await("it follows", func() bool { return c.nodes["gateway"].meta.Current() })
	c.await("it is ready", func() bool { return c.nodes["gateway"].Ready(testContext(t)) == nil })
	require.Len(t, c.search("gateway", "papers", tokens).Hits, 10)
	require.Len(t, c.search("n2", "papers", c.write("gateway", "papers", 10, 20)).Hits, 20)
	_, err = c.nodes["gateway"].CreateIndex(testContext(t), "notes", testSchema(t), api.Layout{Replicas: 1})
	require.NoError(t, err)
	_, err = c.nodes["gateway"].CreateIndex(testContext(t), "notes", testSchema(t), api.Layout{Replicas: 1})
	require.ErrorIs(t, err, api.ErrIndexExists)

	t.Run("from what it kept when it is started again", func(t *testing.T) {
		c.close("gateway")
		cfg.Registry = testConfig("").Registry
		open()
		require.Len(t, c.search("gateway", "papers", tokens).Hits, 20)
	})
}
