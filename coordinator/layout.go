package coordinator

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/coordinator/route"
	"sagasu/coordinator/state"
	"sagasu/sparse"
)

// layouts knows how to reach the shards of each index, as the newest metadata describe them.
type layouts struct {
	node *Node
	// present is what was made of the newest metadata so far.
	present atomic.Pointer[described]

	// mu guards what outlives versions of the metadata.
	mu           sync.Mutex
	collections  *collections
	traces       map[string]*trace
	vocabularies map[string]*sparse.Vocabulary
}

// described is one version of the metadata and the layouts made of it.
type described struct {
	view *state.View
	// byName has *layout by the index's name or alias.
	byName sync.Map
}

// layout is an index and how to reach its shards.
type layout struct {
	state.Index
	terms  *sparse.Vocabulary
	shards []shardLayout
	// vectors finds those of the present generation; nil if each shard finds its own.
	vectors query.Vectors
}

// shardLayout is a shard and how to reach it.
type shardLayout struct {
	state.Shard
	copies []route.Copy
	*trace
}

// trace is what this node has learnt of a shard.
type trace struct {
	// leader is the node that led it last, as far as is known; nil for unknown.
	leader atomic.Pointer[string]
	// written is the log index of the last write that this node's clients were told of: their next search
	// must see it.
	written atomic.Uint64
}

func newLayouts(n *Node) *layouts {
	l := &layouts{
		node: n, traces: map[string]*trace{}, vocabularies: map[string]*sparse.Vocabulary{},
		collections: newCollections(n.cfg.Remote, n.cfg.Now),
	}
	l.present.Store(&described{view: state.New().View()})
	return l
}

// find gives the layout of an index by its name or alias; api.ErrIndexNotFound.
func (l *layouts) find(name string) (*layout, error) {
	d := l.newest()
	if found, ok := d.byName.Load(name); ok {
		return found.(*layout), nil //nolint:forcetypeassert // nothing else is stored
	}
	x, ok := d.view.Resolve(name)
	if !ok {
		return nil, fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
	}
	made, err := l.describe(x)
	if err != nil {
		return nil, err
	}
	d.byName.Store(name, made)
	return made, nil
}

// newest gives what was made of the newest metadata, nothing yet if they have just come. Of several goroutines
// that have different versions, none takes an older one, nor forgets what a newer one has.
func (l *layouts) newest() *described {
	view := l.node.meta.View()
	if d := l.present.Load(); view.Version() <= d.view.Version() {
		return d
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.present.Load()
	if view.Version() > d.view.Version() {
		d = &described{view: view}
		l.forget(view)
		l.present.Store(d)
	}
	return d
}

// describe makes the layout of an index.
func (l *layouts) describe(x state.Index) (*layout, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	made := &layout{Index: x, terms: l.vocabularies[x.UUID], vectors: l.vectors(&x)}
	if made.terms == nil {
		var err error
		if made.terms, err = sparse.NewVocabulary(x.Schema, l.node.cfg.Analyzers); err != nil {
			return nil, fmt.Errorf("index %q: %w", x.Name, err)
		}
		l.vocabularies[x.UUID] = made.terms
	}
	view := l.present.Load().view
	for _, s := range x.Shards {
		t := l.traces[s.ID]
		if t == nil {
			t = &trace{}
			l.traces[s.ID] = t
		}
		sl := shardLayout{Shard: s, trace: t}
		for _, node := range s.Nodes {
			c := l.node.copyOn(s.ID, node)
			known, _ := view.Node(node)
			c.Last = known.Drain != nil
			sl.copies = append(sl.copies, c)
		}
		made.shards = append(made.shards, sl)
	}
	return made, nil
}

// vectors gives what finds the vectors of an index; nil if its shards do.
func (l *layouts) vectors(x *state.Index) query.Vectors {
	if l.collections.remote == nil || x.Schema.Dense == nil {
		return nil
	}
	found, err := l.collections.of(l.node.ctx, x, x.Schema.Dense)
	if err != nil {
		return noVectors{err}
	}
	return found
}

// forget drops what is known of deleted indexes. mu is held.
func (l *layouts) forget(view *state.View) {
	for id := range l.traces {
		if _, _, ok := view.Shard(id); !ok {
			delete(l.traces, id)
		}
	}
	if err := l.collections.forget(view); err != nil {
		l.node.cfg.Logger.Warn("close vectors of a generation that is gone", "error", err)
	}
	uuids := map[string]bool{}
	for _, x := range view.Indexes() {
		uuids[x.UUID] = true
	}
	for uuid := range l.vocabularies {
		if !uuids[uuid] {
			delete(l.vocabularies, uuid)
		}
	}
}

// view gives the shard to the router.
func (s *shardLayout) view() route.ShardView {
	return route.ShardView{ID: s.ID, Epoch: s.Epoch, Copies: s.copies, Leader: s.leads()}
}

// leads gives the node that led the shard last, "" if that is unknown.
func (t *trace) leads() string {
	if leader := t.leader.Load(); leader != nil {
		return *leader
	}
	return ""
}

// wrote notes a write that a client is told of.
func (t *trace) wrote(index uint64) {
	for {
		before := t.written.Load()
		if index <= before || t.written.CompareAndSwap(before, index) {
			return
		}
	}
}

// order gives the shard's nodes, the likeliest leader first. That may be one that is to give its replica up: it
// leads until others have caught up.
func (s *shardLayout) order() []string {
	nodes, leader := slices.Clone(s.Nodes), s.leads()
	at := slices.Index(nodes, leader)
	switch {
	case at > 0:
		nodes[0], nodes[at] = nodes[at], nodes[0]
	case at < 0 && leader != "":
		nodes = slices.Insert(nodes, 0, leader)
	}
	return nodes
}

// target makes an index searchable: what this node's clients wrote, and what the sequences say, is seen.
func (l *layout) target(router *route.Router, sequence map[int]uint64) query.Target {
	target := query.Target{
		Name: l.Name, ID: l.UUID, Schema: &l.Schema, Terms: l.terms, Owner: l.shardOf, Vectors: l.vectors,
	}
	for i := range l.shards {
		s := &l.shards[i]
		seen := max(s.written.Load(), sequence[s.Ordinal])
		target.Seen = append(target.Seen, seen)
		target.Shards = append(target.Shards, router.Shard(s.view(), seen))
	}
	return target
}

// refresh waits for metadata that know a shard in at least an epoch; see route.Config.Refresh.
func (l *layouts) refresh(ctx context.Context, id string, epoch uint64) (route.ShardView, bool) {
	for {
		changed := l.node.meta.Changed()
		x, s, ok := l.node.meta.View().Shard(id)
		if ok && s.Epoch >= epoch {
			made, err := l.find(x.Name)
			if err != nil {
				return route.ShardView{}, false
			}
			for i := range made.shards {
				if made.shards[i].ID == id {
					return made.shards[i].view(), true
				}
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return route.ShardView{}, false
		}
	}
}
