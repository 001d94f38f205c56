package cluster

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// forwarders is a network for who may not make namespaces. Nodes listen on 127.0.0.1 and are called at an address
// of loopback of their own, where a forwarder stands before each of their ports. It knows by the kernel's tables
// which node a connection is from, and lets nothing through from or to one that is cut off: the bytes wait, as they
// do in a partition. The API's port has none, so a node that is cut off still answers us. The port of a node that is
// down takes connections and ends them, instead of refusing: others are slower to see that it is gone.
type forwarders struct {
	mu     sync.Mutex
	number map[string]int // of the node, from 1
	pids   map[string]int
	ports  map[string]string // of gossip, by node
	open   map[string][]io.Closer
	cut    map[string]bool
	// changed is closed and replaced when cut changes.
	changed chan struct{}
	closed  bool
	running sync.WaitGroup
}

func openForwarders() *forwarders {
	return &forwarders{
		number: map[string]int{}, pids: map[string]int{}, ports: map[string]string{}, open: map[string][]io.Closer{},
		cut: map[string]bool{}, changed: make(chan struct{}),
	}
}

func (f *forwarders) place(id string) (addresses, error) {
	a, err := loopback{}.place(id)
	if err != nil {
		return a, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.number[id]; !ok {
		f.number[id] = len(f.number) + 1
	}
	err = closeAll(f.open[id])
	f.open[id] = nil
	if err != nil {
		return a, err
	}
	a.advertise = fmt.Sprintf("127.0.1.%d", f.number[id])
	for _, to := range []string{a.rpc, a.gossip} {
		if err := f.stand(id, a.advertise, to); err != nil {
			return a, err
		}
	}
	_, port, err := net.SplitHostPort(a.gossip)
	if err != nil {
		return a, fmt.Errorf("read address: %w", err)
	}
	a.join = net.JoinHostPort(a.advertise, port)
	f.ports[id] = port
	return a, f.standPackets(id, a.join, a.gossip)
}

// stand begins to forward connections for a node, from its host to an address; the caller holds mu.
func (f *forwarders) stand(id, host, to string) error {
	_, port, err := net.SplitHostPort(to)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return fmt.Errorf("listen before %s: %w", id, err)
	}
	f.open[id] = append(f.open[id], l)
	f.running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			f.running.Go(func() { f.forward(in, id, to) })
		}
	})
	return nil
}

// forward joins a connection with one to the node.
func (f *forwarders) forward(in net.Conn, id, to string) {
	from := f.owner(in)
	defer in.Close() //nolint:errcheck // what was read was passed on
	if !f.wait(from, id) {
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return // the caller sees its connection end, as with a node that is down
	}
	defer out.Close() //nolint:errcheck // as above
	f.mu.Lock()
	closed := f.closed
	f.open[id] = append(f.open[id], in, out)
	f.mu.Unlock()
	if closed {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		f.copy(in, out, from, id)
	}()
	f.copy(out, in, from, id)
	<-back
}

// copy passes bytes on while both nodes are connected, and ends both connections when one ends.
func (f *forwarders) copy(dst, src net.Conn, a, b string) {
	defer dst.Close() //nolint:errcheck // the other direction may have closed it
	defer src.Close() //nolint:errcheck // as above
	buffer := make([]byte, chunkBytes)
	for {
		n, err := src.Read(buffer)
		if n > 0 {
			if !f.wait(a, b) {
				return
			}
			if _, err := dst.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			// That a connection ended is not to be heard through a partition either.
			f.wait(a, b)
			return
		}
	}
}

// standPackets forwards packets; the caller holds mu.
func (f *forwarders) standPackets(id, at, to string) error {
	in, err := net.ListenPacket("udp", at)
	if err != nil {
		return fmt.Errorf("listen before %s: %w", id, err)
	}
	out, err := net.Dial("udp", to)
	if err != nil {
		return errors.Join(fmt.Errorf("forward packets to %s: %w", id, err), in.Close())
	}
	f.open[id] = append(f.open[id], in, out)
	f.running.Go(func() {
		buffer := make([]byte, packetBytes)
		for {
			n, from, err := in.ReadFrom(buffer)
			if err != nil {
				return // it was closed
			}
			if f.connected(f.sender(from), id) {
				// A node that is down does not take them, which is what happens to packets.
				out.Write(buffer[:n]) //nolint:errcheck // see above
			}
		}
	})
	return nil
}

// sender gives the node that gossips from a port.
func (f *forwarders) sender(from net.Addr) string {
	_, port, err := net.SplitHostPort(from.String())
	if err != nil {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, p := range f.ports {
		if p == port {
			return id
		}
	}
	return ""
}

func (f *forwarders) connected(a, b string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.cut[a] && !f.cut[b]
}

// wait returns when both nodes are connected; false when the network was closed before.
func (f *forwarders) wait(a, b string) bool {
	for {
		f.mu.Lock()
		changed, closed, cut := f.changed, f.closed, f.cut[a] || f.cut[b]
		f.mu.Unlock()
		if closed || !cut {
			return !closed
		}
		<-changed
	}
}

func (f *forwarders) isolate(id string) error { return f.set(id, true) }
func (f *forwarders) heal(id string) error    { return f.set(id, false) }

func (f *forwarders) set(id string, cut bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut[id] = cut
	close(f.changed)
	f.changed = make(chan struct{})
	return nil
}

func (f *forwarders) command(string) []string { return nil }

func (f *forwarders) started(id string, pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pids[id] = pid
}

func (f *forwarders) close() error {
	f.mu.Lock()
	f.closed = true
	close(f.changed)
	f.changed = make(chan struct{})
	var errs []error
	for _, open := range f.open {
		errs = append(errs, closeAll(open))
	}
	f.mu.Unlock()
	f.running.Wait()
	return errors.Join(errs...)
}

func closeAll(open []io.Closer) error {
	var errs []error
	for _, c := range open {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
