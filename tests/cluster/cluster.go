package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sagasu/api"
)

// Cluster is a running cluster.
type Cluster struct {
	cfg      Config
	network  network
	launcher *launcher
	client   *Client

	mu    sync.Mutex
	nodes []*Node
}

// Start starts a cluster and returns when every node is ready. Close must be called, unless it fails.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	c := &Cluster{cfg: cfg, client: NewClient(), launcher: newLauncher(), network: loopback{}}
	if cfg.Partitions {
		var err error
		if c.network, err = openPartitions(); err != nil {
			c.launcher.close()
			return nil, fmt.Errorf("start cluster: %w", err)
		}
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start cluster: %w", err), c.Close())
	}
	return c, nil
}

// openPartitions gives the best network there is that can be partitioned.
func openPartitions() (network, error) {
	if os.Geteuid() == 0 {
		return openNamespaces()
	}
	return openForwarders(), nil
}

func (c *Cluster) start(ctx context.Context) error {
	for _, spec := range c.cfg.specs() {
		if _, err := c.Add(spec); err != nil {
			return err
		}
	}
	nodes := c.Nodes()
	for _, n := range nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Add gives a further node, which is not started yet.
func (c *Cluster) Add(spec Spec) (*Node, error) {
	at, err := c.network.place(spec.ID)
	if err != nil {
		return nil, fmt.Errorf("place node %s: %w", spec.ID, err)
	}
	if spec.DataDir == "" {
		spec.DataDir = filepath.Join(c.cfg.Dir, spec.ID)
	}
	n := &Node{cluster: c, spec: spec, at: at, log: filepath.Join(c.cfg.Dir, spec.ID+".log")}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, n)
	return n, nil
}

// Nodes gives all nodes, running or not.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// Node gives a node by its id; nil for one there isn't.
func (c *Cluster) Node(id string) *Node {
	for _, n := range c.Nodes() {
		if n.ID() == id {
			return n
		}
	}
	return nil
}

// Client calls nodes.
func (c *Cluster) Client() *Client { return c.client }

// join gives where the coordinators gossip now.
func (c *Cluster) join() string {
	var out []string
	for _, n := range c.Nodes() {
		if strings.Contains(n.spec.Roles, "coordinator") {
			out = append(out, n.place().join)
		}
	}
	return strings.Join(out, ",")
}

// WaitGreen returns when the node at url says that the cluster is green, with as many nodes alive as run; otherwise
// ErrNotReady with what is wrong.
func (c *Cluster) WaitGreen(ctx context.Context, url string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	problem := "nothing was heard"
	err := look(ctx, func(ctx context.Context) bool {
		status, err := c.client.Status(ctx, url)
		switch {
		case err != nil:
			problem = err.Error()
		case status.Health != api.HealthGreen:
			problem = fmt.Sprintf("%s: %s", status.Health, strings.Join(status.Problems, "; "))
		case status.NodesAlive < c.running():
			problem = fmt.Sprintf("green, but %d of %d nodes alive", status.NodesAlive, c.running())
		default:
			return true
		}
		return false
	})
	if err != nil {
		return fmt.Errorf("wait %s for the cluster to be green: %w: %s", limit, err, problem)
	}
	return nil
}

func (c *Cluster) running() int {
	count := 0
	for _, n := range c.Nodes() {
		if n.Running() {
			count++
		}
	}
	return count
}

// Close kills every process and takes the network away. Data directories and logs stay.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.Nodes() {
		if err := n.Kill(); err != nil && !errors.Is(err, ErrNotRunning) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.network.close())
	c.launcher.close()
	c.client.Close()
	return errors.Join(errs...)
}

// look calls done until it is true or ctx ends.
func look(ctx context.Context, done func(ctx context.Context) bool) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		once, cancel := context.WithTimeout(ctx, lookTimeout)
		ok := done(once)
		cancel()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrNotReady, ctx.Err())
		case <-ticker.C:
		}
	}
}

// tail gives the end of a file.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-logTail):])
}
