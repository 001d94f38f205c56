package gossip

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// Gossip is this node among the members. Its methods may be called at the same time.
type Gossip struct {
	cfg     Config
	list    *memberlist.Memberlist
	table   *table
	metrics *metrics
	seek    *seeker

	updates sync.Mutex // serialises changes of what this node tells of itself
	leaving bool       // under updates
	told    atomic.Pointer[[]byte]

	lifetime context.Context // of everything, sockets included
	end      context.CancelFunc
	seeking  context.Context // of looking for others; Leave ends it
	settle   context.CancelFunc
	routines sync.WaitGroup
	closing  sync.Mutex
	closed   bool
}

// Open listens, and looks for the members that cfg.Join names in the background, for as long as some are missing. It
// gives ErrInvalidConfig, ErrInvalidMeta, or why it can't listen.
func Open(cfg Config) (*Gossip, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	told, err := encodeMeta(cfg.Meta, false)
	if err != nil {
		return nil, fmt.Errorf("open gossip: %w", err)
	}
	g := &Gossip{cfg: cfg, metrics: newMetrics(cfg.Registry)}
	g.told.Store(&told)
	g.lifetime, g.end = context.WithCancel(context.Background())
	g.seeking, g.settle = context.WithCancel(g.lifetime)
	if err := g.open(); err != nil {
		g.end()
		return nil, fmt.Errorf("open gossip: %w", err)
	}
	g.routines.Go(func() { g.seek.run(g.seeking) })
	return g, nil
}

func (g *Gossip) open() error {
	list := g.cfg.listConfig()
	list.Transport = g.cfg.Transport
	if list.Transport == nil {
		sockets, err := listen(g.lifetime, g.cfg.BindAddr, list.Logger)
		if err != nil {
			return err
		}
		list.Transport = sockets
	}
	addr, host, port, err := advertise(g.lifetime, list.Transport, g.cfg.AdvertiseAddr)
	if err != nil {
		abandon(list.Transport)
		return err
	}
	list.AdvertiseAddr, list.AdvertisePort = host, port
	g.table = newTable(g.cfg, addr, g.metrics.conflicts)
	if err := g.metrics.register(g.table); err != nil {
		abandon(list.Transport)
		return err
	}
	g.seek = newSeeker(g.cfg, g.table)
	d := &delegate{table: g.table, meta: func() []byte { return *g.told.Load() }, gone: g.seek.hurry}
	list.Delegate, list.Events, list.Alive, list.Merge, list.Conflict = d, d, d, d, d
	if g.list, err = memberlist.Create(list); err != nil {
		g.metrics.unregister()
		abandon(list.Transport)
		return err
	}
	g.seek.join = g.list.Join
	return nil
}

// abandon shuts down a transport that no memberlist reads from; its readers hang in handing over otherwise.
func abandon(t memberlist.Transport) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-t.PacketCh():
			case conn := <-t.StreamCh():
				_ = conn.Close() // nobody was told of it
			case <-done:
				return
			}
		}
	}()
	_ = t.Shutdown() // there is an error to return already
	close(done)
}

// Members gives all members by id, this node included, and those that are gone: 512 at most, for 24 hours at most.
func (g *Gossip) Members() []Member { return g.table.list() }

// Member gives one member, and false if none of the id is known.
func (g *Gossip) Member(id string) (Member, bool) { return g.table.get(id) }

// Changed gives a channel that is closed at the next change of members or conflicts. Take it before looking at them,
// and a new one after it is closed.
func (g *Gossip) Changed() <-chan struct{} { return g.table.changes() }

// Conflicts gives what was met and must not be there, 64 at most, the last seen at the end.
func (g *Gossip) Conflicts() []Conflict { return g.table.allConflicts() }

// Addr gives the host:port that others reach this node's gossip by.
func (g *Gossip) Addr() string { return g.table.addr }

// JoinError gives why the last attempt to reach members reached none, or nil.
func (g *Gossip) JoinError() error { return g.seek.lastError() }

// Update changes what this node tells of itself, and spreads it if it is another. change is called once, with a copy
// that it may keep nothing of, and must not call Update. A change that makes it invalid is logged and left out.
func (g *Gossip) Update(change func(*Meta)) {
	g.updates.Lock()
	defer g.updates.Unlock()
	next := g.table.ownMeta()
	change(&next)
	if err := g.tell(next); err != nil {
		g.cfg.Logger.Error("member data is not spread", "error", err)
	}
}

// tell spreads what this node tells of itself. The caller holds updates.
func (g *Gossip) tell(m Meta) error {
	told, err := encodeMeta(m, g.leaving)
	if err != nil {
		return err
	}
	if bytes.Equal(told, *g.told.Load()) {
		return nil
	}
	g.told.Store(&told)
	g.table.setOwn(m)
	// It is queued; how soon it is passed on is nothing to wait for, and the error is that we don't.
	_ = g.list.UpdateNode(time.Nanosecond)
	return nil
}
