package coordinator

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/coordinator/snapshots"
	"sagasu/coordinator/state"
	"sagasu/internal/blob"
	"sagasu/shard"
	"sagasu/shard/rpc"
)

// snapshotParts is what a node has for snapshots.
type snapshotParts struct {
	node   *Node
	places *snapshots.Places
	// cutter and filler are nil on a node without replicas.
	cutter *snapshots.Cutter
	filler *snapshots.Filler
	// handlers answer calls of this node to itself.
	handlers map[uint16]func(ctx context.Context, body, dst []byte) ([]byte, error)
}

// openSnapshots makes what cuts and fills shards; the host is open.
func (n *Node) openSnapshots() {
	p := n.snapshots
	if n.host == nil {
		return
	}
	p.cutter = snapshots.NewCutter(snapshots.CutterConfig{
		Shards: cutShards{n.host}, Places: p.places, FS: n.cfg.FS, Now: n.cfg.Now, After: n.cfg.After,
		Logger: n.cfg.Logger,
	})
	snapshots.Register(func(method uint16, h func(context.Context, []byte, []byte) ([]byte, error)) {
		p.handlers[method] = h
		if n.net != nil {
			n.net.handle(method, h)
		}
	}, p.cutter, p.filler)
}

// newSnapshotParts makes the part that the host needs.
func newSnapshotParts(n *Node) *snapshotParts {
	p := &snapshotParts{
		node:     n,
		places:   &snapshots.Places{Dirs: n.cfg.SnapshotDirs, Credentials: n.cfg.S3Credentials, Guard: blob.DefaultGuard()},
		handlers: map[uint16]func(ctx context.Context, body, dst []byte) ([]byte, error){},
	}
	p.filler = snapshots.NewFiller(snapshots.FillerConfig{
		Places: p.places, Now: n.cfg.Now, After: n.cfg.After, Logger: n.cfg.Logger,
	})
	return p
}

// close ends what is being sent.
func (p *snapshotParts) close() {
	if p != nil && p.cutter != nil {
		p.cutter.Close()
	}
}

// Call implements snapshots.Caller.
func (p *snapshotParts) Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error) {
	if node != p.node.who.Load().ID {
		if p.node.net == nil {
			return nil, fmt.Errorf("node %q is not in this cluster: %w", node, api.ErrUnavailable)
		}
		return p.node.net.Call(ctx, node, method, body)
	}
	handler := p.handlers[method]
	if handler == nil {
		return nil, fmt.Errorf("node %q holds no shards: %w", node, api.ErrUnavailable)
	}
	return handler(ctx, body, nil)
}

// seed implements shard.Config.Seed.
func (p *snapshotParts) seed(ctx context.Context, want shard.Assignment, into string) (uint64, error) {
	view := p.node.meta.View()
	x, s, ok := view.Shard(want.Shard)
	if !ok || x.Restore == nil {
		return 0, fmt.Errorf("shard %s is not being restored: %w", want.Shard, api.ErrUnavailable)
	}
	repository, ok := view.Repository(x.Restore.Repository)
	if !ok {
		return 0, fmt.Errorf("repository %q: %w", x.Restore.Repository, state.ErrRepositoryNotFound)
	}
	return p.filler.Fill(ctx, repository, snapshots.Wanted{
		Index: x.UUID, Shard: s.ID, From: s.From, To: s.To, Restore: *x.Restore,
	}, into)
}

// newKeeper makes what the metadata's leader does about snapshots.
func (n *Node) newKeeper() (*snapshots.Keeper, error) {
	return snapshots.NewKeeper(snapshots.KeeperConfig{
		Metadata: keptMetadata{n}, Nodes: n.snapshots, Places: n.snapshots.places, Remote: n.cfg.Remote != nil,
		Program: n.cfg.Version, Now: n.cfg.Now, After: n.cfg.After, Logger: n.cfg.Logger, Registry: n.cfg.Registry,
	})
}

// keptMetadata are the metadata as a keeper knows them.
type keptMetadata struct{ *Node }

// View implements snapshots.Metadata.
func (m keptMetadata) View() *state.View { return m.meta.View() }

// Changed implements snapshots.Metadata.
func (m keptMetadata) Changed() <-chan struct{} { return m.meta.Changed() }

// Leads implements snapshots.Metadata.
func (m keptMetadata) Leads() bool { return m.meta.leads() }

// Sync implements snapshots.Metadata.
func (m keptMetadata) Sync(ctx context.Context) error { return m.sync(ctx) }

// Propose implements snapshots.Metadata.
func (m keptMetadata) Propose(ctx context.Context, c state.Change) (state.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return m.meta.Propose(ctx, c)
}

// cutShards are a host's replicas as a cutter knows them.
type cutShards struct{ host *shard.Host }

// CutDir implements snapshots.Shards.
func (c cutShards) CutDir(name string) string { return c.host.CutDir(name) }

// Cut implements snapshots.Shards.
func (c cutShards) Cut(ctx context.Context, id, dir string) (snapshots.ShardCut, error) {
	cut, err := c.host.Cut(ctx, id, dir)
	var other *rpc.NotLeaderError
	var none *rpc.NoShardError
	switch {
	case errors.As(err, &other):
		return snapshots.ShardCut{}, &snapshots.ElsewhereError{Leader: other.Leader}
	case errors.As(err, &none):
		return snapshots.ShardCut{}, &snapshots.ElsewhereError{}
	case err != nil:
		return snapshots.ShardCut{}, err
	}
	out := snapshots.ShardCut{Applied: cut.Index, Documents: cut.Documents}
	if cut.Told {
		out.Catalog = &snapshots.CatalogPosition{Version: cut.Version, Deletes: cut.Deletes}
	}
	return out, nil
}

// keepSnapshots does what the metadata say of snapshots while this node leads them.
func (n *Node) keepSnapshots() {
	k, err := n.newKeeper()
	if err != nil {
		n.cfg.Logger.Error("keep snapshots", "error", err)
		return
	}
	n.running.Go(func() { k.Run(n.ctx) })
	n.loop("forget restores that are over", func(_ context.Context, view *state.View) error {
		restoring := map[string]bool{}
		for _, x := range view.Indexes() {
			restoring[x.UUID] = x.Restore != nil
		}
		n.snapshots.filler.Forget(restoring)
		return nil
	})
}
