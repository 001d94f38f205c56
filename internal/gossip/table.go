package gossip

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// table is who is there, as the delegates hear it, and who must not be.
type table struct {
	id, addr string // of this node
	now      func() time.Time
	logger   *slog.Logger
	sighted  prometheus.Counter

	mu        sync.Mutex
	own       Meta // what this node tells of itself
	members   map[string]*entry
	conflicts []Conflict
	claims    map[claim]sighting
	displaced bool          // others hold our id to be at another address
	changed   chan struct{} // closed at the next change
	closed    bool          // memberlist's timers may fire after Close
}

// entry is a member, and whether it said that it leaves.
type entry struct {
	Member
	leaving bool
}

func newTable(cfg Config, addr string, sighted prometheus.Counter) *table {
	return &table{
		id: cfg.ID, addr: addr, now: cfg.Now, logger: cfg.Logger, sighted: sighted, own: cfg.Meta.clone(),
		members: map[string]*entry{}, claims: map[claim]sighting{}, changed: make(chan struct{}),
	}
}

// list gives the members by id.
func (t *table) list() []Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prune()
	all := make([]Member, 0, len(t.members))
	for _, e := range t.members {
		if m, ok := t.show(e); ok {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (t *table) get(id string) (Member, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prune()
	e, ok := t.members[id]
	if !ok {
		return Member{}, false
	}
	return t.show(e)
}

// show gives a copy of a member, and false for one of another cluster: memberlist can't drop one that was there before
// the clusters were known. The caller holds mu.
func (t *table) show(e *entry) (Member, bool) {
	m := e.Member
	if m.ID == t.id {
		m.Meta = t.own
	}
	m.Meta = m.Meta.clone()
	return m, !differ(t.own.Cluster, m.Meta.Cluster)
}

// differ tells whether two cluster ids are known and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

func (t *table) changes() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// signal wakes who waits for a change. The caller holds mu.
func (t *table) signal() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// ownMeta gives a copy.
func (t *table) ownMeta() Meta {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own.clone()
}

// setOwn takes effect at once. Members that now turn out to be of another cluster become conflicts.
func (t *table) setOwn(m Meta) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own = m.clone()
	for _, e := range t.members {
		if e.Status == Alive && e.ID != t.id && differ(m.Cluster, e.Meta.Cluster) {
			t.foreign(m.Cluster, e.ID, e.Addr, e.Meta)
		}
	}
	t.signal()
}

// join puts in a member that is alive, or changes what is known of it.
func (t *table) join(id, addr string, data []byte) {
	meta, leaving, err := decodeMeta(data)
	if err != nil {
		return // admit has refused it, and said why
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	e, known := t.members[id]
	if !known {
		e = &entry{Member: Member{ID: id}}
		t.members[id] = e
	}
	if !known || e.Status != Alive || e.Addr != addr {
		e.Since = t.now()
		t.logger.Info("member is alive", "member", id, "addr", addr, "roles", meta.Roles)
	}
	e.Addr, e.Meta, e.Status, e.leaving = addr, meta, Alive, leaving
	t.signal()
}

// leave marks a member dead, or left if it said so.
func (t *table) leave(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.members[id]
	if !ok || t.closed {
		return
	}
	e.Status, e.Since = Dead, t.now()
	if e.leaving {
		e.Status = Left
	}
	t.logger.Info("member is "+e.Status.String(), "member", id, "addr", e.Addr)
	t.prune()
	t.signal()
}

// prune forgets members that are gone for long, or too many. The caller holds mu.
func (t *table) prune() {
	var gone []*entry
	for id, e := range t.members {
		if e.Status == Alive || id == t.id {
			continue
		}
		if t.now().Sub(e.Since) > goneRetention {
			delete(t.members, id)
			continue
		}
		gone = append(gone, e)
	}
	if len(gone) <= maxGone {
		return
	}
	slices.SortFunc(gone, func(a, b *entry) int { return a.Since.Compare(b.Since) })
	for _, e := range gone[:len(gone)-maxGone] {
		delete(t.members, e.ID)
	}
}

// around gives the addresses of the other members that are alive, and of those that are dead.
func (t *table) around() (alive map[string]bool, dead []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	alive = map[string]bool{}
	for _, e := range t.members {
		_, ours := t.show(e)
		switch {
		case e.ID == t.id || !ours:
		case e.Status == Alive:
			alive[e.Addr] = true
		case e.Status == Dead:
			dead = append(dead, e.Addr)
		}
	}
	return alive, dead
}

// elsewhere tells whether others were heard to hold this node to be at another address, since it was asked last.
func (t *table) elsewhere() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.displaced
	t.displaced = false
	return was
}

// close makes the table deaf.
func (t *table) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// room tells whether one more member may be known. The caller holds mu.
func (t *table) room(id string) error {
	if _, ok := t.members[id]; ok || len(t.members) < maxMembers {
		return nil
	}
	return fmt.Errorf("%w: %d are known", ErrTooManyMembers, len(t.members))
}
