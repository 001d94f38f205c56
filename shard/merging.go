package shard

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
	"sagasu/sparse"
)

// merging is how the background work of all replicas of a host gives way to their searches, and what it comes to.
type merging struct {
	courtesy   *sparse.Courtesy
	registry   prometheus.Registerer
	registered []prometheus.Collector
}

func newMerging(cfg *Config) (*merging, error) {
	courtesy := sparse.DefaultCourtesy()
	courtesy.Now, courtesy.After = cfg.Now, cfg.After
	if cfg.MergeBytesPerSecond > 0 {
		courtesy.Pace = newPace(cfg.MergeBytesPerSecond, cfg.Now, cfg.After).take
	}
	m := &merging{courtesy: sparse.NewCourtesy(courtesy), registry: cfg.Registry}
	counter := func(name, help string, of func(sparse.CourtesyStats) float64) {
		m.registered = append(m.registered, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return of(m.courtesy.Stats()) }))
	}
	counter("sagasu_merged_bytes_total", "Bytes that merges of segments have written.",
		func(s sparse.CourtesyStats) float64 { return float64(s.MergedBytes) })
	counter("sagasu_merge_hurried_bytes_total",
		"Bytes that merges have written faster than they may, because an index had too many segments.",
		func(s sparse.CourtesyStats) float64 { return float64(s.HurriedBytes) })
	counter("sagasu_merge_paced_seconds_total", "Time that merges have waited until they might write.",
		func(s sparse.CourtesyStats) float64 { return s.Paced.Seconds() })
	counter("sagasu_background_gave_way_seconds_total",
		"Time that analyses, flushes and merges have waited for searches.",
		func(s sparse.CourtesyStats) float64 { return s.GaveWay.Seconds() })
	if err := obs.Register(m.registry, m.registered); err != nil {
		return nil, fmt.Errorf("register metrics of merging: %w", err)
	}
	return m, nil
}

func (m *merging) close() { obs.Unregister(m.registry, m.registered) }
