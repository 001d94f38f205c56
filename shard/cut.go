package shard

import (
	"context"
	"path/filepath"

	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// CutDir gives the directory for a cut of that name; it is removed when the host is made anew.
func (h *Host) CutDir(name string) string { return filepath.Join(h.transfers.dir, "cut-"+name) }

// Cut makes dir, which must not exist, a copy of this node's replica of a shard, which must lead: everything that was
// acknowledged before the call is in it. Errors are those of a linearizable read, *rpc.NotLeaderError among them.
func (h *Host) Cut(ctx context.Context, shard, dir string) (replica.Cut, error) {
	h.mu.RLock()
	s, version := h.shards[shard], h.version
	h.mu.RUnlock()
	if s == nil {
		return replica.Cut{}, &rpc.NoShardError{Shard: shard, Version: version}
	}
	l := local{s}
	e, err := l.enter(ctx, rpc.Call{Shard: shard, MinIndex: Latest})
	if err != nil {
		return replica.Cut{}, err
	}
	defer e.leave()
	cut, err := e.Cut(e.ctx, dir)
	if err != nil {
		return replica.Cut{}, l.explain(ctx, e, err)
	}
	return cut, nil
}
