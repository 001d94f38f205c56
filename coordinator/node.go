package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"sagasu/api"
	"sagasu/coordinator/jobs"
	"sagasu/coordinator/keyring"
	"sagasu/coordinator/meta"
	"sagasu/coordinator/query"
	"sagasu/coordinator/route"
	"sagasu/coordinator/state"
	"sagasu/shard"
	"sagasu/shard/rpc"
)

// Node is one node. Its methods may be called by any number of goroutines.
type Node struct {
	cfg  Config
	lock io.Closer
	// who is the node's identity, which learns of its cluster once.
	who  atomic.Pointer[identity]
	net  *network // nil for a node on its own
	meta *metadata
	host *shard.Host // nil without the role
	// peers asks other nodes' replicas; nil for a node on its own.
	peers *rpc.Client

	searcher *query.Searcher
	router   *route.Router
	// layouts knows how to reach the shards of each index, writes how to change them.
	layouts *layouts
	writes  *writes
	// resting are the generations of vectors that searches under way may still ask.
	resting *resting
	// verifying are the comparisons of stores that this node makes.
	verifying *verifying
	// jobs are the bulks that this node has taken.
	jobs *jobs.Manager
	// snapshots is what cuts shards for them, and fills shards from them.
	snapshots *snapshotParts
	// keyring tells who callers are; keyUseNoted is when the use of keys was noted last, of the loop that does so.
	keyring     *keyring.Keyring
	keyUseNoted time.Time
	// register has the catalog; nil if there is none.
	register *catalogKeeper

	// ctx ends when the node is closed, which ends the goroutines that running counts.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	closed  atomic.Bool
	started time.Time
	// pulse knows how long searches took lately.
	pulse pulse
	// returning tells how this process met the drain of its node; see keepDrain.
	returning returning
	// joinTrouble is why the node could not register; nil if it could.
	joinTrouble atomic.Pointer[error]
}

// Open opens the node of a data directory, or makes it. A node on its own is ready when Open returns, which
// may take as long as replaying its logs; one of a cluster is when it has found the others, see Ready. Errors
// name the file or directory: vfs.ErrLocked if another process has it, ErrNewerData, ErrData, ErrIdentity,
// and those of damaged files.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	lock, who, err := lockData(cfg.FS, cfg.DataDir, cfg.ID)
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, lock: lock, started: cfg.Now(), verifying: newVerifying(), resting: newResting()}
	n.who.Store(&who)
	n.snapshots = newSnapshotParts(n)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	var err error
	if n.cfg.Cluster != nil {
		if err = n.openNetwork(); err != nil {
			return err
		}
	}
	if n.meta, err = openMetadata(&n.cfg, *n.who.Load(), n.net); err != nil {
		return err
	}
	if n.net != nil {
		n.net.know(n.meta)
	}
	if err = n.openKeyring(); err != nil {
		return err
	}
	if n.register, err = newCatalogKeeper(n); err != nil {
		return err
	}
	if err := n.openHost(); err != nil {
		return err
	}
	n.openSnapshots()
	if err := n.openGateway(); err != nil {
		return err
	}
	if err := n.openJobs(); err != nil {
		return err
	}
	if n.net != nil {
		meta.RegisterSeen(n.net.handle, n.meta)
		n.net.handle(methodReport, n.answerReport)
		n.startFounding()
		n.net.serve()
	} else if err := n.meta.recover(ctx); err != nil {
		return fmt.Errorf("recover metadata: %w", err)
	}
	n.start()
	if n.net != nil {
		return nil
	}
	// Whoever looks at a node on its own expects it complete, or to say at once what is damaged.
	if err := n.settle(ctx); err != nil {
		return err
	}
	return n.host.Ready(ctx)
}

// openNetwork listens for other nodes and begins to look for them.
func (n *Node) openNetwork() error {
	net, err := openNetwork(&n.cfg, &n.who)
	if err != nil {
		return err
	}
	n.net = net
	n.peers = rpc.NewClient(net)
	return net.join(n.gossipMeta())
}

// openHost makes what holds this node's replicas.
func (n *Node) openHost() error {
	if !n.cfg.has(state.RoleShard) {
		return nil
	}
	cfg := shard.Default()
	cfg.Node, cfg.Dir = n.who.Load().ID, filepath.Join(n.cfg.DataDir, indexesDir)
	cfg.FS, cfg.Analyzers, cfg.Remote = n.cfg.FS, n.cfg.Analyzers, n.cfg.Remote
	if n.cfg.Embedders != nil {
		cfg.Embedders = n.cfg.Embedders
	}
	if n.register != nil {
		cfg.Ledger = catalogLedger{n.register}
	}
	cfg.Founded, cfg.SearchDelay = n.markFounded, n.cfg.SearchDelay
	cfg.Seed = n.snapshots.seed
	cfg.SnapshotEvery = n.cfg.SnapshotEvery
	cfg.ScrubEvery, cfg.ScrubBytesPerSecond = n.cfg.ScrubEvery, n.cfg.ScrubBytesPerSecond
	cfg.MergeBytesPerSecond = n.cfg.MergeBytesPerSecond
	cfg.Now, cfg.After, cfg.Logger, cfg.Registry = n.cfg.Now, n.cfg.After, n.cfg.Logger, n.cfg.Registry
	if n.net != nil {
		cfg.Network, cfg.Peers = n.net.groups, n.peers
	}
	var err error
	if n.host, err = shard.New(cfg); err != nil {
		return err
	}
	if n.net != nil {
		rpc.Register(n.net.handle, n.host, n.host.Transfers())
	}
	return nil
}

// openGateway makes what answers searches and writes.
func (n *Node) openGateway() error {
	searching := query.Default()
	searching.Registry, searching.Logger, searching.Now = n.cfg.Registry, n.cfg.Logger, n.cfg.Now
	if n.cfg.Embedders != nil {
		searching.Embedders = n.cfg.Embedders
	}
	searching.Answers = n.cfg.Answers
	var err error
	if n.searcher, err = query.New(searching); err != nil {
		return fmt.Errorf("prepare searching: %w", err)
	}
	n.layouts = newLayouts(n)
	n.writes = newWrites(n)
	routing := route.Default()
	routing.Registry, routing.Logger, routing.Now = n.cfg.Registry, n.cfg.Logger, n.cfg.Now
	routing.NodeFailed, routing.Refresh = nodeFailed, n.layouts.refresh
	if n.router, err = route.New(routing); err != nil {
		return fmt.Errorf("prepare routing: %w", err)
	}
	return nil
}

// Ready is nil if everything is: the node belongs to a cluster, knows its metadata, and every replica of it
// serves. Otherwise it names each thing that doesn't. That no coordinator leads is not this node's fault.
func (n *Node) Ready(ctx context.Context) error {
	if n.closed.Load() {
		return fmt.Errorf("node is closing: %w", api.ErrUnavailable)
	}
	var errs []error
	switch {
	case n.meta.err() != nil:
		errs = append(errs, fmt.Errorf("metadata: %w", n.meta.err()))
	case n.net == nil:
		if err := n.meta.Sync(ctx); err != nil {
			errs = append(errs, fmt.Errorf("metadata: %w", err))
		}
	default:
		errs = append(errs, n.joined(ctx))
	}
	if n.host != nil {
		errs = append(errs, n.host.Ready(ctx))
	}
	return errors.Join(errs...)
}

// joined is nil once the node belongs to a cluster, under its own name; else it says what keeps it from that.
func (n *Node) joined(ctx context.Context) error {
	if n.meta.View().ClusterID() == "" {
		return fmt.Errorf("no cluster was joined yet: %w", errors.Join(api.ErrUnavailable, n.net.gossip.JoinError(),
			meta.Ask(ctx, n.net, n.net.coordinators())))
	}
	if !n.registered(n.meta.View()) {
		trouble := n.joinTrouble.Load()
		if trouble == nil {
			return fmt.Errorf("the cluster does not know this node yet: %w", api.ErrUnavailable)
		}
		return fmt.Errorf("join the cluster: %w: %w", api.ErrUnavailable, *trouble)
	}
	return nil
}

// registered reports whether the metadata know this node, and not another one of its name.
func (n *Node) registered(view *state.View) bool {
	who := n.who.Load()
	known, ok := view.Node(who.ID)
	return ok && known.Instance == who.Instance
}

// Close ends the node: it leaves the cluster's gossip, hands its leaderships over, finishes or ends the
// calls under way, and closes every replica. What was acknowledged is there at the next Open.
func (n *Node) Close() error {
	n.closed.Store(true)
	n.cancel()
	n.running.Wait()
	if n.jobs != nil {
		n.jobs.Close()
	}
	var errs []error
	if n.net != nil && n.net.gossip != nil {
		leaving, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		if err := n.net.gossip.Leave(leaving); err != nil {
			n.cfg.Logger.Warn("leave gossip", "error", err)
		}
		cancel()
	}
	n.snapshots.close()
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	if n.register != nil {
		errs = append(errs, n.register.close())
	}
	if n.layouts != nil {
		errs = append(errs, n.layouts.collections.close())
	}
	if n.meta != nil {
		errs = append(errs, n.meta.close())
	}
	if n.net != nil {
		errs = append(errs, n.net.close())
	}
	errs = append(errs, n.lock.Close())
	return errors.Join(errs...)
}

// ID is the node's name in its cluster.
func (n *Node) ID() string { return n.who.Load().ID }

// Addresses gives where the node listens for calls of others and for gossip; "" for a node on its own.
func (n *Node) Addresses() (rpcAddr, gossipAddr string) {
	if n.net == nil {
		return "", ""
	}
	return n.net.listener.Addr().String(), n.net.gossip.Addr()
}
