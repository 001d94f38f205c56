package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// newSender makes a sender of a connection, and counts its writes.
func newSender(conn net.Conn) (*sender, *atomic.Int32) {
	s := &sender{conn: conn, try: newTryWriter(conn), buffers: &buffers{}, crowded: &atomic.Bool{}}
	writes := &atomic.Int32{}
	s.wrote = func(int) { writes.Add(1) }
	s.broken = func(err error) { s.fail(err) }
	return s, writes
}

func TestSenderJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s, writes := newSender(here)
		ctx := context.Background()
		for range 101 { // the first is being written, nobody reads
			require.NoError(t, s.send(ctx, make([]byte, 10), make([]byte, 90)))
			synctest.Wait()
		}
		_, err := io.ReadFull(there, make([]byte, 101*100))
		require.NoError(t, err)
		s.flushers.Wait()
		require.EqualValues(t, 2, writes.Load(), "the 100 that waited are one write")
		here.Close()
		there.Close()
	})
}

func TestSenderKeepsOrder(t *testing.T) {
	// Frames of many goroutines and sizes, to a reader whose small buffer makes writes come up short.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	here, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer here.Close()
	there, err := l.Accept()
	require.NoError(t, err)
	defer there.Close()
	require.NoError(t, here.(*net.TCPConn).SetWriteBuffer(4<<10))
	s, _ := newSender(here)
	const goroutines, each = 8, 50
	var senders sync.WaitGroup
	for g := range goroutines {
		senders.Go(func() {
			for i := range each {
				size := 12 + (i*i*(g+1))%(3*joinLimit)
				if i%3 == 0 {
					size = 12 + i
				}
				frame := make([]byte, size)
				for j := range frame {
					frame[j] = byte(g)
				}
				binary.LittleEndian.PutUint32(frame, uint32(size))
				binary.LittleEndian.PutUint32(frame[4:], uint32(g))
				binary.LittleEndian.PutUint32(frame[8:], uint32(i))
				s.crowded.Store(i%2 == 0)
				var err error
				if i%5 == 0 {
					b := s.buffers.get(size)
					b.b = append(b.b, frame...)
					err = s.sendWhole(context.Background(), b)
				} else {
					err = s.send(context.Background(), frame[:5], frame[5:])
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	next := make([]uint32, goroutines)
	for range goroutines * each {
		var head [12]byte
		_, err := io.ReadFull(there, head[:])
		require.NoError(t, err)
		size, g, i := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:]),
			binary.LittleEndian.Uint32(head[8:])
		require.Less(t, g, uint32(goroutines))
		require.Equal(t, next[g], i)
		next[g]++
		body := make([]byte, size-12)
		_, err = io.ReadFull(there, body)
		require.NoError(t, err)
		require.True(t, bytes.Count(body, []byte{byte(g)}) == len(body), "another frame is mixed in")
	}
	senders.Wait()
	s.flushers.Wait()
}

func TestSenderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s, _ := newSender(here)
		ctx := context.Background()
		// The first is being written, the next fill the queue, one waits for room.
		for range 2 + maxPending/(1<<20) - 1 {
			require.NoError(t, s.send(ctx, nil, make([]byte, 1<<20)))
			synctest.Wait()
		}
		failed := make(chan error)
		go func() { failed <- s.send(ctx, nil, []byte("x")) }()
		synctest.Wait()
		reason := errors.New("cut")
		s.fail(reason)
		require.Equal(t, reason, <-failed)
		require.Equal(t, reason, s.send(ctx, nil, []byte("x")))
		require.Equal(t, reason, s.sendWhole(ctx, s.buffers.get(1)))
		there.Close()
		s.flushers.Wait()
		here.Close()
	})
}

func TestBuffers(t *testing.T) {
	var pool buffers
	for _, n := range []int{0, 1, 1023, 1024, 1025, 1 << maxClass, 1<<maxClass + 1} {
		b := pool.get(n)
		require.Empty(t, b.b)
		require.GreaterOrEqual(t, cap(b.b), n)
		b.b = append(b.b, make([]byte, n)...)
		pool.put(b)
	}
	pool.put(nil)
	pool.put(&buffer{b: make([]byte, 0, 1500)})
	require.GreaterOrEqual(t, cap(pool.get(1024).b), 1024)
	require.GreaterOrEqual(t, cap(pool.get(2048).b), 2048, "a buffer never has less than its class says")
}
