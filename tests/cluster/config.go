package cluster

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Config says what cluster to start.
type Config struct {
	// Binary is the program; see Build.
	Binary string
	// Dir takes data directories and logs, and must exist. It is not removed.
	Dir string
	// Coordinators, Shards and Gateways count the nodes of each role; they are named c1.., s1.., g1...
	Coordinators, Shards, Gateways int
	// Partitions asks for a network on which nodes can be cut off: namespaces where the process is root, and
	// forwarders on loopback otherwise.
	Partitions bool
	// Args are given to every node, after its own.
	Args []string
	// ReadyTimeout bounds waiting for one node to be ready.
	ReadyTimeout time.Duration
}

// Default gives three nodes of a role each but one gateway.
func Default() Config {
	return Config{Coordinators: 3, Shards: 3, Gateways: 1, ReadyTimeout: time.Minute}
}

// Validate names every field at fault.
func (c Config) Validate() error {
	var errs []error
	if c.Binary == "" || c.Dir == "" {
		errs = append(errs, errors.New("field Binary or Dir is not set"))
	}
	switch c.Coordinators {
	case 1, 3, 5:
	default:
		errs = append(errs, fmt.Errorf("field Coordinators is %d, must be 1, 3 or 5", c.Coordinators))
	}
	if n := c.Coordinators + c.Shards + c.Gateways; min(c.Shards, c.Gateways) < 0 || n > maxNodes {
		errs = append(errs, fmt.Errorf("%d nodes of shards and %d gateways: must be 0 or more, with coordinators %d at most",
			c.Shards, c.Gateways, maxNodes))
	}
	if c.ReadyTimeout <= 0 {
		errs = append(errs, fmt.Errorf("field ReadyTimeout is %s, must be positive", c.ReadyTimeout))
	}
	return errors.Join(errs...)
}

// Spec is a node to be added to a cluster.
type Spec struct {
	// ID is its name, Roles what it does, as serve's --role takes it.
	ID, Roles string
	// DataDir is its data directory; empty for one of its own.
	DataDir string
	// Args are given to it after those of the cluster.
	Args []string
}

// specs gives the nodes that the numbers ask for.
func (c Config) specs() []Spec {
	var out []Spec
	for _, of := range []struct {
		prefix, role string
		count        int
	}{{"c", "coordinator", c.Coordinators}, {"s", "shard", c.Shards}, {"g", "gateway", c.Gateways}} {
		for i := range of.count {
			out = append(out, Spec{ID: of.prefix + strconv.Itoa(i+1), Roles: of.role})
		}
	}
	return out
}
