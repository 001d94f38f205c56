package gossip

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"
)

// claim is a member that is said to be at an address other than the one it is known at.
type claim struct{ id, addr string }

// sighting is since when and until when a claim is heard.
type sighting struct{ first, last time.Time }

// admit decides whether a member that is said to be alive may be heard; an error keeps it out.
func (t *table) admit(n *memberlist.Node) error {
	meta, _, err := decodeMeta(n.Meta)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	addr := n.Address()
	if n.Name == t.id {
		// What is heard of our own address is of an earlier life, maybe of another data directory: memberlist contradicts
		// it, and must, since others hold it to be newer than us.
		if addr == t.addr || meta.Instance == t.own.Instance {
			return nil
		}
		t.duplicate(n.Name, addr, meta, t.addr, t.own.Instance)
		return fmt.Errorf("%w: %s, at %s", ErrDuplicateID, n.Name, addr)
	}
	if cluster := t.cluster(n.Name); differ(cluster, meta.Cluster) {
		t.foreign(cluster, n.Name, addr, meta)
		if e, ok := t.members[n.Name]; ok && e.Addr == addr && e.Meta.Instance == meta.Instance {
			e.Meta = meta // it was here before it had a cluster, and memberlist can't drop it
			t.signal()
		}
		return fmt.Errorf("%w: %s at %s is of cluster %s, this is %s",
			ErrForeignCluster, n.Name, addr, meta.Cluster, cluster)
	}
	return t.room(n.Name)
}

// cluster gives the cluster that members have to be of: ours, or until we know it that of the others, so that a node
// that is told to join two clusters joins one. The caller holds mu.
func (t *table) cluster(except string) string {
	if t.own.Cluster != "" {
		return t.own.Cluster
	}
	first := "" // by id, to be the same each time
	cluster := ""
	for id, e := range t.members {
		if e.Status == Alive && id != t.id && id != except && e.Meta.Cluster != "" && (first == "" || id < first) {
			first, cluster = id, e.Meta.Cluster
		}
	}
	return cluster
}

// merge decides whether to take over what a node knows that joins us, or that we join. It is refused if all its members
// are of another cluster; of a mixture, admit sorts out one by one.
func (t *table) merge(peers []*memberlist.Node) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	cluster := t.cluster("")
	var strangers []Conflict
	friends := 0
	for _, n := range peers {
		if n.State != memberlist.StateAlive && n.State != memberlist.StateSuspect {
			continue
		}
		meta, _, err := decodeMeta(n.Meta)
		switch {
		case err != nil: // admit says so
		case differ(cluster, meta.Cluster):
			strangers = append(strangers, Conflict{ID: n.Name, Addr: n.Address(), Cluster: meta.Cluster})
			t.foreign(cluster, n.Name, n.Address(), meta)
		case n.Name == t.id:
			t.displaced = t.displaced || n.Address() != t.addr
		default:
			friends++
		}
	}
	if friends > 0 || len(strangers) == 0 {
		return nil
	}
	s := strangers[0]
	return fmt.Errorf("%w: %s at %s is of cluster %s, this is %s", ErrForeignCluster, s.ID, s.Addr, s.Cluster, cluster)
}

// contest hears that a member which is known and not dead is said to be at another address too; memberlist does not
// believe it. Of one instance this is how a restart at a new address looks, for a while.
func (t *table) contest(known, other *memberlist.Node) {
	was, _, err := decodeMeta(known.Meta)
	if err != nil {
		return
	}
	is, _, err := decodeMeta(other.Meta)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known.Name == t.id {
		was = t.own
		t.displaced = true
	}
	if was.Instance != is.Instance {
		t.duplicate(known.Name, other.Address(), is, known.Address(), was.Instance)
		return
	}
	if t.persists(claim{known.Name, other.Address()}) {
		t.record(Conflict{
			Kind: DuplicateInstance, ID: known.Name, Addr: other.Address(), Instance: is.Instance, Cluster: is.Cluster,
			Text: fmt.Sprintf("node %s runs at %s and at %s with one data directory (instance %s): one is a copy; "+
				"stop one of them", known.Name, known.Address(), other.Address(), is.Instance),
		})
	}
}

// persists notes a claim and tells whether it is made for longer than a restart explains. The caller holds mu.
func (t *table) persists(c claim) bool {
	now := t.now()
	for old, s := range t.claims {
		if now.Sub(s.last) > claimMemory {
			delete(t.claims, old)
		}
	}
	s, ok := t.claims[c]
	if !ok {
		if len(t.claims) >= maxClaims {
			return false
		}
		s.first = now
	}
	s.last = now
	t.claims[c] = s
	return now.Sub(s.first) >= claimPatience
}

// duplicate records a node id with two data directories. The caller holds mu.
func (t *table) duplicate(id, addr string, meta Meta, known, instance string) {
	t.record(Conflict{
		Kind: DuplicateID, ID: id, Addr: addr, Instance: meta.Instance, Cluster: meta.Cluster,
		Text: fmt.Sprintf("node id %s is used twice: at %s by instance %s, and at %s by instance %s; give one of them "+
			"another id", id, known, instance, addr, meta.Instance),
	})
}

// foreign records a member of another cluster. The caller holds mu.
func (t *table) foreign(cluster, id, addr string, meta Meta) {
	t.record(Conflict{
		Kind: ForeignCluster, ID: id, Addr: addr, Instance: meta.Instance, Cluster: meta.Cluster,
		Text: fmt.Sprintf("node %s at %s is a member of cluster %s, this node of cluster %s; look at the join addresses "+
			"of both", id, addr, meta.Cluster, cluster),
	})
}

// record notes a sighting of a conflict. The caller holds mu.
func (t *table) record(c Conflict) {
	if t.closed {
		return
	}
	t.sighted.Inc()
	c.First, c.Last, c.Count = t.now(), t.now(), 1
	if i := slices.IndexFunc(t.conflicts, c.same); i >= 0 {
		c.First, c.Count = t.conflicts[i].First, t.conflicts[i].Count+1
		t.conflicts = append(slices.Delete(t.conflicts, i, i+1), c) // the last seen is last
		return
	}
	if len(t.conflicts) == maxConflicts {
		t.conflicts = slices.Delete(t.conflicts, 0, 1)
	}
	t.conflicts = append(t.conflicts, c)
	t.logger.Warn(c.Text, "kind", string(c.Kind))
	t.signal()
}

// allConflicts gives them, those seen last at the end.
func (t *table) allConflicts() []Conflict {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.conflicts)
}
