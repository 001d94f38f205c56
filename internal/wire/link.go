package wire

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is what both sides have of a connection after the hello: frames in, frames out, and whether the peer lives.
type link struct {
	conn   net.Conn
	raw    net.Conn // conn, or what is below its TLS
	in     frameReader
	out    sender
	reads  atomic.Uint64 // counts reads
	frames int           // since the last read; of the reading goroutine

	// crowded says that the last read brought several frames, so that several goroutines will send in a moment.
	crowded atomic.Bool

	once sync.Once
	done chan struct{} // closed when the connection is broken
	err  error         // why; valid after done
}

// linkConfig is what a link needs of its server or pool.
type linkConfig struct {
	buffers  *buffers
	received func(n int)
	sent     func(n int)
	apart    bool
}

// newLink makes a link of a connection and of what is below its TLS, which may be the same.
func newLink(conn, raw net.Conn, cfg linkConfig) *link {
	l := &link{conn: conn, raw: raw, done: make(chan struct{})}
	l.in = newFrameReader(countingReader{link: l, received: cfg.received})
	l.out.conn, l.out.try, l.out.buffers = conn, newTryWriter(conn), cfg.buffers
	l.out.wrote, l.out.broken, l.out.crowded, l.out.apart = cfg.sent, l.fail, &l.crowded, cfg.apart
	return l
}

// countingReader counts what is read of a link's connection.
type countingReader struct {
	link     *link
	received func(n int)
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.link.conn.Read(p)
	r.link.frames = 0
	r.link.reads.Add(1)
	r.received(n)
	return n, err
}

// next reads the beginning of the next frame. Pings and pongs are dealt with here.
func (l *link) next() (head, error) {
	for {
		h, err := l.in.head()
		if err != nil {
			return h, err
		}
		switch h.kind {
		case kindPing:
			l.out.sendNow(appendHead(nil, kindPong, h.id, 0), false)
		case kindPong:
		default:
			return h, nil
		}
	}
}

// took notes that a frame was read to its end.
func (l *link) took() {
	l.frames++
	if crowded := l.frames > 1 || l.in.Buffered() > 0; crowded != l.crowded.Load() {
		l.crowded.Store(crowded)
	}
}

// fail breaks the connection; the first reason stays.
func (l *link) fail(err error) {
	l.once.Do(func() {
		l.err = err
		// Its own error is no news: the connection is given up. TLS would say goodbye first, to a peer that may not read.
		_ = l.raw.Close()
		l.out.fail(err)
		close(l.done)
	})
}

// watch pings the peer when nothing comes, and breaks the connection when nothing comes or goes for the timeout. It
// returns when the connection is broken.
func (l *link) watch(interval, timeout time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var reads, writes, pings uint64
	var silent, stalled time.Duration
	for {
		select {
		case <-ticker.C:
		case <-l.done:
			return
		}
		silent += interval
		if now := l.reads.Load(); now != reads {
			reads, silent = now, 0
		}
		stalled += interval
		if now, busy := l.out.waiting(); now != writes || !busy {
			writes, stalled = now, 0
		}
		switch {
		case silent >= timeout:
			l.fail(fmt.Errorf("%w for %v", errSilent, timeout))
		case stalled >= timeout:
			l.fail(fmt.Errorf("%w for %v", errStalled, timeout))
		case silent > 0:
			pings++
			l.out.sendNow(appendHead(nil, kindPing, pings, 0), false)
		}
	}
}
