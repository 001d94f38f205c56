package consensus

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// silent is a machine that costs nothing.
type silent struct{ journal }

func (*silent) Apply(cmds []Command) []any { return make([]any, len(cmds)) }
func (*silent) Hash() uint64               { return 0 }

// BenchmarkPropose measures the latency of a command of 1 KiB at various numbers of concurrent proposers, and how
// many entries share a write of the store (each write is two fdatasync calls of bbolt).
func BenchmarkPropose(b *testing.B) {
	for _, proposers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("proposers=%d", proposers), func(b *testing.B) {
			cfg, counted := soloConfig(b.TempDir()), &counting{}
			cfg.openStore = counted.open
			g := openSolo(b, cfg, &silent{})
			p := command(string(make([]byte, 1024)))
			b.SetParallelism((proposers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			before := counted.writes.Load()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, _, err := g.Propose(b.Context(), p); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(counted.writes.Load()-before)/float64(b.N), "writes/entry")
		})
	}
}

// BenchmarkReadBarrier measures a linearizable read's overhead in a group of one.
func BenchmarkReadBarrier(b *testing.B) {
	g := openSolo(b, soloConfig(b.TempDir()), &silent{})
	for b.Loop() {
		require.NoError(b, g.ReadBarrier(b.Context()))
	}
}

// BenchmarkOpen measures the time from Open to leading, with an empty log.
func BenchmarkOpen(b *testing.B) {
	cfg := soloConfig(b.TempDir())
	for b.Loop() {
		g, err := Open(cfg, &silent{})
		require.NoError(b, err)
		lead(b, g)
		b.StopTimer()
		require.NoError(b, g.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Millisecond), "ms/open")
}
