package rediscache

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/rediscache/redistest"
)

// text gives so many bytes of English, such as answers are made of.
func text(b *testing.B, size int) []byte {
	b.Helper()
	data, err := os.ReadFile("../../LICENSE")
	require.NoError(b, err)
	for len(data) < size {
		data = append(data, data...)
	}
	return data[:size]
}

func BenchmarkValue(b *testing.B) {
	for _, size := range []int{1600, 16_000, 160_000} {
		value := text(b, size)
		data := encodeValue("key", value)
		b.Run(fmt.Sprintf("encode %d", size), func(b *testing.B) {
			for b.Loop() {
				encodeValue("key", value)
			}
			b.ReportMetric(float64(len(data))/float64(size), "ratio")
		})
		b.Run(fmt.Sprintf("decode %d", size), func(b *testing.B) {
			for b.Loop() {
				if _, err := decodeValue("key", data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCache(b *testing.B) {
	server := redistest.Start(b)
	for name, localBytes := range map[string]int{"local": 64 << 20, "redis": 0} {
		c := realClient(b, testConfig(server.Address))
		x, err := c.Cache(CacheConfig{Name: name, TTL: time.Hour, LocalBytes: localBytes, MaxValue: 1 << 20})
		require.NoError(b, err)
		require.Eventually(b, func() bool { return c.gate.open.Load() != nil }, 10*time.Second, time.Millisecond)
		x.setNow(b.Context(), "key", text(b, 16_000))
		b.Run(name+" hit", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := x.Get(b.Context(), "key"); !ok {
					b.Fatal("gone")
				}
			}
		})
		b.Run(name+" hits of 64", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					x.Get(b.Context(), "key")
				}
			})
		})
		b.Run(name+" miss", func(b *testing.B) {
			for b.Loop() {
				x.Get(b.Context(), "other")
			}
		})
	}
	l := realClient(b, testConfig(server.Address))
	require.Eventually(b, func() bool { return l.gate.open.Load() != nil }, 10*time.Second, time.Millisecond)
	b.Run("limit", func(b *testing.B) {
		for b.Loop() {
			l.Limiter().Allow(b.Context(), "key", 1e6, 1000)
		}
	})
}

// BenchmarkBypass measures what a server costs that has stopped to answer: the longest of the calls until the gate
// closes, and a call afterwards.
func BenchmarkBypass(b *testing.B) {
	var until []time.Duration
	b.Run("frozen", func(b *testing.B) {
		server := redistest.Start(b)
		x, err := realClient(b, testConfig(server.Address)).Cache(
			CacheConfig{Name: "things", TTL: time.Hour, MaxValue: 1 << 20})
		require.NoError(b, err)
		require.Eventually(b, func() bool { return x.client.gate.open.Load() != nil }, 10*time.Second, time.Millisecond)
		require.NoError(b, server.Freeze())
		for x.client.gate.open.Load() != nil {
			start := time.Now()
			x.Get(b.Context(), "key")
			until = append(until, time.Since(start))
		}
		for b.Loop() {
			x.Get(b.Context(), "key")
		}
		require.NoError(b, server.Thaw())
		start := time.Now()
		require.Eventually(b, func() bool { return x.client.gate.open.Load() != nil }, 10*time.Second, time.Millisecond)
		b.ReportMetric(float64(slices.Max(until).Microseconds()), "longest-µs")
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "back-ms")
	})
	b.Run("killed", func(b *testing.B) {
		server := redistest.Start(b)
		x, err := realClient(b, testConfig(server.Address)).Cache(
			CacheConfig{Name: "things", TTL: time.Hour, MaxValue: 1 << 20})
		require.NoError(b, err)
		require.Eventually(b, func() bool { return x.client.gate.open.Load() != nil }, 10*time.Second, time.Millisecond)
		require.NoError(b, server.Kill())
		var longest time.Duration
		for x.client.gate.open.Load() != nil {
			start := time.Now()
			x.Get(b.Context(), "key")
			longest = max(longest, time.Since(start))
		}
		for b.Loop() {
			x.Get(b.Context(), "key")
		}
		b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
	})
}
