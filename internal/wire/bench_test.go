package wire

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCall measures calls over loopback, with frames joined to common writes and without. Sequential calls cost the
// same; 64 at a time is what joining is for.
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
			if _, err := pool.Call(ctx, "b", LaneQuery, method, body); err != nil {
				b.Fatal(err)
			}
		}
		call(b, b.Context(), echo)
		b.Run(mode.name+"/1KiB", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call(b, b.Context(), echo)
			}
		})
		b.Run(mode.name+"/1KiB with deadline", func(b *testing.B) {
			b.ReportAllocs()
			ctx, cancel := context.WithTimeout(b.Context(), timeout)
			defer cancel()
			for b.Loop() {
				call(b, ctx, echo)
			}
		})
		b.Run(mode.name+"/1KiB, 64 at a time", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32) // times GOMAXPROCS, which is 2 where this was tuned
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					call(b, b.Context(), echo)
				}
			})
		})
		b.Run(mode.name+"/100KiB answer", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(answer)))
			for b.Loop() {
				call(b, b.Context(), large)
			}
		})
		require.NoError(b, pool.Close())
		require.NoError(b, server.Close())
		require.NoError(b, <-served)
	}
}
