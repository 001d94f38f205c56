package gossip

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// mesh is a network in memory that drops what can't be delivered, as memberlist's own, which blocks, does not.
type mesh struct {
	mu    sync.Mutex
	ports map[string]*port
	cut   func(from, to string) bool // by node; nil for a whole network
}

func newMesh() *mesh { return &mesh{ports: map[string]*port{}} }

// split lets through what stays on one side.
func (m *mesh) split(left ...string) {
	side := map[string]bool{}
	for _, id := range left {
		side[id] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = func(from, to string) bool { return side[from] != side[to] }
}

func (m *mesh) heal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = nil
}

// freeze makes a node take everything and answer nothing, as a stopped process does.
func (m *mesh) freeze(id string, frozen bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.ports {
		if p.id == id {
			p.frozen = frozen
		}
	}
}

// plug gives a node a transport at an address.
func (m *mesh) plug(id, addr string) *port {
	p := &port{
		mesh: m, id: id, addr: addr, packets: make(chan *memberlist.Packet, 256), streams: make(chan net.Conn, 64),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ports[addr] = p
	return p
}

// route gives the port at an address, or nil when nothing gets there.
func (m *mesh) route(from *port, addr string) (to *port, frozen bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	to = m.ports[addr]
	if to == nil || from.frozen || m.cut != nil && m.cut(from.id, to.id) {
		return nil, false
	}
	return to, to.frozen
}

type port struct {
	mesh     *mesh
	id, addr string
	frozen   bool // under the mesh's lock
	packets  chan *memberlist.Packet
	streams  chan net.Conn
}

type meshAddr string

func (a meshAddr) Network() string { return "mesh" }
func (a meshAddr) String() string  { return string(a) }

func (p *port) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.ParseIP(strings.TrimSuffix(p.addr, ":7946")), 7946, nil
}
func (p *port) PacketCh() <-chan *memberlist.Packet { return p.packets }
func (p *port) StreamCh() <-chan net.Conn           { return p.streams }

func (p *port) Shutdown() error {
	p.mesh.mu.Lock()
	defer p.mesh.mu.Unlock()
	if p.mesh.ports[p.addr] == p {
		delete(p.mesh.ports, p.addr)
	}
	return nil
}

func (p *port) WriteTo(b []byte, addr string) (time.Time, error) {
	now := time.Now()
	if to, frozen := p.mesh.route(p, addr); to != nil && !frozen {
		select {
		case to.packets <- &memberlist.Packet{Buf: append([]byte(nil), b...), From: meshAddr(p.addr), Timestamp: now}:
		default:
		}
	}
	return now, nil
}

func (p *port) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	to, frozen := p.mesh.route(p, addr)
	if to == nil {
		<-time.After(timeout)
		return nil, fmt.Errorf("dial %s: no route", addr)
	}
	ours, theirs := net.Pipe()
	if frozen {
		return ours, ours.SetDeadline(time.Now().Add(timeout)) // nobody reads
	}
	select {
	case to.streams <- theirs:
		return ours, nil
	default:
		return nil, errors.New("dial " + addr + ": refused")
	}
}
