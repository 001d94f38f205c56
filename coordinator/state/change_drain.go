package state

import "fmt"

// DrainMode says what a node is drained for.
type DrainMode string

// The modes.
const (
	// DrainRestart is an absence that is planned to be short: the node keeps its replicas.
	DrainRestart DrainMode = "restart"
	// DrainRemove is for good: its replicas are brought to others.
	DrainRemove DrainMode = "remove"
)

// Drain is a node that is about to be absent: it gets no replicas, leads nothing if others can, and is asked last.
type Drain struct {
	Mode DrainMode `json:"mode"`
	// Operation is the one that brings it about.
	Operation string `json:"operation"`
	// SinceMillis and UntilMillis are milliseconds since 1970 UTC; the latter is when a restart counts as a loss, 0
	// for DrainRemove.
	SinceMillis int64 `json:"since_millis"`
	UntilMillis int64 `json:"until_millis,omitempty"`
}

// Holds reports whether a drain keeps others from beginning at a time: one for a restart only for as long as it said.
func (d *Drain) Holds(millis int64) bool {
	return d != nil && (d.Mode == DrainRemove || millis < d.UntilMillis)
}

// StartDrain begins to drain a node, and notes the operation as PutOperation does; both or none. ErrNodeNotFound,
// ErrNodeInstance, ErrInvalid, and ErrDraining while a node of another failure domain is drained: one that is not in
// the same zone, or in none. Draining one again for something else replaces what was. A retry is told by the
// operation's id.
type StartDrain struct {
	Node     string `json:"node"`
	Instance string `json:"instance"`
	Drain    Drain  `json:"drain"`
	// Operation is noted; its id must be that of Drain.
	Operation Operation `json:"operation"`
}

func (StartDrain) kind() (typ, version uint16) { return TypeStartDrain, 1 }

func startDrain(before *View, c StartDrain) (*View, Index, error) {
	fail := func(err error) (*View, Index, error) {
		return nil, Index{}, fmt.Errorf("drain node %.64q: %w", c.Node, err)
	}
	n, ok := before.Node(c.Node)
	switch {
	case !ok || n.State != NodeActive:
		return fail(ErrNodeNotFound)
	case n.Instance != c.Instance:
		return fail(fmt.Errorf("as %.64q, it is %s: %w", c.Instance, n.Instance, ErrNodeInstance))
	case n.Drain != nil && n.Drain.Operation == c.Drain.Operation:
		return nil, Index{}, nil
	}
	if err := c.check(); err != nil {
		return fail(err)
	}
	for _, other := range before.nodes {
		if other.ID != n.ID && other.State == NodeActive && other.Drain.Holds(c.Drain.SinceMillis) &&
			(other.Zone == "" || other.Zone != n.Zone) {
			return fail(fmt.Errorf("node %s is being drained: %w", other.ID, ErrDraining))
		}
	}
	after, _, err := putOperation(before, PutOperation{Operation: c.Operation})
	if err != nil {
		return fail(err)
	}
	if after == nil {
		after = before.clone()
	}
	d := c.Drain
	n.Drain = &d
	after.nodes = with(before.nodes, n, nodeKey)
	return after, Index{}, nil
}

func (c StartDrain) check() error {
	d := c.Drain
	if err := checkMillis("since_millis", d.SinceMillis); err != nil {
		return err
	}
	switch {
	case d.Mode != DrainRestart && d.Mode != DrainRemove:
		return invalid("mode is %.64q, must be %s or %s", string(d.Mode), DrainRestart, DrainRemove)
	case d.Operation == "" || d.Operation != c.Operation.ID:
		return invalid("operation is %.64q, must be %.64q", d.Operation, c.Operation.ID)
	case d.Mode == DrainRestart && d.UntilMillis <= d.SinceMillis:
		return invalid("a restart without a time that it takes")
	case d.Mode == DrainRemove && d.UntilMillis != 0:
		return invalid("a removal that ends")
	}
	return nil
}

// EndDrain ends a node's drain, if it is that of the operation. ErrNodeNotFound; again it changes nothing.
type EndDrain struct {
	Node      string `json:"node"`
	Operation string `json:"operation"`
}

func (EndDrain) kind() (typ, version uint16) { return TypeEndDrain, 1 }

func endDrain(before *View, c EndDrain) (*View, Index, error) {
	n, ok := before.Node(c.Node)
	if !ok {
		return nil, Index{}, fmt.Errorf("end drain of node %.64q: %w", c.Node, ErrNodeNotFound)
	}
	if n.Drain == nil || n.Drain.Operation != c.Operation {
		return nil, Index{}, nil
	}
	n.Drain = nil
	after := before.clone()
	after.nodes = with(before.nodes, n, nodeKey)
	return after, Index{}, nil
}
