package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// connect makes a connection to an address, hello included.
func (p *Pool) connect(peer *peer, addr string) (*clientConn, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.DialTimeout)
	defer cancel()
	raw, err := p.cfg.Dial(ctx, addr)
	if err != nil {
		return nil, p.unreachable(addr, err)
	}
	// A hello that hangs ends with ctx.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	conn, err := p.greet(ctx, peer.key, raw, addr)
	if !stop() && err == nil {
		err = p.unreachable(addr, ctx.Err())
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return newClientConn(p, peer, conn, raw, addr), nil
}

// greet exchanges hellos.
func (p *Pool) greet(ctx context.Context, key peerKey, raw net.Conn, addr string) (net.Conn, error) {
	conn := raw
	if p.cfg.TLS != nil {
		secure := tls.Client(raw, p.tlsFor(addr))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, p.unreachable(addr, fmt.Errorf("shake hands: %w", err))
		}
		conn = secure
	}
	own := greet(p.cfg.Hello())
	hello, err := appendGreeting([]byte{byte(key.lane)}, own)
	if err != nil {
		return nil, p.unreachable(addr, err)
	}
	if _, err := conn.Write(hello); err != nil {
		return nil, p.unreachable(addr, fmt.Errorf("send hello: %w", err))
	}
	server, err := readGreeting(conn)
	if err != nil {
		return nil, p.unreachable(addr, err)
	}
	if server.refused {
		return nil, fmt.Errorf("%w: %s at %s: %s", ErrRefused, server.Node, addr, server.reason)
	}
	if key.node != "" && server.Node != key.node {
		return nil, fmt.Errorf("%w: %s is at %s, not %s", ErrWrongNode, server.Node, addr, key.node)
	}
	if p.cfg.Admit != nil {
		if err := p.cfg.Admit(key.lane, server.Hello); err != nil {
			return nil, fmt.Errorf("%w: %s at %s: %w", ErrWrongNode, server.Node, addr, err)
		}
	}
	if _, err := own.version(&server); err != nil {
		return nil, fmt.Errorf("%w: %s at %s: %w", ErrRefused, server.Node, addr, err)
	}
	return conn, nil
}

// tlsFor gives the settings that verify the address's host, if they name no other.
func (p *Pool) tlsFor(addr string) *tls.Config {
	if p.cfg.TLS.ServerName != "" {
		return p.cfg.TLS
	}
	cfg := p.cfg.TLS.Clone()
	cfg.ServerName = addr
	if host, _, err := net.SplitHostPort(addr); err == nil {
		cfg.ServerName = host
	}
	return cfg
}

// unreachable gives the error of a dial that failed, which is ErrClosed if the pool was closed meanwhile. A dial's
// timeout must not look like the caller's deadline.
func (p *Pool) unreachable(addr string, err error) error {
	if p.ctx.Err() != nil {
		return ErrClosed
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %s: no answer within %v", ErrUnreachable, addr, p.cfg.DialTimeout)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, addr, err)
}
