package shard

import (
	"context"
	"slices"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
)

// openReplica opens the replica's directory, or makes it.
func (s *hosted) openReplica(ctx context.Context, want Assignment) (*replica.Replica, error) {
	cfg := s.configOf(want)
	if err := s.seed(ctx, &cfg, &want); err != nil {
		return nil, err
	}
	return replica.Open(cfg)
}

// configOf is how the replica is opened.
func (s *hosted) configOf(want Assignment) replica.Config {
	h := &s.host.cfg
	cfg := replica.Default()
	cfg.Dir, cfg.Name, cfg.Shard, cfg.Node, cfg.Schema = s.dir(), want.Index, want.Shard, h.Node, want.Schema
	cfg.FS, cfg.Analyzers, cfg.IndexID, cfg.Ledger = h.FS, h.Analyzers, want.IndexID, h.Ledger
	if h.Embedders != nil {
		cfg.Embedder = h.Embedders.For
	}
	cfg.Logger, cfg.Registry, cfg.Now, cfg.After = h.Logger, h.Registry, h.Now, h.After
	cfg.Wanted = want.vectors()
	cfg.Network, cfg.SnapshotEvery, cfg.FlushBytes = h.Network, h.SnapshotEvery, h.FlushBytes
	cfg.ScrubEvery, cfg.ScrubPace = h.ScrubEvery, s.host.scrubbing.take
	cfg.Courtesy = s.host.merging.courtesy
	cfg.Founders = nil
	if !want.Founded && slices.Contains(want.Nodes, h.Node) {
		cfg.Founders = want.Nodes
	}
	if h.Peers != nil {
		cfg.Fetch = s.host.fetcher(want.Shard, s.dir())
	}
	if h.Remote != nil {
		cfg.Collection = func(ctx context.Context, config api.DenseConfig) (dense.Collection, func(), error) {
			return s.host.collections.get(ctx, want.IndexID, config, want.Schema)
		}
	}
	return cfg
}
