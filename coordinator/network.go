package coordinator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"

	"sagasu/api"
	"sagasu/coordinator/meta"
	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/gossip"
	"sagasu/internal/wire"
	"sagasu/shard/rpc"
)

// network connects a node with the others of its cluster: gossip tells who is there and where, wire carries
// the calls.
type network struct {
	cfg      *Config
	who      *atomic.Pointer[identity]
	listener net.Listener
	server   *wire.Server
	pool     *wire.Pool
	gossip   *gossip.Gossip
	// known are the metadata, which know the addresses of nodes that gossip has not met yet. What opens them asks for
	// other nodes already, so they come later.
	known atomic.Pointer[metadata]
	// nothing is what is known before.
	nothing *state.View
	// groups connects the raft groups of this node with those of others.
	groups *consensus.Network
}

// methodConsensus is the number of the calls of all raft groups.
const methodConsensus uint16 = 0x0001

// openNetwork listens. join must be called before anything asks for other nodes, know when the metadata are open,
// serve when all handlers are there.
func openNetwork(cfg *Config, who *atomic.Pointer[identity]) (*network, error) {
	n := &network{cfg: cfg, who: who, nothing: state.New().View()}
	var err error
	if n.listener, err = net.Listen("tcp", cfg.Cluster.RPCAddr); err != nil {
		return nil, fmt.Errorf("listen for other nodes: %w", err)
	}
	n.server, err = wire.NewServer(wire.ServerConfig{
		Hello: n.hello, Admit: n.admit, Logger: cfg.Logger, Registry: cfg.Registry, BulkHandlers: bulkHandlers,
	})
	if err == nil {
		n.pool, err = wire.NewPool(wire.PoolConfig{
			Hello: n.hello, Resolve: n.resolve, Admit: n.admit, Logger: cfg.Logger, Registry: cfg.Registry,
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare calls between nodes: %w", err), n.close())
	}
	n.groups = consensus.NewNetwork(who.Load().ID, raftPeers{n.pool}, cfg.Logger)
	n.pool.OnRefused(n.groups.Suspect)
	n.server.Handle(methodConsensus, n.groups.Serve)
	return n, nil
}

// know makes the metadata tell of nodes.
func (n *network) know(m *metadata) { n.known.Store(m) }

func (n *network) view() *state.View {
	if m := n.known.Load(); m != nil {
		return m.View()
	}
	return n.nothing
}

// serve begins to answer other nodes.
func (n *network) serve() {
	go func() {
		if err := n.server.Serve(n.listener); err != nil {
			n.cfg.Logger.Error("serve other nodes", "error", err)
		}
	}()
}

// join begins to look for other nodes, and to tell them of this one.
func (n *network) join(own gossip.Meta) error {
	cfg := gossip.Default()
	join, err := gossip.ParseJoin(n.cfg.Cluster.Join)
	if err != nil {
		return fmt.Errorf("addresses to join: %w", err)
	}
	cfg.ID, cfg.BindAddr, cfg.Join = n.who.Load().ID, n.cfg.Cluster.GossipAddr, join
	cfg.AdvertiseAddr = n.cfg.Cluster.AdvertiseHost
	if cfg.AdvertiseAddr != "" {
		cfg.AdvertiseAddr = net.JoinHostPort(cfg.AdvertiseAddr, "0") // the port is the one listened on
	}
	cfg.Key, cfg.Meta = n.cfg.Cluster.Key, own
	cfg.Logger, cfg.Registry, cfg.Now = n.cfg.Logger, n.cfg.Registry, n.cfg.Now
	if n.gossip, err = gossip.Open(cfg); err != nil {
		return fmt.Errorf("open gossip: %w", err)
	}
	return nil
}

// handle registers what answers a method; see meta.Handle and rpc.Register.
func (n *network) handle(method uint16, h func(ctx context.Context, body, dst []byte) ([]byte, error)) {
	n.server.Handle(method, func(ctx context.Context, body, dst []byte) ([]byte, error) {
		answer, err := h(ctx, body, dst)
		var f *rpc.Failure
		if errors.As(err, &f) {
			return nil, &wire.Error{Code: f.Code, Message: f.Message, Detail: f.Detail}
		}
		return answer, err
	})
}

// Call carries a call to another node; errors are those of package rpc, and api.ErrUnavailable if the node
// has surely done nothing.
func (n *network) Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error) {
	lane := wire.LaneQuery
	if rpc.IsTransfer(method) || method == meta.MethodWatch {
		// Watching the metadata may move megabytes.
		lane = wire.LaneBulk
	}
	answer, err := n.pool.Call(ctx, node, lane, method, body)
	return answer, translateWire(err)
}

// translateWire gives an error of the way between nodes the meaning that callers know.
func translateWire(err error) error {
	var e *wire.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		switch {
		case e.Code >= wire.CodeFirstFree:
			return &rpc.Failure{Code: e.Code, Message: e.Message, Detail: e.Detail}
		case e.Code == wire.CodeOverloaded:
			return fmt.Errorf("%w: %w", api.ErrOverloaded, err)
		case e.Code == wire.CodeUnknownMethod, e.Code == wire.CodeClosing:
			return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
		}
	case surelyNotSent(err):
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}

func surelyNotSent(err error) bool {
	return errors.Is(err, wire.ErrUnreachable) || errors.Is(err, wire.ErrRefused) || errors.Is(err, wire.ErrWrongNode)
}

// nodeFailed reports whether an error says that nothing of a node can be reached.
func nodeFailed(err error) bool { return surelyNotSent(err) || errors.Is(err, wire.ErrBroken) }

// raftPeers carries the calls of raft groups, on a lane that queries don't share.
type raftPeers struct{ pool *wire.Pool }

func (p raftPeers) Call(ctx context.Context, node string, body []byte) ([]byte, error) {
	return p.pool.Call(ctx, node, wire.LaneRaft, methodConsensus, body)
}

func (n *network) hello() wire.Hello {
	who := n.who.Load()
	return wire.Hello{Cluster: who.Cluster, Node: who.ID, Instance: who.Instance}
}

// admit refuses nodes of another cluster, and those that go by the id of a registered node but are another
// instance: a node whose disk was wiped has forgotten what it voted for and acknowledged, and must not pass for
// the one that others count on.
func (n *network) admit(_ wire.Lane, peer wire.Hello) error {
	own := n.who.Load()
	if own.Cluster != "" && peer.Cluster != "" && own.Cluster != peer.Cluster {
		return fmt.Errorf("node %q belongs to cluster %s, this is cluster %s", peer.Node, peer.Cluster, own.Cluster)
	}
	known, ok := n.view().Node(peer.Node)
	if ok && peer.Instance != "" && known.Instance != peer.Instance && known.State == state.NodeActive {
		return fmt.Errorf("node %q is another instance than the one of that id in the cluster: its disk was wiped or "+
			"its id is used twice; give it another id, or remove the old node first", peer.Node)
	}
	return nil
}

// resolve finds a node's address: gossip has heard of it last, the metadata for longest.
func (n *network) resolve(node string) (string, bool) {
	if m, ok := n.gossip.Member(node); ok && m.Meta.RPC != "" {
		return m.Meta.RPC, true
	}
	if known, ok := n.view().Node(node); ok && known.RPCAddr != "" {
		return known.RPCAddr, true
	}
	return "", false
}

// advertise gives the address that others reach a listener of this node by.
func (n *network) advertise(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if n.cfg.Cluster.AdvertiseHost != "" {
		host = n.cfg.Cluster.AdvertiseHost
	} else if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = ownHost()
	}
	return net.JoinHostPort(host, port)
}

// ownHost gives the machine's first address that is not of loopback; that of loopback if it has no other.
func ownHost() string {
	addrs, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range addrs {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
				return ip.IP.String()
			}
		}
	}
	return "127.0.0.1"
}

// coordinators gives the ids of the coordinators other than this node, those alive first.
func (n *network) coordinators() []string {
	var alive, other []string
	for _, m := range n.gossip.Members() {
		switch {
		case m.ID == n.who.Load().ID || !m.Meta.HasRole(string(state.RoleCoordinator)):
		case m.Status == gossip.Alive && m.Meta.Cluster != "":
			alive = append(alive, m.ID)
		default:
			other = append(other, m.ID)
		}
	}
	for _, known := range n.view().Nodes() {
		if known.Has(state.RoleCoordinator) && known.ID != n.who.Load().ID && !slices.Contains(alive, known.ID) {
			other = append(other, known.ID)
		}
	}
	return append(alive, other...)
}

// close ends calls both ways; gossip has left before.
func (n *network) close() error {
	var errs []error
	if n.gossip != nil {
		errs = append(errs, n.gossip.Close())
	}
	if n.pool != nil {
		errs = append(errs, n.pool.Close())
	}
	if n.server != nil {
		errs = append(errs, n.server.Close())
	}
	// A server that served has closed it already.
	if err := n.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
