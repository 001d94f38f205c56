package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"sagasu/internal/consensus"
	"sagasu/internal/dense"
	"sagasu/internal/dense/flat"
	"sagasu/internal/dense/vault"
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

// openStore opens the vectors of a generation: those that are searched here, or those that are searched elsewhere.
// Neither refuses what was committed, so the limit is kept by who proposes it, see room.
func (r *Replica) openStore(dir string, dims int) (vectorStore, error) {
	if r.cfg.Collection != nil {
		cfg := vault.Default()
		cfg.FS, cfg.Dir, cfg.Dims, cfg.Logger = r.cfg.FS, dir, dims, r.cfg.Logger
		return vault.Open(cfg)
	}
	cfg := flat.Default()
	cfg.FS, cfg.Dir, cfg.Dims, cfg.Schema, cfg.Limit = r.cfg.FS, dir, dims, r.cfg.Schema, math.MaxInt32
	cfg.Logger = r.cfg.Logger
	return flat.Open(cfg)
}

// room returns dense.ErrFull if a generation can't take that many vectors more.
func (r *Replica) room(ctx context.Context, generation, vectors int) error {
	limit := flat.DefaultLimit
	if r.cfg.Collection != nil {
		limit = vault.DefaultLimit
	}
	count := 0
	err := r.vectors.use(generation, func(s vectorStore) (err error) {
		count, err = s.Count(ctx)
		return err
	})
	if err != nil && !errors.Is(err, ErrNoGeneration) {
		return fmt.Errorf("count vectors: %w", err)
	}
	if count+vectors > limit {
		return fmt.Errorf("%d vectors beside %d, the limit is %d: %w", vectors, count, limit, dense.ErrFull)
	}
	return nil
}
