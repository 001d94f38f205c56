package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/hashicorp/raft"
)

// Peers carries a request to another node and gives its answer. The request stays the caller's and is not changed
// after the call; the answer becomes the caller's.
type Peers interface {
	Call(ctx context.Context, node string, body []byte) ([]byte, error)
}

// Network connects the groups of one node with their other replicas, which it reaches by the names of their nodes:
// raft's server id and its server address both are the node's name, and where that listens is for Peers to know.
type Network struct {
	self   string
	peers  Peers
	logger *slog.Logger
	asking chan struct{} // holds one for each group that asks who succeeds a lost leader

	mu    sync.RWMutex
	links map[string]*Link // by group
}

// NewNetwork makes the network of the node called self, without groups.
func NewNetwork(self string, peers Peers, logger *slog.Logger) *Network {
	return &Network{
		self: self, peers: peers, logger: logger, asking: make(chan struct{}, maxAsking), links: map[string]*Link{},
	}
}

// Transport registers the group, so that calls for it are answered, and gives its transport. Closing that
// unregisters. A group registered twice is the later one's.
func (n *Network) Transport(group string) *Link {
	l := newLink(n, group)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[group] = l
	return l
}

func (n *Network) link(group string) (*Link, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	l, ok := n.links[group]
	return l, ok
}

func (n *Network) unregister(l *Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.links[l.group] == l {
		delete(n.links, l.group)
	}
}

// Serve answers a peer's Call: it appends the answer to dst. What went wrong with the request is a part of the
// answer; an error tells of a request that can't be read. body is not kept.
func (n *Network) Serve(ctx context.Context, body, dst []byte) ([]byte, error) {
	d := &decoder{data: body}
	kind, group := d.head()
	if d.err != nil {
		return dst, d.err
	}
	l, ok := n.link(group)
	if !ok {
		return appendRefusal(dst, statusNoGroup, fmt.Sprintf("node %s, group %s", n.self, group)), nil
	}
	if kind == kindStatus {
		return l.serveStatus(d, dst)
	}
	call, err := d.request(kind)
	if err != nil {
		return dst, err
	}
	if err := l.check(call.Command); err != nil {
		return dst, err
	}
	response, err := l.serve(ctx, call)
	switch {
	case errors.Is(err, ErrNoGroup):
		return appendRefusal(dst, statusNoGroup, err.Error()), nil
	case err != nil:
		return appendRefusal(dst, statusError, err.Error()), nil
	}
	return appendResponse(dst, response)
}

// Status asks another node how its replica of the group is; ErrNoGroup when it has none that is open.
func (n *Network) Status(ctx context.Context, node, group string) (Stats, error) {
	e := startRequest(kindStatus, group)
	var answer []byte
	var err error
	if node == n.self {
		answer, err = n.Serve(ctx, e.buf, nil)
	} else {
		answer, err = n.peers.Call(ctx, node, e.buf)
	}
	if err != nil {
		return Stats{}, fmt.Errorf("ask node %s of group %s: %w", node, group, err)
	}
	d, err := openAnswer(answer)
	if err != nil {
		return Stats{}, fmt.Errorf("ask node %s of group %s: %w", node, group, err)
	}
	s := d.stats()
	return s, d.end()
}

// Suspect tells that another node's process is surely gone: every group here that follows it agrees with its other
// voters on who stands for election, instead of waiting for HeartbeatTimeout. A wrong suspicion costs an election and
// no more. Each group listens once per suspectEvery. It returns at once.
func (n *Network) Suspect(node string) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, l := range n.links {
		l.suspect(node)
	}
}

// voter tells whether the server has a vote.
func voter(c raft.Configuration, id string) bool {
	for _, s := range c.Servers {
		if s.ID == raft.ServerID(id) {
			return s.Suffrage == raft.Voter
		}
	}
	return false
}
