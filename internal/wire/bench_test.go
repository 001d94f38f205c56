package wire

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBare is what a round trip of 1 KiB costs between two goroutines that do nothing else: the floor of a call.
func BenchmarkBare(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		body := make([]byte, 1<<10)
		for {
			if _, err := io.ReadFull(conn, body); err != nil {
				return
			}
			if _, err := conn.Write(body); err != nil {
				return
			}
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(b, err)
	defer conn.Close()
	body := make([]byte, 1<<10)
	median(b, func() {
		if _, err := conn.Write(body); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, body); err != nil {
			b.Fatal(err)
		}
	})
}

// median measures f, one call after the other, and reports the median as well, which a busy machine disturbs less.
func median(b *testing.B, f func()) {
	b.Helper()
	took := make([]time.Duration, 0, 1<<20)
	for b.Loop() {
		start := time.Now()
		f()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns/op")
}

// writes counts the writes of both sides of the only connection.
func writes(b *testing.B, pool *Pool, server *Server) uint64 {
	b.Helper()
	server.mu.Lock()
	defer server.mu.Unlock()
	require.Len(b, server.conns, 1)
	var n uint64
	for c := range server.conns {
		n += c.link.out.progress.Load()
	}
	peer, err := pool.peer(peerKey{node: "b", lane: LaneQuery})
	require.NoError(b, err)
	return n + peer.conn.link.out.progress.Load()
}

// BenchmarkCall measures calls over loopback, with frames joined to common writes and without. Calls one after the
// other cost the same, with two writes each. 64 at a time is what joining is for: on two processors a call takes 0.5
// writes and 8 µs, apart 2 writes and 19 µs. A second connection made it no faster.
func BenchmarkCall(b *testing.B) {
	const echo, large = 1, 2
	answer := make([]byte, 100<<10)
	for _, mode := range []struct {
		name  string
		apart bool
	}{{"joined", false}, {"apart", true}} {
		server, err := NewServer(ServerConfig{Hello: helloOf("b"), Logger: quiet(), apart: mode.apart})
		require.NoError(b, err)
		server.Handle(echo, func(_ context.Context, body, dst []byte) ([]byte, error) { return append(dst, body...), nil })
		server.Handle(large, func(_ context.Context, _, dst []byte) ([]byte, error) { return append(dst, answer...), nil })
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		addr := listener.Addr().String()
		pool, err := NewPool(PoolConfig{
			Hello: helloOf("a"), Logger: quiet(), apart: mode.apart,
			Resolve: func(string) (string, bool) { return addr, true },
		})
		require.NoError(b, err)
		body := make([]byte, 1<<10)
		call := func(b *testing.B, ctx context.Context, method uint16) {
			b.Helper()
			if _, err := pool.Call(ctx, "b", LaneQuery, method, body); err != nil {
				b.Fatal(err)
			}
		}
		call(b, b.Context(), echo)
		b.Run(mode.name+"/1KiB", func(b *testing.B) {
			b.ReportAllocs()
			median(b, func() { call(b, b.Context(), echo) })
		})
		b.Run(mode.name+"/1KiB with deadline", func(b *testing.B) {
			b.ReportAllocs()
			ctx, cancel := context.WithTimeout(b.Context(), timeout)
			defer cancel()
			median(b, func() { call(b, ctx, echo) })
		})
		b.Run(mode.name+"/1KiB, 64 at a time", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32) // times GOMAXPROCS, which is 2 where this was tuned
			before := writes(b, pool, server)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					call(b, b.Context(), echo)
				}
			})
			b.ReportMetric(float64(writes(b, pool, server)-before)/float64(b.N), "writes/op")
		})
		b.Run(mode.name+"/100KiB answer", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(answer)))
			median(b, func() { call(b, b.Context(), large) })
		})
		require.NoError(b, pool.Close())
		require.NoError(b, server.Close())
		require.NoError(b, <-served)
	}
}
