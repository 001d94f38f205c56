package shard

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
	"sagasu/shard/replica"
)

// scrubbing is what the replicas of a host share when they verify their files: how fast, and what came of it. A
// replica that failed is gone with its own metrics, so these are the host's.
type scrubbing struct {
	pace       *pace
	bytes      prometheus.Counter
	damage     prometheus.Counter
	registry   prometheus.Registerer
	registered []prometheus.Collector

	// mu guards known, the shards whose damage is counted: they are opened, and found damaged, again and again.
	mu    sync.Mutex
	known map[string]bool
}

func newScrubbing(cfg *Config) (*scrubbing, error) {
	s := &scrubbing{
		pace: newPace(cfg.ScrubBytesPerSecond, cfg.Now, cfg.After),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sagasu_scrubbed_bytes_total", Help: "Bytes of indexes in use that were verified again.",
		}),
		damage: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sagasu_damaged_segments_total",
			Help: "Times that a replica had a damaged file, found at its start or in use.",
		}),
		registry: cfg.Registry, known: map[string]bool{},
	}
	s.registered = []prometheus.Collector{s.bytes, s.damage}
	if err := obs.Register(s.registry, s.registered); err != nil {
		return nil, fmt.Errorf("register metrics of scrubbing: %w", err)
	}
	return s, nil
}

// take waits until a replica may read a number of bytes; see replica.Config.ScrubPace.
func (s *scrubbing) take(ctx context.Context, bytes int) error {
	if err := s.pace.take(ctx, bytes); err != nil {
		return err
	}
	s.bytes.Add(float64(bytes))
	return nil
}

// note counts why a replica failed or can't be opened, if that is damage that was not known.
func (s *scrubbing) note(shard string, err error) {
	if !replica.Damaged(err) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[shard] {
		s.known[shard] = true
		s.damage.Inc()
	}
}

// forget ends what is known of a replica's damage: it is open.
func (s *scrubbing) forget(shard string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, shard)
}

func (s *scrubbing) close() { obs.Unregister(s.registry, s.registered) }
