package shard

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse"
	"sagasu/sparse/analysis"
)

func TestMerging(t *testing.T) {
	registry := prometheus.NewRegistry()
	cfg := Default()
	cfg.Registry, cfg.MergeBytesPerSecond = registry, 1_000_000_000
	m, err := newMerging(&cfg)
	require.NoError(t, err)
	index := sparse.Default()
	index.FS, index.Dir, index.Analyzers = vfs.OS(), t.TempDir(), analysis.NewRegistry()
	index.Schema = api.Schema{Fields: map[string]api.Field{"text": {Type: api.TypeText}}}
	index.Logger, index.Courtesy = slog.New(slog.DiscardHandler), m.courtesy
	x, err := sparse.Open(index)
	require.NoError(t, err)
	for i := range 2 {
		doc := api.Document{ID: fmt.Sprint(i), Source: []byte("{}")}
		_, err := x.Apply(sparse.Batch{Index: uint64(i + 1), Writes: []api.Write{{Kind: api.OpIndex, Doc: doc}}})
		require.NoError(t, err)
		_, err = x.Flush(context.Background())
		require.NoError(t, err)
	}
	require.Zero(t, metric(t, registry, "sagasu_merged_bytes_total"), "flushes are no merges")
	require.NoError(t, x.Compact(context.Background()))
	require.Positive(t, metric(t, registry, "sagasu_merged_bytes_total"))
	require.Zero(t, metric(t, registry, "sagasu_merge_hurried_bytes_total"))
	require.NoError(t, x.Close())
	m.close()
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Empty(t, families)

	cfg.MergeBytesPerSecond = -1
	require.ErrorContains(t, cfg.Validate(), "MergeBytesPerSecond is -1")
}
