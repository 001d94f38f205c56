package replica

import (
	"path/filepath"

	"sagasu/internal/consensus"
	"sagasu/internal/dense/flat"
)

// localID names the one replica that a group has.
const localID = "local"

// consensusConfig is the replica's share of the log's configuration.
func (r *Replica) consensusConfig() consensus.Config {
	cfg := consensus.Default()
	cfg.Dir = filepath.Join(r.cfg.Dir, logDir)
	cfg.ID, cfg.Group, cfg.Bootstrap = localID, r.cfg.Name, true
	cfg.Logger, cfg.Registerer = r.cfg.Logger, r.cfg.Registry
	if r.cfg.SnapshotEvery > 0 {
		cfg.SnapshotThreshold = r.cfg.SnapshotEvery
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
