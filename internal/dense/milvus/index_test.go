package milvus

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
	"sagasu/internal/dense/milvus/milvustest"
)

func TestMain(m *testing.M) { os.Exit(milvustest.Main(m)) }

var collections atomic.Int64

// testName is the name of a new collection.
func testName() string { return fmt.Sprintf("test_%d_%d", os.Getpid(), collections.Add(1)) }

// connectTest gives a connection to the process's server.
func connectTest(t testing.TB) *Server {
	t.Helper()
	cfg := Default()
	cfg.Address = milvustest.Start(t)
	return connectWith(t, cfg)
}

func connectWith(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Connect(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// testCollection gives a new collection over densetest's fields, that is dropped at the end.
func testCollection(t testing.TB, s *Server, config api.DenseConfig) *Index {
	t.Helper()
	name := testName()
	t.Cleanup(func() {
		// The server may be one that the test took away.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Drop(ctx, name); err != nil {
			t.Logf("drop: %v", err)
		}
	})
	return sameCollection(t, s, name, config)
}

func sameCollection(t testing.TB, s *Server, name string, config api.DenseConfig) *Index {
	t.Helper()
	x, err := s.Collection(name, config, densetest.Fields())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, x.Prepare(ctx))
	return x
}

func TestConformance(t *testing.T) {
	s := connectTest(t)
	for name, config := range map[string]api.DenseConfig{
		"hnsw": {}, "partitions": {Partition: "tag", Index: &api.VectorIndex{Kind: api.VectorFlat}},
	} {
		t.Run(name, func(t *testing.T) {
			densetest.Run(t, densetest.Config{
				MaxValues: maxSlots, Steps: 8,
				Open: func(t *testing.T, dims int, _ map[string]api.Field) dense.Index {
					config.Dims = dims
					return testCollection(t, s, config)
				},
			})
		})
	}
}

func TestWriters(t *testing.T) {
	a, b := connectTest(t), connectTest(t)
	densetest.RunCollection(t, densetest.CollectionConfig{
		Rounds: 3,
		Open: func(t *testing.T, dims int, _ map[string]api.Field) (dense.Collection, dense.Collection) {
			x := testCollection(t, a, api.DenseConfig{Dims: dims})
			return x, sameCollection(t, b, x.name, api.DenseConfig{Dims: dims})
		},
	})
}
