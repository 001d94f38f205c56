package replica

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
)

// metrics are those of one replica; the labels index and shard name what it is a part of.
type metrics struct {
	registry                        prometheus.Registerer
	entries, writes, overloaded     prometheus.Counter
	embedded, rejected, denseErrors prometheus.Counter
	unchanged, truncated            prometheus.Counter
	fed, repaired, recorded         prometheus.Counter
	registered                      []prometheus.Collector
}

// newMetrics registers the replica's metrics; lag and its age in seconds are asked at each scrape.
func newMetrics(registry prometheus.Registerer, index, shard string, lag, age func() float64) (*metrics, error) {
	labels := prometheus.Labels{"index": index, "shard": shard}
	m := &metrics{registry: registry}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
		m.registered = append(m.registered, c)
		return c
	}
	m.entries = counter("shard_write_entries_total", "Log entries that carried writes.")
	m.writes = counter("shard_writes_total", "Writes that were committed.")
	m.overloaded = counter("shard_writes_overloaded_total", "Calls refused because too many writes waited.")
	m.embedded = counter("dense_embedded_documents_total", "Documents whose vector was committed.")
	m.rejected = counter("dense_failed_documents_total", "Documents that the embedding service rejected for good.")
	m.denseErrors = counter("dense_worker_errors_total", "Rounds of the shard's workers that failed and are repeated.")
	m.unchanged = counter("dense_unchanged_total", "Documents that keep their vector because their text is the same.")
	m.truncated = counter("dense_truncated_total", "Documents of which only the beginning was embedded.")
	m.fed = counter("dense_fed_documents_total", "Vectors written to the index outside of the process.")
	m.repaired = counter("dense_repaired_total", "Rows of that index which were found to be wrong.")
	m.recorded = counter("ledger_entries_total", "Entries told to the catalog.")
	m.registered = append(m.registered, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dense_lag_documents", Help: "Documents whose vector can't be found yet.", ConstLabels: labels,
	}, lag), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dense_lag_seconds", Help: "Age of the oldest document whose vector can't be found yet.",
		ConstLabels: labels,
	}, age))
	if err := obs.Register(registry, m.registered); err != nil {
		return nil, fmt.Errorf("register metrics of index %q: %w", index, err)
	}
	return m, nil
}

func (m *metrics) close() { obs.Unregister(m.registry, m.registered) }
