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

// testConfig names a collection of the process's own.
func testConfig(t testing.TB, dims int) Config {
	cfg := Default()
	cfg.Address = milvustest.Start(t)
	cfg.Collection = fmt.Sprintf("test_%d_%d", os.Getpid(), collections.Add(1))
	cfg.Dims, cfg.Fields = dims, densetest.Fields()
	return cfg
}

func openTest(t testing.TB, cfg Config) *Index {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	x, err := Open(ctx, cfg)
	require.NoError(t, err)
	return x
}

func TestConformance(t *testing.T) {
	densetest.Run(t, densetest.Config{
		MaxValues: maxSlots, Steps: 15,
		Open: func(t *testing.T, dims int, fields map[string]api.Field) dense.Index {
			cfg := testConfig(t, dims)
			cfg.Fields = fields
			return openTest(t, cfg)
		},
	})
}
