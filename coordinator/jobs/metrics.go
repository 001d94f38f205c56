package jobs

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	registry       prometheus.Registerer
	items          *prometheus.CounterVec
	ended          *prometheus.CounterVec
	retries        prometheus.Counter
	all            []prometheus.Collector
	written, wrong prometheus.Counter
}

// newMetrics registers the metrics; counts is asked at each scrape. A nil registry takes nothing.
func newMetrics(registry prometheus.Registerer, counts func() (waiting, active int, bytes int64)) (*metrics, error) {
	m := &metrics{
		registry: registry,
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "job_items_total", Help: "Items of bulks in the background, by result: written or failed.",
		}, []string{"result"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jobs_ended_total", Help: "Bulks in the background that ended, by state.",
		}, []string{"state"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "job_retries_total", Help: "Tries to write a batch that failed and are repeated.",
		}),
	}
	m.written, m.wrong = m.items.WithLabelValues("written"), m.items.WithLabelValues("failed")
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.all = []prometheus.Collector{
		m.items, m.ended, m.retries,
		gauge("jobs_waiting", "Bulks in the background that wait for their turn.", func() float64 {
			waiting, _, _ := counts()
			return float64(waiting)
		}),
		gauge("jobs_running", "Bulks in the background that run.", func() float64 {
			_, active, _ := counts()
			return float64(active)
		}),
		gauge("jobs_spool_bytes", "Bytes of the bodies that wait or run.", func() float64 {
			_, _, bytes := counts()
			return float64(bytes)
		}),
	}
	if registry == nil {
		return m, nil
	}
	for i, c := range m.all {
		if err := registry.Register(c); err != nil {
			m.all = m.all[:i]
			m.close()
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) close() {
	if m.registry == nil {
		return
	}
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
}
