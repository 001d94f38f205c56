package snapshots

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/coordinator/state"
	"sagasu/internal/obs"
)

// metrics are those of the leader, but for ages, which every coordinator knows.
type metrics struct {
	registry prometheus.Registerer
	all      []prometheus.Collector

	snapshots *prometheus.CounterVec
	restores  *prometheus.CounterVec
	sent      prometheus.Counter
	seconds   prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer, view func() *state.View, now func() time.Time) (*metrics, error) {
	m := &metrics{
		registry: registry,
		snapshots: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapshots_total", Help: "Snapshots that ended while this node led the metadata, by outcome.",
		}, []string{"outcome"}),
		restores: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapshot_restores_total", Help: "Restores that ended while this node led the metadata, by outcome.",
		}, []string{"outcome"}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "snapshot_sent_bytes_total", Help: "Bytes that were sent to repositories.",
		}),
		seconds: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "snapshot_last_duration_seconds", Help: "How long the last complete snapshot took.",
		}),
	}
	m.all = []prometheus.Collector{m.snapshots, m.restores, m.sent, m.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "snapshot_age_seconds", Help: "Age of the newest complete snapshot; -1 without one.",
		}, func() float64 { return age(view(), now()) }),
	}
	if err := obs.Register(registry, m.all); err != nil {
		return nil, fmt.Errorf("register metrics of snapshots: %w", err)
	}
	return m, nil
}

func age(view *state.View, now time.Time) float64 {
	newest := int64(-1)
	for _, s := range view.Snapshots() {
		if s.State == state.SnapshotDone {
			newest = max(newest, s.CreatedMillis)
		}
	}
	if newest < 0 {
		return -1
	}
	return now.Sub(time.UnixMilli(newest)).Seconds()
}

func (m *metrics) ended(s state.SnapshotRecord, took time.Duration) {
	m.snapshots.WithLabelValues(string(s.State)).Inc()
	m.sent.Add(float64(s.NewBytes))
	if s.State == state.SnapshotDone {
		m.seconds.Set(took.Seconds())
	}
}

func (m *metrics) restored(end state.OperationState) { m.restores.WithLabelValues(string(end)).Inc() }

func (m *metrics) close() { obs.Unregister(m.registry, m.all) }
