package state

import "slices"

// Role is what a node does.
type Role string

// The roles; a node has any of them. A new one needs a new feature level.
const (
	RoleCoordinator Role = "coordinator"
	RoleShard       Role = "shard"
	RoleGateway     Role = "gateway"
)

// NodeState is what the cluster thinks of a node; whether it is alive is not for the metadata to know.
type NodeState string

// The states of a node.
const (
	// NodeActive is a node that belongs to the cluster.
	NodeActive NodeState = "active"
	// NodeRemoved is a node that was removed while shards have replicas on it. It gets no new ones, those
	// it has are to be placed elsewhere at once, and with the last of them it is forgotten.
	NodeRemoved NodeState = "removed"
)

// Node is a registered node.
type Node struct {
	// ID is stable for ever: a name, never an address. Letters, digits, ".", "_" and "-".
	ID string `json:"id"`
	// Instance is random and made with the data directory, which tells two nodes of one id apart.
	Instance string `json:"instance"`
	Roles    []Role `json:"roles"`
	// Zone is what fails together, such as a data centre; replicas are spread over zones. May be empty.
	Zone string `json:"zone,omitempty"`
	// Version is that of the program.
	Version string `json:"version,omitempty"`
	// The addresses, host:port, by which others reach the node.
	RPCAddr    string `json:"rpc_addr,omitempty"`
	HTTPAddr   string `json:"http_addr,omitempty"`
	OpsAddr    string `json:"ops_addr,omitempty"`
	GossipAddr string `json:"gossip_addr,omitempty"`
	// Level is the highest feature level that the node can run.
	Level uint32 `json:"level"`
	// State is set by the state machine, not by who registers.
	State NodeState `json:"state"`
	// RegisteredMillis is the time of the first registration in milliseconds since 1970 UTC.
	RegisteredMillis int64 `json:"registered_millis"`
	// Drain is set while the node is drained; not by who registers. It came with LevelOperations.
	Drain *Drain `json:"drain,omitempty"`
}

// Has reports whether the node has a role.
func (n Node) Has(r Role) bool { return slices.Contains(n.Roles, r) }

// HoldsReplicas reports whether new replicas may be placed on the node.
func (n Node) HoldsReplicas() bool {
	return n.State == NodeActive && n.Has(RoleShard) && n.Drain == nil
}

// KeepsReplicas reports whether the replicas of the node may stay: it is there, or about to come back.
func (n Node) KeepsReplicas() bool {
	return n.State == NodeActive && n.Has(RoleShard) && (n.Drain == nil || n.Drain.Mode == DrainRestart)
}
