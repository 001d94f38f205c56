package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Pool makes calls to other nodes. It keeps one connection to a node per lane, made when it is needed. Make it by
// NewPool; its methods can be called from many goroutines.
type Pool struct {
	cfg     PoolConfig
	metrics *metrics
	buffers buffers
	waiters sync.Pool
	ctx     context.Context // ends with the pool
	cancel  context.CancelFunc

	mu      sync.RWMutex
	closed  bool
	peers   map[peerKey]*peer
	refused []func(node string)

	// life is locked last, after mu and that of a peer.
	life    sync.Mutex
	ended   bool
	running sync.WaitGroup // dials and connections
}

// peerKey names a connection: by node, or by address while the node is not known.
type peerKey struct {
	node, addr string
	lane       Lane
}

// NewPool makes a pool without connections. It returns ErrInvalidConfig, or the registry's error.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics("client", cfg.Registry)
	if err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg.withDefaults(), metrics: m, peers: map[peerKey]*peer{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// Call sends one request to a node and gives its answer, which is the caller's. The body is free again when it returns,
// which it does at once when ctx ends; the node is told.
//
// Errors: ErrUnreachable, ErrRefused, ErrWrongNode and ErrTooLarge of a request, before it was sent; ErrBroken and
// ErrClosed, after which it may have had its effect; *Error from the node; ctx's own.
func (p *Pool) Call(ctx context.Context, node string, lane Lane, method uint16, body []byte) ([]byte, error) {
	addr, ok := p.cfg.Resolve(node)
	if !ok {
		err := fmt.Errorf("call %s: %w: its address is not known", node, ErrUnreachable)
		return nil, p.counted(lane, err)
	}
	answer, err := p.call(ctx, peerKey{node: node, lane: lane}, addr, method, body)
	return answer, p.counted(lane, err)
}

// CallAddr is Call to an address whose node is not known yet, host:port.
func (p *Pool) CallAddr(ctx context.Context, addr string, lane Lane, method uint16, body []byte) ([]byte, error) {
	answer, err := p.call(ctx, peerKey{addr: addr, lane: lane}, addr, method, body)
	return answer, p.counted(lane, err)
}

// counted counts a call and gives its error.
func (p *Pool) counted(lane Lane, err error) error {
	if i, ok := lane.index(); ok {
		p.metrics.calls[i][outcomeOf(err)].Inc()
	}
	return err
}

func (p *Pool) call(ctx context.Context, key peerKey, addr string, method uint16, body []byte) ([]byte, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("call %s%s: %w: %d bytes, over %d", key.node, key.addr, ErrTooLarge, len(body), MaxBody)
	}
	// A connection may break between being given and being used; nothing was sent then, and another is made, once.
	for again := true; ; again = false {
		c, err := p.connection(ctx, key, addr)
		if err != nil {
			return nil, fmt.Errorf("call %s%s: %w", key.node, key.addr, err)
		}
		answer, sent, err := c.call(ctx, method, body)
		if !sent && again && errors.Is(err, ErrUnreachable) {
			continue
		}
		return answer, err
	}
}

// connection gives a connection to a node, made if there is none.
func (p *Pool) connection(ctx context.Context, key peerKey, addr string) (*clientConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for {
		peer, err := p.peer(key)
		if err != nil {
			return nil, err
		}
		c, gone, err := peer.connection(ctx, addr)
		if !gone {
			return c, err
		}
	}
}

// peer gives the entry of a node, made if there is none.
func (p *Pool) peer(key peerKey) (*peer, error) {
	p.mu.RLock()
	found, closed := p.peers[key], p.closed
	p.mu.RUnlock()
	switch {
	case closed:
		return nil, ErrClosed
	case found != nil:
		return found, nil
	}
	if _, ok := key.lane.index(); !ok {
		return nil, fmt.Errorf("%w: lane %#x", ErrProtocol, byte(key.lane))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if found := p.peers[key]; found != nil {
		return found, nil
	}
	// Addresses come and go; what is of no use any more leaves when another comes.
	for other, idle := range p.peers {
		if idle.retire() {
			delete(p.peers, other)
		}
	}
	made := &peer{pool: p, key: key}
	p.peers[key] = made
	return made, nil
}

// start runs f on a goroutine that Close waits for, unless the pool is closed.
func (p *Pool) start(f func()) bool {
	p.life.Lock()
	defer p.life.Unlock()
	if p.ended {
		return false
	}
	p.running.Go(f)
	return true
}

// OnRefused registers a function that is told, on a goroutine of its own, when a connection to a node on LaneRaft broke
// and its address refuses a new one (ECONNREFUSED): its process is gone, or going.
func (p *Pool) OnRefused(f func(node string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = append(p.refused, f)
}

// tellRefused calls what OnRefused registered.
func (p *Pool) tellRefused(node string) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return
	}
	for _, f := range p.refused {
		go f(node)
	}
}

// Close ends all connections, and the calls under way with ErrClosed. It waits for its goroutines.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	peers := p.peers
	p.peers = nil
	p.mu.Unlock()
	p.life.Lock()
	p.ended = true
	p.life.Unlock()
	p.cancel()
	for _, peer := range peers {
		peer.close()
	}
	p.running.Wait()
	p.metrics.unregister()
	return nil
}
