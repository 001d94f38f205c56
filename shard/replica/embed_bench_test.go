package replica

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient"
)

// steadyService takes the same time for each text, one call after the other, as a service does whose model is what
// takes time.
type steadyService struct {
	perText time.Duration
	mu      sync.Mutex
	busy    time.Duration
}

func (s *steadyService) Embed(_ context.Context, _ embedclient.Kind, texts []string) ([][]float32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Duration(len(texts)) * s.perText
	<-time.After(took)
	s.busy += took
	out := make([][]float32, len(texts))
	for i := range texts {
		out[i] = direction(texts[i])
	}
	return out, nil
}

// BenchmarkEmbedWorker tells how much of the time the service is kept busy.
func BenchmarkEmbedWorker(b *testing.B) {
	for _, perText := range []time.Duration{time.Millisecond, 10 * time.Millisecond} {
		b.Run(fmt.Sprint(perText, " a text"), func(b *testing.B) {
			s := &steadyService{perText: perText}
			cfg := testConfig(b.TempDir(), denseSchema())
			cfg.Embedder = serve(s)
			r := openReplica(b, cfg)
			defer func() { require.NoError(b, r.Close()) }()
			var version uint64
			b.ResetTimer()
			for n := range b.N {
				writes := make([]api.Write, 256)
				for i := range writes {
					writes[i] = put(fmt.Sprint(n, "-", i), "north")
				}
				version = mustWrite(b, r, writes...)[255].Version
			}
			require.NoError(b, r.WaitDense(b.Context(), version))
			b.ReportMetric(100*s.busy.Seconds()/b.Elapsed().Seconds(), "%busy")
		})
	}
}
