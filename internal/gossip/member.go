package gossip

import (
	"fmt"
	"time"
)

// Status is how a member is seen.
type Status int

// The states of a member. memberlist does not tell whom it suspects, so a suspected member is Alive until it is Dead.
const (
	Alive Status = iota
	Dead         // it has not answered for some seconds
	Left         // it said that it leaves
)

// String gives alive, dead or left.
func (s Status) String() string {
	switch s {
	case Alive:
		return "alive"
	case Dead:
		return "dead"
	case Left:
		return "left"
	}
	return fmt.Sprintf("status %d", int(s))
}

// Member is one node as this one sees it.
type Member struct {
	ID     string
	Addr   string // host:port of its gossip
	Meta   Meta   // the last heard of it
	Status Status
	Since  time.Time // when Status or Addr became so, by the clock of this node
}

// ConflictKind is what is wrong.
type ConflictKind string

// The kinds of conflicts.
const (
	// DuplicateID is a node id that two data directories go by.
	DuplicateID ConflictKind = "duplicate_id"
	// DuplicateInstance is a data directory that is at two addresses for longer than a restart takes: a copy.
	DuplicateInstance ConflictKind = "duplicate_instance"
	// ForeignCluster is a member of another cluster.
	ForeignCluster ConflictKind = "foreign_cluster"
)

// Conflict is a node that must not be there: who, where, since when, and for people what. A conflict that is solved
// is not seen again, so that Last stays behind.
type Conflict struct {
	Kind     ConflictKind
	ID       string // of the node that was refused
	Addr     string // of its gossip
	Instance string // its data directory
	Cluster  string // its cluster
	Text     string // what is wrong, naming both sides
	First    time.Time
	Last     time.Time
	Count    int // how often it was seen
}

// same tells whether both are sightings of one conflict.
func (c Conflict) same(other Conflict) bool {
	return c.Kind == other.Kind && c.ID == other.ID && c.Addr == other.Addr && c.Instance == other.Instance &&
		c.Cluster == other.Cluster
}
