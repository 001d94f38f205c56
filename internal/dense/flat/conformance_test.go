package flat

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
)

func testConfig(t testing.TB, dims int) Config {
	cfg := Default()
	cfg.Dir, cfg.Dims = t.TempDir(), dims
	cfg.Schema = api.Schema{Fields: densetest.Fields()}
	return cfg
}

// openTest leaves merging to the test.
func openTest(t testing.TB, cfg Config) *Index {
	t.Helper()
	x, err := open(cfg, true)
	require.NoError(t, err)
	return x
}

func TestConformance(t *testing.T) {
	for name, k := range map[string]kernel{"fastest kernel": fastestKernel(), "scalar kernel": dotRowsScalar} {
		t.Run(name, func(t *testing.T) {
			densetest.Run(t, densetest.Config{
				Exact: true, MaxValues: 12, Steps: 300,
				Open: func(t *testing.T, dims int, fields map[string]api.Field) dense.Index {
					cfg := testConfig(t, dims)
					cfg.Schema = api.Schema{Fields: fields}
					x := openTest(t, cfg)
					x.kernel = k
					return x
				},
			})
		})
	}
}

// TestExact holds searches to a plain scan where the vectors are close to each other, as embeddings are,
// and there are enough for two goroutines.
func TestExact(t *testing.T) {
	const dims, n = 24, parallelRows + 5000
	x := openTest(t, testConfig(t, dims))
	defer func() { require.NoError(t, x.Close()) }()
	rng := rand.New(rand.NewPCG(1, 1))
	vs := clustered(rng, n, dims)
	require.NoError(t, x.Upsert(context.Background(), vs))
	for range 20 {
		q := dense.Query{Vector: clustered(rng, 1, dims)[0].Values, K: 1 + rng.IntN(200)}
		got, err := x.Search(context.Background(), q)
		require.NoError(t, err)
		require.Equal(t, plainScan(t, vs, q), got)
	}
}
