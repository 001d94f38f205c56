package catalog

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what every catalog tells of itself.
type Metrics struct {
	registerer prometheus.Registerer
	collectors []prometheus.Collector
	calls      *prometheus.HistogramVec
	refused    *prometheus.CounterVec
	entries    prometheus.Counter
}

// callBuckets reach from what a small SQLite answers to what a statement's timeout allows.
var callBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// NewMetrics registers the metrics, and others of the implementation; a nil registerer takes none.
func NewMetrics(registerer prometheus.Registerer, others ...prometheus.Collector) (*Metrics, error) {
	m := &Metrics{
		registerer: registerer,
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "catalog_call_seconds", Help: "Time taken by calls of the catalog, by call and result.",
			Buckets: callBuckets,
		}, []string{"call", "result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "catalog_unavailable_total", Help: "Calls that the catalog's database could not do, by reason.",
		}, []string{"reason"}),
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "catalog_entries_total", Help: "Changes of documents that were recorded.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range append([]prometheus.Collector{m.calls, m.refused, m.entries}, others...) {
		if err := registerer.Register(c); err != nil {
			m.Close()
			return nil, fmt.Errorf("register metrics of the catalog: %w", err)
		}
		m.collectors = append(m.collectors, c)
	}
	return m, nil
}

// Call times a call: the function that it gives is deferred.
func (m *Metrics) Call(call string, err *error) func() {
	start := time.Now()
	return func() { m.observe(call, time.Since(start), *err) }
}

func (m *Metrics) observe(call string, took time.Duration, err error) {
	result := "ok"
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable):
		result = "unavailable"
		m.refused.WithLabelValues(string(ReasonOf(err))).Inc()
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrStale), errors.Is(err, ErrDropped), errors.Is(err, ErrInvalid):
		result = "refused"
	default:
		result = "error"
	}
	m.calls.WithLabelValues(call, result).Observe(took.Seconds())
}

// Recorded counts entries.
func (m *Metrics) Recorded(entries int) { m.entries.Add(float64(entries)) }

// Close makes place for metrics of the same names.
func (m *Metrics) Close() {
	for _, c := range m.collectors {
		m.registerer.Unregister(c)
	}
	m.collectors = nil
}
