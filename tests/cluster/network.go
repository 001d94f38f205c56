package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// network is where nodes listen.
type network interface {
	// place gives a node addresses that it did not have before.
	place(id string) (addresses, error)
	// command gives the start of the command line that runs a program at the node's place.
	command(id string) []string
	// isolate cuts a node off from all others and from us; heal undoes it. pid is the node's process.
	isolate(id string) error
	heal(id string) error
	// started tells which process a node is.
	started(id string, pid int)
	close() error
}

// addresses are where a node listens, and how others call it.
type addresses struct {
	http, ops, rpc, gossip string
	// advertise is the host that others use, if it is not that of the addresses.
	advertise string
	// join is the address of its gossip as others have it.
	join string
}

// loopback is a network of ports of 127.0.0.1.
type loopback struct{}

func (loopback) place(string) (addresses, error) {
	var a addresses
	var err error
	for _, to := range []*string{&a.http, &a.ops, &a.rpc, &a.gossip} {
		if *to, err = freeAddress("127.0.0.1"); err != nil {
			return a, err
		}
	}
	a.join = a.gossip
	return a, nil
}

func (loopback) command(string) []string { return nil }
func (loopback) isolate(string) error    { return ErrNoPartitions }
func (loopback) heal(string) error       { return ErrNoPartitions }
func (loopback) started(string, int)     {}
func (loopback) close() error            { return nil }

// freeAddress gives an address that nobody listens on, by TCP and UDP.
func freeAddress(host string) (string, error) {
	for range portTries {
		addr := net.JoinHostPort(host, strconv.Itoa(firstPort+rand.N(lastPort-firstPort)))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		p, udpErr := net.ListenPacket("udp", addr)
		if udpErr == nil {
			udpErr = p.Close()
		}
		if err := errors.Join(udpErr, l.Close()); err == nil {
			return addr, nil
		}
	}
	return "", fmt.Errorf("find a free port of %s: %d were taken", host, portTries)
}
