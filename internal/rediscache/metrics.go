package rediscache

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
)

// The tiers of a cache, as metrics name them.
const (
	tierLocal = "local"
	tierRedis = "redis"
)

// What Redis is called for, as metrics name it.
const (
	callGet   = "get"
	callSet   = "set"
	callLimit = "limit"
)

type metrics struct {
	registry  prometheus.Registerer
	available prometheus.Gauge
	bypasses  *prometheus.CounterVec
	// bypassed are the counters of bypasses by what was to be called.
	bypassed map[string]prometheus.Counter
	errors   *prometheus.CounterVec
	hits     *prometheus.CounterVec
	misses   *prometheus.CounterVec
	damaged  *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	evicted  *prometheus.CounterVec
	bytes    *prometheus.GaugeVec
	entries  *prometheus.GaugeVec
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauges(name, help string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"cache"})
}

// newMetrics registers the collectors; those of Redis only if there is one.
func newMetrics(registry prometheus.Registerer, withRedis bool) (*metrics, error) {
	m := &metrics{
		registry: registry,
		available: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "redis_available", Help: "1 while Redis is used, 0 while it is bypassed.",
		}),
		bypasses: counters("redis_bypassed_total", "Calls that did without Redis, by what they were for.", "call"),
		errors:   counters("redis_errors_total", "Calls of Redis that failed, by reason.", "reason"),
		hits:     counters("cache_hits_total", "Values found in a cache, by cache and tier.", "cache", "tier"),
		misses:   counters("cache_misses_total", "Values found in no tier of a cache.", "cache"),
		damaged:  counters("cache_damaged_total", "Values in Redis that are none of the cache's, or damaged.", "cache"),
		dropped:  counters("cache_dropped_total", "Values not stored in Redis because too many waited.", "cache"),
		evicted:  counters("cache_evictions_total", "Values that made place in the local tier for others.", "cache"),
		bytes:    gauges("cache_bytes", "Memory that the local tier of a cache takes."),
		entries:  gauges("cache_entries", "Values in the local tier of a cache."),
	}
	m.bypassed = map[string]prometheus.Counter{}
	for _, call := range []string{callGet, callSet, callLimit} {
		m.bypassed[call] = m.bypasses.WithLabelValues(call)
	}
	all := m.ofCaches()
	if withRedis {
		all = append(all, m.ofRedis()...)
	}
	if err := obs.Register(registry, all); err != nil {
		return nil, fmt.Errorf("register metrics of caches: %w", err)
	}
	return m, nil
}

func (m *metrics) ofCaches() []prometheus.Collector {
	return []prometheus.Collector{m.hits, m.misses, m.damaged, m.dropped, m.evicted, m.bytes, m.entries}
}

func (m *metrics) ofRedis() []prometheus.Collector {
	return []prometheus.Collector{m.available, m.bypasses, m.errors}
}

// unregister makes place for another client's collectors.
func (m *metrics) unregister() { obs.Unregister(m.registry, append(m.ofCaches(), m.ofRedis()...)) }

// cacheMetrics are those of one cache.
type cacheMetrics struct {
	local, redis, misses, damaged, dropped, evicted prometheus.Counter
	bytes, entries                                  prometheus.Gauge
}

func (m *metrics) of(cache string) *cacheMetrics {
	return &cacheMetrics{
		local: m.hits.WithLabelValues(cache, tierLocal), redis: m.hits.WithLabelValues(cache, tierRedis),
		misses: m.misses.WithLabelValues(cache), damaged: m.damaged.WithLabelValues(cache),
		dropped: m.dropped.WithLabelValues(cache), evicted: m.evicted.WithLabelValues(cache),
		bytes: m.bytes.WithLabelValues(cache), entries: m.entries.WithLabelValues(cache),
	}
}
