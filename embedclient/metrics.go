package embedclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
)

// metrics are the client's collectors.
type metrics struct {
	registerer prometheus.Registerer
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	hits       *prometheus.CounterVec
	misses     *prometheus.CounterVec
	retries    prometheus.Counter
	breaker    prometheus.Gauge
}

// newMetrics makes the collectors and registers them, unless registerer is nil.
func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		registerer: registerer,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "embedding_requests_total",
			Help: "Requests to the embedding service, by kind of text and outcome; breaker_open were not sent.",
		}, []string{"kind", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "embedding_duration_seconds",
			Help:    "Time of one request to the embedding service, by kind of text.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"kind"}),
		hits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "embedding_cache_hits_total",
			Help: "Texts whose vector was in the cache, by kind of text.",
		}, []string{"kind"}),
		misses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "embedding_cache_misses_total",
			Help: "Texts whose vector was not in the cache, by kind of text.",
		}, []string{"kind"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "embedding_retries_total",
			Help: "Requests to the embedding service that were sent again.",
		}),
		breaker: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "embedding_breaker_state",
			Help: "State of the circuit breaker: 0 closed, 1 half open, 2 open.",
		}),
	}
	if err := obs.Register(registerer, m.collectors()); err != nil {
		return nil, fmt.Errorf("register embedding metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.duration, m.hits, m.misses, m.retries, m.breaker}
}

// unregister makes place for another client's collectors.
func (m *metrics) unregister() { obs.Unregister(m.registerer, m.collectors()) }

// attempted counts one request.
func (m *metrics) attempted(kind Kind, err error, took time.Duration) {
	m.requests.WithLabelValues(kind.String(), outcome(err)).Inc()
	m.duration.WithLabelValues(kind.String()).Observe(took.Seconds())
}

// outcome names how a request ended, out of a closed list.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrTimeout):
		return "timeout"
	case errors.Is(err, ErrRejected):
		return "rejected"
	case errors.Is(err, ErrBadResponse):
		return "bad_response"
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		return "canceled"
	default:
		return "unavailable"
	}
}
