package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"
)

// greet reads the peer's lane and hello and answers it. With an error the connection is of no use.
func (s *Server) greet(raw net.Conn) (net.Conn, Lane, Hello, error) {
	if err := raw.SetDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, 0, Hello{}, fmt.Errorf("bound the hello: %w", err)
	}
	conn := raw
	if s.cfg.TLS != nil {
		secure := tls.Server(raw, s.cfg.TLS)
		ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
		defer cancel()
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, 0, Hello{}, fmt.Errorf("shake hands: %w", err)
		}
		conn = secure
	}
	var first [1]byte
	if _, err := io.ReadFull(conn, first[:]); err != nil {
		return nil, 0, Hello{}, fmt.Errorf("read lane: %w", err)
	}
	lane := Lane(first[0])
	if _, ok := lane.index(); !ok {
		return nil, 0, Hello{}, fmt.Errorf("read lane: %w: it is %#x", ErrProtocol, first[0])
	}
	peer, err := readGreeting(conn)
	if err != nil {
		return nil, 0, Hello{}, err
	}
	if err := s.welcome(conn, lane, &peer); err != nil {
		return nil, 0, peer.Hello, err
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, 0, peer.Hello, fmt.Errorf("end the hello: %w", err)
	}
	return conn, lane, peer.Hello, nil
}

// welcome admits or refuses the peer, and tells it so.
func (s *Server) welcome(conn net.Conn, lane Lane, peer *greeting) error {
	own := greet(s.cfg.Hello())
	_, refusal := own.version(peer)
	if refusal == nil && s.cfg.Admit != nil {
		refusal = s.cfg.Admit(lane, peer.Hello)
	}
	if refusal != nil {
		own.refused, own.reason = true, refusal.Error()
	}
	answer, err := appendGreeting(nil, own)
	if err != nil {
		return fmt.Errorf("answer hello: %w", err)
	}
	if _, err := conn.Write(answer); err != nil {
		return fmt.Errorf("answer hello: %w", err)
	}
	if refusal != nil {
		return fmt.Errorf("%w: %w", ErrRefused, refusal)
	}
	return nil
}
