package gossip

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts members when scraped.
type metrics struct {
	conflicts prometheus.Counter
	members   *prometheus.Desc
	table     *table
	from      prometheus.Registerer
}

func newMetrics(from prometheus.Registerer) *metrics {
	return &metrics{
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gossip_conflicts_total", Help: "Sightings of nodes that must not be there; the log names them.",
		}),
		members: prometheus.NewDesc("gossip_members", "Members by how they are seen, this node included.",
			[]string{"status"}, nil),
		from: from,
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.members
	m.conflicts.Describe(to)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	counts := map[Status]int{Alive: 0, Dead: 0, Left: 0}
	for _, member := range m.table.list() {
		counts[member.Status]++
	}
	for status, n := range counts {
		to <- prometheus.MustNewConstMetric(m.members, prometheus.GaugeValue, float64(n), status.String())
	}
	m.conflicts.Collect(to)
}

func (m *metrics) register(t *table) error {
	m.table = t
	if m.from == nil {
		return nil
	}
	if err := m.from.Register(m); err != nil {
		return fmt.Errorf("register gossip metrics: %w", err)
	}
	return nil
}

func (m *metrics) unregister() {
	if m.from != nil {
		m.from.Unregister(m)
	}
}
