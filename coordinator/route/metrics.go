package route

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
)

// Results of a hedge.
const (
	hedgeWon    = "won"
	hedgeWasted = "wasted"
	hedgeDenied = "denied"
)

type metrics struct {
	calls    *prometheus.CounterVec
	byKind   [kinds]kindMetrics
	hedges   *prometheus.CounterVec
	retries  *prometheus.CounterVec
	denied   prometheus.Counter
	stale    prometheus.Counter
	overhead *prometheus.HistogramVec
}

// kindMetrics are those of one kind of call, looked up once.
type kindMetrics struct {
	calls    prometheus.Counter
	overhead prometheus.Observer
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "route_calls_total", Help: "Calls to shards, by kind; hedges and retries are not counted.",
		}, []string{"kind"}),
		hedges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "route_hedges_total",
			Help: "Calls sent to a second copy because the first was late: won by it, wasted, or denied by the budget.",
		}, []string{"result"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "route_retries_total", Help: "Calls repeated on another copy, by why the copy before did not do.",
		}, []string{"reason"}),
		denied: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "route_retries_denied_total", Help: "Retries that were not made because there were too many.",
		}),
		stale: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "route_stale_total", Help: "Calls that a replica refused because it knows a newer epoch of the shard.",
		}),
		overhead: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "route_overhead_seconds",
			Help:    "Time of answered calls beyond what the replica itself took, by kind.",
			Buckets: []float64{.00001, .000025, .00005, .0001, .0002, .0004, .0006, .001, .0025, .005, .01, .05, .1, .5, 1},
		}, []string{"kind"}),
	}
	all := []prometheus.Collector{m.calls, m.hedges, m.retries, m.denied, m.stale, m.overhead}
	if err := obs.Register(registry, all); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	for k := range kinds {
		m.byKind[k] = kindMetrics{m.calls.WithLabelValues(k.String()), m.overhead.WithLabelValues(k.String())}
	}
	return m, nil
}
