package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// door keeps one address before a server that comes back at another.
type door struct {
	address  string
	listener net.Listener
	target   atomic.Pointer[string]
	running  sync.WaitGroup
}

func openDoor(target string) (*door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{address: l.Addr().String(), listener: l}
	d.lead(target)
	d.running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			go d.pass(in)
		}
	})
	return d, nil
}

func (d *door) lead(target string) { d.target.Store(&target) }

func (d *door) close() error {
	err := d.listener.Close()
	d.running.Wait()
	return err
}

// pass carries bytes both ways until one side ends.
func (d *door) pass(in net.Conn) {
	defer in.Close() //nolint:errcheck // its end is the other side's too
	out, err := net.Dial("tcp", *d.target.Load())
	if err != nil {
		return
	}
	defer out.Close() //nolint:errcheck // as above
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}
