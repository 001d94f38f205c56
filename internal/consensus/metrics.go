package consensus

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
)

// metrics of one group; all are labelled with it.
type metrics struct {
	write   *prometheus.HistogramVec
	propose prometheus.Histogram
	persist prometheus.Histogram
	batch   prometheus.Histogram
	all     []prometheus.Collector
	from    prometheus.Registerer
}

func newMetrics(group string, registerer prometheus.Registerer) *metrics {
	labels := prometheus.Labels{"group": group}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: help, ConstLabels: labels, Buckets: buckets,
		})
	}
	seconds := prometheus.ExponentialBuckets(0.0001, 2, 18) // 0.1 ms to 13 s
	m := &metrics{
		write: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "consensus_store_write_seconds", Help: "Durable writes of the raft log's store.",
			ConstLabels: labels, Buckets: seconds,
		}, []string{"operation"}),
		propose: histogram("consensus_propose_seconds", "From proposing a command to its result.", seconds),
		persist: histogram("consensus_persist_seconds", "Making the state machine durable for a snapshot.", seconds),
		batch: histogram("consensus_apply_batch_entries", "Entries handed to the state machine at once.",
			prometheus.ExponentialBuckets(1, 2, 8)),
		from: registerer,
	}
	m.all = []prometheus.Collector{m.write, m.propose, m.persist, m.batch}
	return m
}

// gauge adds a value that is read when scraped.
func (m *metrics) gauge(group, name, help string, read func() float64) {
	m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: prometheus.Labels{"group": group},
	}, read))
}

func (m *metrics) register() error {
	if err := obs.Register(m.from, m.all); err != nil {
		return fmt.Errorf("register consensus metrics: %w", err)
	}
	return nil
}

func (m *metrics) unregister() { obs.Unregister(m.from, m.all) }

func (m *metrics) observeWrite(operation string, took time.Duration) {
	m.write.WithLabelValues(operation).Observe(took.Seconds())
}
