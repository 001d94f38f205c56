package state

import (
	"fmt"
	"reflect"
	"slices"
)

// RegisterNode adds a node, or updates one: addresses, roles, zone, version and level may change. Another
// instance under the id is refused with ErrNodeInstance until the old one is removed and its last replica
// with it: a shard's group would take the empty newcomer for the voter it had. A removed node that comes
// back as the instance it was is active again.
type RegisterNode struct {
	// Node's State is ignored.
	Node Node `json:"node"`
}

func (RegisterNode) kind() (typ, version uint16) { return TypeRegisterNode, 1 }

func registerNode(before *View, c RegisterNode) (*View, Index, error) {
	n := c.Node
	n.State, n.Drain = NodeActive, nil
	if err := n.check(); err != nil {
		return nil, Index{}, fmt.Errorf("register node: %w", err)
	}
	present, known := before.Node(n.ID)
	switch {
	case n.Level < before.level:
		return nil, Index{}, fmt.Errorf("register node %s, which runs up to level %d of %d: %w", n.ID, n.Level,
			before.level, ErrLevel)
	case known && present.Instance != n.Instance:
		return nil, Index{}, fmt.Errorf("register node %s as %s, it is %s: %w", n.ID, n.Instance, present.Instance,
			ErrNodeInstance)
	case !known && len(before.nodes) >= MaxNodes:
		return nil, Index{}, fmt.Errorf("register node %s beside %d: %w", n.ID, len(before.nodes), ErrLimit)
	case known:
		n.RegisteredMillis, n.Drain = present.RegisteredMillis, present.Drain
		if reflect.DeepEqual(n, present) {
			return nil, Index{}, nil
		}
	}
	after := before.clone()
	after.nodes = with(before.nodes, n, nodeKey)
	return after, Index{}, nil
}

// check holds a node to the rules of its comments.
func (n Node) check() error {
	if err := checkID("node id", n.ID); err != nil {
		return err
	}
	if err := checkID("instance", n.Instance); err != nil {
		return err
	}
	if len(n.Roles) == 0 {
		return invalid("node %s has no role", n.ID)
	}
	for i, r := range n.Roles {
		if r != RoleCoordinator && r != RoleShard && r != RoleGateway {
			return invalid("node %s has an unknown role %.64q", n.ID, string(r))
		}
		if slices.Contains(n.Roles[:i], r) {
			return invalid("node %s has role %s twice", n.ID, r)
		}
	}
	for _, text := range [][2]string{
		{"zone", n.Zone},
		{"version", n.Version},
		{"rpc_addr", n.RPCAddr},
		{"http_addr", n.HTTPAddr},
		{"ops_addr", n.OpsAddr},
		{"gossip_addr", n.GossipAddr},
	} {
		if err := checkText(text[0]+" of node "+n.ID, text[1], MaxAddressBytes); err != nil {
			return err
		}
	}
	return checkMillis("registered_millis", n.RegisteredMillis)
}

// RemoveNode removes a node: ErrNodeNotFound if it is gone already, ErrNodeInstance if the id is another
// instance's, ErrNodeInUse if it holds replicas. With Force one that does becomes NodeRemoved instead.
type RemoveNode struct {
	ID       string `json:"id"`
	Instance string `json:"instance"`
	Force    bool   `json:"force,omitempty"`
}

func (RemoveNode) kind() (typ, version uint16) { return TypeRemoveNode, 1 }

func removeNode(before *View, c RemoveNode) (*View, Index, error) {
	n, ok := before.Node(c.ID)
	switch {
	case !ok:
		return nil, Index{}, fmt.Errorf("remove node %.64q: %w", c.ID, ErrNodeNotFound)
	case n.Instance != c.Instance:
		return nil, Index{}, fmt.Errorf("remove node %s as %.64q, it is %s: %w", c.ID, c.Instance, n.Instance,
			ErrNodeInstance)
	case n.State == NodeRemoved:
		return nil, Index{}, nil
	}
	held := before.Holding()[n.ID]
	if held > 0 && !c.Force {
		return nil, Index{}, fmt.Errorf("remove node %s, which has %d: %w", c.ID, held, ErrNodeInUse)
	}
	n.State = NodeRemoved
	after := before.clone()
	after.nodes = with(before.nodes, n, nodeKey)
	after.forgetRemoved()
	return after, Index{}, nil
}
