package replica

import (
	"path/filepath"

	"sagasu/internal/consensus"
	"sagasu/internal/dense/flat"
)

// The names in a group that has one replica.
const (
	localNode  = "local"
	localShard = "local"
)

// consensusConfig is the replica's share of the log's configuration.
func (r *Replica) consensusConfig() consensus.Config {
	cfg := consensus.Default()
	cfg.Dir = filepath.Join(r.cfg.Dir, LogDir)
	cfg.ID, cfg.Group = r.cfg.Node, r.cfg.Shard
	cfg.Network = r.cfg.Network
	cfg.Bootstrap = len(r.cfg.Founders) > 0
	for _, node := range r.cfg.Founders {
		cfg.Members = append(cfg.Members, consensus.Member{ID: node, Address: node})
	}
	cfg.Fetch, cfg.RestoreDir = r.cfg.Fetch, filepath.Join(r.cfg.Dir, restoredDir)
	cfg.Logger, cfg.Registerer = r.cfg.Logger, r.cfg.Registry
	if r.cfg.SnapshotEvery > 0 {
		cfg.SnapshotThreshold = r.cfg.SnapshotEvery
		cfg.TrailingLogs = r.cfg.SnapshotEvery
	}
	return cfg
}

// flatConfig is the configuration of the vectors kept here.
func (r *Replica) flatConfig() flat.Config {
	cfg := flat.Default()
	cfg.FS, cfg.Dir = r.cfg.FS, filepath.Join(r.cfg.Dir, denseDir)
	cfg.Dims, cfg.Schema = r.cfg.Schema.Dense.Dims, r.cfg.Schema
	return cfg
}
