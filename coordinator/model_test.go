package coordinator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
)

const modelSchema = `{"fields":{"text":{"type":"text"}},"dense":{"dims":4,"fields":["text"],"model":"m4"}}`

func parseModelSchema(t *testing.T, text string) api.Schema {
	t.Helper()
	schema, err := api.ParseSchema([]byte(text))
	require.NoError(t, err)
	return schema
}

// embedded is a node with the index papers, of which documents have vectors by model m4.
type embedded struct {
	t        *testing.T
	remote   *memoryRemote
	services *modelServices
}

func (e *embedded) config(cfg *Config) {
	cfg.Embedders, cfg.DropRest = e.services, 10*time.Millisecond
	if e.remote != nil {
		cfg.Remote = e.remote
	}
}

// fill makes the index and writes documents, the last of which some model may reject.
func (e *embedded) fill(n *Node, documents int, layout api.Layout) {
	schema := parseModelSchema(e.t, modelSchema)
	_, err := n.CreateIndex(testContext(e.t), "papers", schema, layout)
	require.NoError(e.t, err)
	var writes []api.Write
	for i := range documents {
		text := fmt.Sprintf("earthquake %0*d", i%13+1, i)
		if i == documents-1 {
			text += " unfit"
		}
		w, err := api.ParseDocument(&schema, fmt.Appendf(nil, `{"id":"d%d","text":"%s"}`, i, text))
		require.NoError(e.t, err)
		writes = append(writes, w)
	}
	_, err = n.Write(testContext(e.t), "papers", writes, httpapi.WriteOptions{WaitDense: true})
	require.NoError(e.t, err)
}

// ended waits for the end of an operation.
func ended(t *testing.T, n *Node, id string) (o state.Operation) {
	t.Helper()
	for ctx := testContext(t); ; {
		changed := n.meta.Changed()
		if o, ok := n.meta.View().Operation(id); ok && o.State.Ended() {
			return o
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.Fail(t, "operation has not ended", "%+v", n.meta.View().Operations())
		}
	}
}

// nearest searches by meaning and gives the answer.
func nearest(ctx context.Context, n *Node) (*api.SearchResponse, error) {
	schema, err := n.Schema("papers")
	if err != nil {
		return nil, err
	}
	req, err := api.ParseSearchRequest(schema,
		[]byte(`{"query":"earthquake","mode":"dense","size":5,"cache":false,"timeout":"10s"}`))
	if err != nil {
		return nil, err
	}
	return n.Search(ctx, "papers", req)
}

// generationsOf are the numbers of an index's generations as its shards tell of them.
func generationsOf(t *testing.T, n *Node) (out []int) {
	t.Helper()
	info, err := n.GetIndex(testContext(t), "papers")
	require.NoError(t, err)
	for _, g := range info.Generations {
		out = append(out, g.Generation)
	}
	return out
}

func TestChangeModel(t *testing.T) {
	for _, remote := range []bool{false, true} {
		t.Run(fmt.Sprint("with a server of vectors ", remote), func(t *testing.T) {
			e := &embedded{t: t, services: &modelServices{}}
			if remote {
				e.remote = newMemoryRemote()
			}
			cfg := testConfig(t.TempDir())
			e.config(&cfg)
			n, err := Open(testContext(t), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, n.Close()) })
			e.fill(n, 100, api.Layout{Shards: 2})

			o, err := n.ChangeModel(testContext(t), "papers", api.ModelChange{Model: "m8"})
			require.NoError(t, err)
			require.Equal(t, "running", o.State)
			_, err = n.ChangeModel(testContext(t), "papers", api.ModelChange{Model: "m16"})
			requireProblem(t, err, 409)
			require.Equal(t, state.OperationDone, ended(t, n, o.ID).State)

			schema, err := n.Schema("papers")
			require.NoError(t, err)
			require.Equal(t, api.DenseConfig{Dims: 8, Fields: []string{"text"}, Model: "m8", Generation: 1}, *schema.Dense)
			require.Equal(t, []int{1}, generationsOf(t, n))
			answer, err := nearest(testContext(t), n)
			require.NoError(t, err)
			require.Len(t, answer.Hits, 5)
			require.Empty(t, answer.Degraded)
			if remote {
				x, _ := n.meta.View().Index("papers")
				require.Equal(t, []string{collectionOf(x.UUID, 0)}, e.remote.dropped)
				require.Equal(t, []string{collectionOf(x.UUID, 1)}, e.remote.there())
			}
			_, err = n.CancelOperation(testContext(t), o.ID)
			requireProblem(t, err, 409)
		})
	}
}

func TestModelThatCantBe(t *testing.T) {
	e := &embedded{t: t, services: &modelServices{rejects: map[string]bool{"m8": true}}}
	cfg := testConfig(t.TempDir())
	e.config(&cfg)
	n, err := Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })

	t.Run("an index is not made for it", func(t *testing.T) {
		schema := parseModelSchema(t, `{"fields":{"text":{"type":"text"}},"dense":{"dims":4,"model":"none"}}`)
		_, err := n.CreateIndex(testContext(t), "none", schema, api.Layout{})
		requireProblem(t, err, 400)
		require.ErrorContains(t, err, `no embedding service`)
	})
	e.fill(n, 3, api.Layout{})
	_, err = n.CreateIndex(testContext(t), "brought",
		parseModelSchema(t, `{"fields":{"text":{"type":"text"}},"dense":{"dims":4}}`), api.Layout{})
	require.NoError(t, err)
	_, err = n.CreateIndex(testContext(t), "words", parseModelSchema(t, `{"fields":{"text":{"type":"text"}}}`),
		api.Layout{})
	require.NoError(t, err)
	for _, c := range []struct {
		index  string
		change api.ModelChange
		want   string
	}{
		{"papers", api.ModelChange{Model: "none"}, "no embedding service"},
		{"papers", api.ModelChange{Model: "m8", Dims: 4}, `is 4, but model "m8" gives 8`},
		{"papers", api.ModelChange{Model: "m8", Fields: []string{"title"}}, "no field of the schema"},
		{"brought", api.ModelChange{Model: "m8"}, "bring their own vectors"},
		{"words", api.ModelChange{Model: "m8"}, "has no vectors"},
	} {
		_, err := n.ChangeModel(testContext(t), c.index, c.change)
		requireProblem(t, err, 400)
		require.ErrorContains(t, err, c.want)
	}
	_, err = n.ChangeModel(testContext(t), "gone", api.ModelChange{Model: "m8"})
	require.ErrorIs(t, err, api.ErrIndexNotFound)

	t.Run("one that rejects documents fails, and the index stays as it was", func(t *testing.T) {
		all := n.cfg.Embedders.(*modelServices) //nolint:forcetypeassert // made above
		all.mu.Lock()
		all.rejects["m8"] = true
		all.mu.Unlock()
		schema := parseModelSchema(t, modelSchema)
		for _, id := range []string{"x", "y"} {
			w, err := api.ParseDocument(&schema, fmt.Appendf(nil, `{"id":"%s","text":"unfit"}`, id))
			require.NoError(t, err)
			_, err = n.Write(testContext(t), "papers", []api.Write{w}, httpapi.WriteOptions{WaitDense: true})
			require.NoError(t, err)
		}
		o, err := n.ChangeModel(testContext(t), "papers", api.ModelChange{Model: "m8"})
		require.NoError(t, err)
		last := ended(t, n, o.ID)
		require.Equal(t, state.OperationFailed, last.State)
		require.Contains(t, last.Error, "can't be embedded by the new model")
		schema2, err := n.Schema("papers")
		require.NoError(t, err)
		require.Equal(t, "m4", schema2.Dense.Model)
		failures, err := n.DenseFailures(testContext(t), "papers", -1)
		require.NoError(t, err)
		require.Empty(t, failures.Failures)
	})
	t.Run("failures are told and tried again", func(t *testing.T) {
		all := n.cfg.Embedders.(*modelServices) //nolint:forcetypeassert // made above
		all.mu.Lock()
		all.rejects["m4"] = true
		all.mu.Unlock()
		schema := parseModelSchema(t, modelSchema)
		w, err := api.ParseDocument(&schema, []byte(`{"id":"z","text":"unfit too"}`))
		require.NoError(t, err)
		_, err = n.Write(testContext(t), "papers", []api.Write{w}, httpapi.WriteOptions{WaitDense: true})
		require.NoError(t, err)
		failures, err := n.DenseFailures(testContext(t), "papers", -1)
		require.NoError(t, err)
		require.Len(t, failures.Failures, 1)
		require.Equal(t, "z", failures.Failures[0].ID)
		all.mu.Lock()
		all.rejects["m4"] = false
		all.mu.Unlock()
		require.NoError(t, n.RetryDense(testContext(t), "papers", -1))
		require.Eventually(t, func() bool {
			failures, err := n.DenseFailures(testContext(t), "papers", -1)
			return err == nil && len(failures.Failures) == 0
		}, 30*time.Second, 20*time.Millisecond)
		_, err = n.DenseFailures(testContext(t), "papers", 7)
		requireProblem(t, err, 404)
	})
}

// TestChangeModelInCluster loses the leader of the metadata while vectors are made anew, and searches all the while.
func TestChangeModelInCluster(t *testing.T) {
	e := &embedded{t: t, services: &modelServices{}, remote: newMemoryRemote()}
	c := newClusterOf(t, e.config, "a", "b", "c")
	e.fill(c.nodes["a"], 200, api.Layout{Shards: 2, Replicas: 3})
	c.await("three coordinators vote", func() bool {
		servers := c.nodes["a"].meta.group().Servers()
		return len(servers) == 3 && !slices.ContainsFunc(servers, func(s consensus.Server) bool { return !s.Voter })
	})

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var searching sync.WaitGroup
	var wrong atomic.Pointer[string]
	var searches atomic.Int64
	gateway := c.nodes["b"]
	searching.Go(func() {
		for ctx.Err() == nil {
			answer, err := nearest(ctx, gateway)
			if ctx.Err() != nil {
				return
			}
			searches.Add(1)
			if err != nil || len(answer.Hits) != 5 || slices.ContainsFunc(answer.Degraded, func(d api.Degraded) bool {
				return d.Reason != api.ReasonDenseLagging
			}) {
				text := fmt.Sprint(answer, err)
				wrong.Store(&text)
			}
		}
	})
	o, err := gateway.ChangeModel(testContext(t), "papers", api.ModelChange{Model: "m8"})
	require.NoError(t, err)
	leader := slices.IndexFunc([]string{"a", "c"}, func(id string) bool { return c.nodes[id].meta.leads() })
	if leader >= 0 {
		c.close([]string{"a", "c"}[leader])
	}
	require.Equal(t, state.OperationDone, ended(t, gateway, o.ID).State)
	stop()
	searching.Wait()
	require.Positive(t, searches.Load())
	if text := wrong.Load(); text != nil {
		require.Fail(t, "a search was wrong", *text)
	}
	x, _ := gateway.meta.View().Index("papers")
	require.Equal(t, []string{collectionOf(x.UUID, 1)}, e.remote.there())

	t.Run("what a deleted index left is dropped when the server is back", func(t *testing.T) {
		e.remote.set(true)
		require.NoError(t, gateway.DeleteIndex(testContext(t), "papers"))
		require.Len(t, gateway.meta.View().Leftovers(), 1)
		e.remote.set(false)
		c.await("nothing is left", func() bool { return len(gateway.meta.View().Leftovers()) == 0 })
		require.Empty(t, e.remote.there())
	})
}

func TestVerifyNode(t *testing.T) {
	e := &embedded{t: t, services: &modelServices{}, remote: newMemoryRemote()}
	cfg := testConfig(t.TempDir())
	e.config(&cfg)
	n, err := Open(testContext(t), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	e.fill(n, 50, api.Layout{Shards: 2})
	verify := func(repair bool) api.VerifyReport {
		o, err := n.Verify(testContext(t), "papers", repair)
		require.NoError(t, err)
		last := ended(t, n, o.ID)
		require.Equal(t, state.OperationDone, last.State, last.Error)
		report, err := n.VerifyReport(testContext(t), "papers", o.ID)
		require.NoError(t, err)
		require.Equal(t, uint64(50), last.Done)
		return report
	}
	require.Empty(t, verify(false).Differences)
	x, _ := n.meta.View().Index("papers")
	e.remote.mu.Lock()
	rows := e.remote.collections[collectionOf(x.UUID, 0)].rows
	delete(rows, "d7")
	e.remote.mu.Unlock()
	report := verify(true)
	require.Len(t, report.Differences, 1)
	require.Equal(t, []string{"d7"}, report.Differences[0].IDs)
	require.Eventually(t, func() bool { return len(verify(false).Differences) == 0 }, 30*time.Second, 20*time.Millisecond)

	t.Run("while the server is away it fails, and says why", func(t *testing.T) {
		e.remote.set(true)
		defer e.remote.set(false)
		o, err := n.Verify(testContext(t), "papers", false)
		require.NoError(t, err)
		last := ended(t, n, o.ID)
		require.Equal(t, state.OperationFailed, last.State)
		require.Contains(t, last.Error, "unavailable")
		_, err = n.VerifyReport(testContext(t), "papers", o.ID)
		requireProblem(t, err, 404)
	})
	t.Run("one that a restart broke off has failed", func(t *testing.T) {
		_, err := n.meta.Propose(testContext(t), state.PutOperation{Operation: state.Operation{
			ID: "verify-lost", Kind: KindVerify, State: state.OperationRunning, Index: "papers", Node: n.ID(),
		}})
		require.NoError(t, err)
		last := ended(t, n, "verify-lost")
		require.Equal(t, state.OperationFailed, last.State)
		require.Equal(t, "the node was restarted", last.Error)
	})
}
