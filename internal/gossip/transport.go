package gossip

import (
	"context"
	"fmt"
	"log"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
)

// sockets are memberlist's, with outgoing streams that end with ctx: a dial or an exchange with a node that does not
// answer would otherwise outlive Close.
type sockets struct {
	*memberlist.NetTransport
	ctx context.Context
}

// DialTimeout implements memberlist.Transport.
func (s sockets) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(s.ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return stream{conn, context.AfterFunc(s.ctx, func() {
		_ = conn.Close() // who reads or writes gets the error
	})}, nil
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (s sockets) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return s.DialTimeout(a.Addr, timeout)
}

type stream struct {
	net.Conn
	forget func() bool
}

// Close implements net.Conn.
func (s stream) Close() error {
	s.forget()
	return s.Conn.Close()
}

// listen opens the sockets of a host:port.
func listen(ctx context.Context, bindAddr string, logger *log.Logger) (sockets, error) {
	ip, port, err := resolve(ctx, bindAddr)
	if err != nil {
		return sockets{}, fmt.Errorf("%w: BindAddr: %w", ErrInvalidConfig, err)
	}
	if ip == nil {
		ip = net.IPv4zero
	}
	attempts := 1
	if port == 0 {
		attempts = bindAttempts // the port that is free for TCP may be taken for UDP
	}
	for {
		t, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{ip.String()}, BindPort: port, Logger: logger,
		})
		if err == nil {
			return sockets{t, ctx}, nil
		}
		if attempts--; attempts == 0 {
			return sockets{}, fmt.Errorf("listen on %s: %w", bindAddr, err)
		}
	}
}

// resolve splits a host:port and looks the host up; no host gives no address.
func resolve(ctx context.Context, hostPort string) (net.IP, int, error) {
	host, portText, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, 0, err // names the address
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, 0, fmt.Errorf("port of %q is none", hostPort)
	}
	if host == "" {
		return nil, int(port), nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, 0, err
	}
	ip := net.IP(ips[0].Unmap().AsSlice())
	for _, other := range ips {
		if other.Unmap().Is4() { // localhost has both, and most listen on the older
			ip = net.IP(other.Unmap().AsSlice())
			break
		}
	}
	return ip, int(port), nil
}

// advertise gives the address that others are told, and its parts as memberlist wants them.
func advertise(
	ctx context.Context, t memberlist.Transport, advertiseAddr string,
) (addr, host string, port int, err error) {
	if advertiseAddr != "" {
		var ip net.IP
		if ip, port, err = resolve(ctx, advertiseAddr); err != nil {
			return "", "", 0, fmt.Errorf("%w: AdvertiseAddr: %w", ErrInvalidConfig, err)
		}
		if ip != nil {
			host = ip.String()
		}
	}
	own, ownPort, err := t.FinalAdvertiseAddr("", 0)
	switch {
	case host != "": // the machine need not know the address itself
	case err != nil:
		return "", "", 0, fmt.Errorf("%w: AdvertiseAddr is needed: %w", ErrInvalidConfig, err)
	default:
		host = own.String()
	}
	if bound, ok := t.(interface{ GetAutoBindPort() int }); ok {
		ownPort = bound.GetAutoBindPort()
	}
	if port == 0 {
		port = ownPort
	}
	if net.ParseIP(host).IsUnspecified() {
		return "", "", 0, fmt.Errorf("%w: AdvertiseAddr is needed: nobody can reach %s", ErrInvalidConfig, host)
	}
	ip, finalPort, err := t.FinalAdvertiseAddr(host, port)
	if err != nil {
		return "", "", 0, fmt.Errorf("%w: AdvertiseAddr: %w", ErrInvalidConfig, err)
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(finalPort)), host, port, nil
}
