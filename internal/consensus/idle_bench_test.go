package consensus

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkIdle measures what 200 groups of three replicas, all in one process and over real stores, cost while nobody
// writes: processor time a second, goroutines and memory. One iteration is ten seconds of real time; run it with
// -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	const groups, watched = 200, 10 * time.Second
	for _, commit := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
		b.Run(fmt.Sprintf("commit=%v", commit), func(b *testing.B) {
			var before runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			goroutines := runtime.NumGoroutine()
			w, ids := newWeb(), []string{"n0", "n1", "n2"}
			var all []*Group
			for i := range groups {
				for _, id := range ids {
					cfg := meshConfig(w, b.TempDir(), id, ids...)
					cfg.Group, cfg.CommitTimeout = fmt.Sprint("g", i), commit
					g, err := Open(cfg, &silent{})
					require.NoError(b, err)
					all = append(all, g)
				}
			}
			for i := 0; i < len(all); i += 3 {
				await(b, func() bool { return all[i].IsLeader() || all[i+1].IsLeader() || all[i+2].IsLeader() })
			}
			var after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ResetTimer()
			began, used := time.Now(), processorTime(b)
			for range b.N {
				<-time.After(watched)
			}
			b.ReportMetric(float64(processorTime(b)-used)/float64(time.Since(began))*100, "%cpu")
			b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/groups/3, "goroutines/replica")
			b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/groups/3/1024,
				"KiB/replica")
			b.StopTimer()
			for _, g := range all {
				require.NoError(b, g.Close())
			}
		})
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
