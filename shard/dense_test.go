package shard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// server is a Remote that keeps rows in memory.
type server struct {
	mu          sync.Mutex
	collections map[string]map[dense.Key]dense.Vector
	// open counts what is in use.
	open int
	down bool
}

func newServer() *server { return &server{collections: map[string]map[dense.Key]dense.Vector{}} }

var _ Remote = (*server)(nil)

func (s *server) Open(_ context.Context, index string, config api.DenseConfig, _ api.Schema) (dense.Collection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	return &serverCollection{s, fmt.Sprintf("%s.%d", index, config.Generation)}, nil
}

func (s *server) Drop(_ context.Context, index string, generation int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.collections, fmt.Sprintf("%s.%d", index, generation))
	return nil
}

func (s *server) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// versions gives the rows of a collection that are not there in an older version as well.
func (s *server) versions(name string) map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]uint64{}
	for k := range s.collections[name] {
		out[k.ID] += k.Version
	}
	return out
}

type serverCollection struct {
	*server
	name string
}

func (c *serverCollection) use(do func(rows map[dense.Key]dense.Vector)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return dense.ErrUnavailable
	}
	if c.collections[c.name] == nil {
		c.collections[c.name] = map[dense.Key]dense.Vector{}
	}
	do(c.collections[c.name])
	return nil
}

func (c *serverCollection) Upsert(_ context.Context, vs []dense.Vector) error {
	return c.use(func(rows map[dense.Key]dense.Vector) {
		for _, v := range vs {
			maps.DeleteFunc(rows, func(k dense.Key, _ dense.Vector) bool { return k.ID == v.ID && k.Version < v.Version })
			rows[dense.Key{ID: v.ID, Version: v.Version}] = v
		}
	})
}

func (c *serverCollection) Delete(_ context.Context, keys []dense.Key) error {
	return c.use(func(rows map[dense.Key]dense.Vector) {
		for _, gone := range keys {
			maps.DeleteFunc(rows, func(k dense.Key, _ dense.Vector) bool {
				return k.ID == gone.ID && k.Version <= gone.Version
			})
		}
	})
}

func (c *serverCollection) Search(context.Context, dense.Query) ([]dense.Hit, error) {
	return nil, errors.ErrUnsupported
}

func (c *serverCollection) Count(context.Context) (n int, err error) {
	err = c.use(func(rows map[dense.Key]dense.Vector) { n = len(rows) })
	return n, err
}

func (c *serverCollection) Scan(_ context.Context, from, to int, visit func(dense.Key) error) error {
	var keys []dense.Key
	err := c.use(func(rows map[dense.Key]dense.Vector) {
		for k, v := range rows {
			if int(v.Slot) >= from && int(v.Slot) < to {
				keys = append(keys, k)
			}
		}
	})
	for _, k := range keys {
		err = errors.Join(err, visit(k))
	}
	return err
}

func (c *serverCollection) Identity(context.Context) (string, error) {
	return c.name, c.use(func(map[dense.Key]dense.Vector) {})
}

func (c *serverCollection) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	return nil
}

// models is a service of every model, of which a vector has as many dimensions as the model's name has bytes.
type models struct{}

func (models) For(model string) (embedclient.Embedder, error) { return vectorsOf(len(model)), nil }

type vectorsOf int

func (dims vectorsOf) Embed(_ context.Context, _ embedclient.Kind, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, text := range texts {
		out[i] = make([]float32, dims)
		for j := range out[i] {
			out[i][j] = float32(1 + (len(text)+7*j)%5)
		}
	}
	return out, nil
}

func denseConfig(model string, generation int) *api.DenseConfig {
	return &api.DenseConfig{Dims: len(model), Fields: []string{"text"}, Model: model, Generation: generation}
}

// fill tells the nodes which vectors are wanted.
func (c *cluster) fill(shard string, now, next *api.DenseConfig, retired ...int) {
	c.mu.Lock()
	s := c.shards[shard]
	s.IndexID, s.Schema.Dense, s.Next, s.Retired = "uuid", now, next, retired
	s.Nodes = []string{"n0", "n1", "n2"}
	s.Shard, s.Index, s.Schema.Fields = shard, "papers", textSchema().Fields
	s.Epoch = max(s.Epoch, 1)
	c.shards[shard] = s
	c.version++
	c.mu.Unlock()
	c.assign()
}

// keys gives what a replica holds.
func (c *cluster) keys(node, shard string) []replica.KeyState {
	keys, _, err := c.at(node, shard).ListKeys(testContext(c.t), rpc.Call{Shard: shard}, "", 10_000)
	if err != nil {
		require.ErrorIs(c.t, err, api.ErrUnavailable)
	}
	return keys
}

// awaitVectors waits until all nodes have all vectors of a generation, and so has the server.
func (c *cluster) awaitVectors(s *server, shard string, generation, documents int) {
	c.t.Helper()
	await(c.t, fmt.Sprint("vectors of generation ", generation), func() bool {
		rows := s.versions(fmt.Sprintf("uuid.%d", generation))
		if len(rows) != documents {
			return false
		}
		c.mu.Lock()
		nodes := len(c.members)
		c.mu.Unlock()
		equal := 0
		for _, node := range []string{"n0", "n1", "n2"} {
			c.mu.Lock()
			_, up := c.members[node]
			c.mu.Unlock()
			if !up {
				continue
			}
			keys := c.keys(node, shard)
			same := len(keys) == documents
			for _, k := range keys {
				found := false
				for _, v := range k.Vectors {
					found = found || v.Generation == generation && v.Version == k.Version && rows[k.ID] == k.Version
				}
				same = same && found
			}
			if same {
				equal++
			}
		}
		return equal == nodes
	})
}

func TestVectorsOfAGroup(t *testing.T) {
	s := newServer()
	c := newClusterWith(t, func(cfg *Config) { cfg.Remote, cfg.Embedders = s, models{} }, "n0", "n1", "n2")
	old := denseConfig("four", 0)
	c.fill(papers, old, nil)
	c.writeMany(papers, "a", 30)
	c.awaitVectors(s, papers, 0, 30)

	t.Run("another leader goes on", func(t *testing.T) {
		s.set(true)
		c.writeMany(papers, "b", 5)
		c.write(papers, api.Write{Kind: api.OpDelete, Doc: api.Document{ID: "a0"}}, put("a1", "changed"))
		leader := c.leader(papers)
		c.lead(papers, map[string]string{"n0": "n1", "n1": "n2", "n2": "n0"}[leader])
		s.set(false)
		c.writeMany(papers, "c", 5)
		c.awaitVectors(s, papers, 0, 39)
	})
	t.Run("a model is changed while leaders change", func(t *testing.T) {
		next := denseConfig("sixsix", 1)
		c.fill(papers, old, next)
		leader := c.leader(papers)
		c.writeMany(papers, "d", 5)
		c.lead(papers, map[string]string{"n0": "n1", "n1": "n2", "n2": "n0"}[leader])
		c.awaitVectors(s, papers, 1, 44)
		c.awaitVectors(s, papers, 0, 44)
		c.fill(papers, next, nil, 0)
		await(t, "the end of the old vectors", func() bool {
			for _, node := range []string{"n0", "n1", "n2"} {
				_, _, err := c.at(node, papers).Current(testContext(t), rpc.Call{Shard: papers}, nil, 0)
				if !errors.Is(err, replica.ErrNoGeneration) || exists(t, c.dirOf(node, papers)+"/dense") {
					return false
				}
			}
			return true
		})
		c.write(papers, put("e", "new"))
		c.awaitVectors(s, papers, 1, 45)
	})
	t.Run("a replica that lost everything gets the vectors with the files", func(t *testing.T) {
		leader := c.leader(papers)
		lost := map[string]string{"n0": "n1", "n1": "n2", "n2": "n0"}[leader]
		c.stop(lost)
		c.writeMany(papers, "f", 45)
		c.compact(leader, papers)
		c.start(lost, t.TempDir())
		c.awaitVectors(s, papers, 1, 90)
		status, _, err := c.at(lost, papers).DenseStatus(testContext(t), rpc.Call{Shard: papers})
		require.NoError(t, err)
		require.Len(t, status, 1)
		require.Equal(t, 90, status[0].Vectors)
	})
	t.Run("retries and repairs belong to the leader", func(t *testing.T) {
		leader := c.leader(papers)
		follower := map[string]string{"n0": "n1", "n1": "n2", "n2": "n0"}[leader]
		call := rpc.Call{Shard: papers}
		_, err := c.at(leader, papers).RepairDense(testContext(t), call, 1, []string{"e", "nobody"})
		require.NoError(t, err)
		_, err = c.at(leader, papers).RetryDense(testContext(t), call, 1)
		require.NoError(t, err)
		var moved *rpc.NotLeaderError
		_, err = c.at(follower, papers).RepairDense(testContext(t), call, 1, []string{"e"})
		require.ErrorAs(t, err, &moved)
		require.Equal(t, leader, moved.Leader)
	})
	t.Run("equal replicas have equal positions", func(t *testing.T) {
		await(t, "equal positions", func() bool {
			var seen []replica.Position
			for _, node := range []string{"n0", "n1", "n2"} {
				p, _, err := c.at(node, papers).Position(testContext(t), rpc.Call{Shard: papers})
				require.NoError(t, err)
				seen = append(seen, p)
			}
			return seen[0] == seen[1] && seen[1] == seen[2]
		})
	})
	for _, node := range []string{"n0", "n1", "n2"} {
		c.stop(node)
	}
	require.Zero(t, s.open, "connections are closed")
}
