package placement

import (
	"time"

	"sagasu/coordinator/state"
)

// Candidate is a node with what is known of it beside the metadata.
type Candidate struct {
	// Node is as the view has it.
	Node state.Node
	// Alive tells that the node answers now.
	Alive bool
	// DownFor is how long it has not, as far as is known: one that has just become the leader knows of no
	// more than the time since. 0 if it is alive.
	DownFor time.Duration
	// OnLeave tells that it is away as was announced, for less time than that.
	OnLeave bool
	// DiskUsedPercent is how full the disk of its data is, 0 if that is not known.
	DiskUsedPercent int
}

// usable reports whether the node may get new replicas now.
func (c Candidate) usable() bool { return c.Alive && c.Node.HoldsReplicas() }
