package query

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/api"
	"sagasu/internal/obs"
)

type metrics struct {
	duration *prometheus.HistogramVec
	degraded *prometheus.CounterVec
	panics   prometheus.Counter
	// rounds and hits count the searches of several shards by where their statistics came from.
	rounds prometheus.Counter
	hits   prometheus.Counter
	// joined counts the searches that shared another one's run, kept what became of answers that might be kept.
	joined prometheus.Counter
	kept   *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "search_duration_seconds",
			Help:    "Time of a search, by leg; embed, fetch and total are told as legs too.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"leg"}),
		degraded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "search_degraded_total",
			Help: "Searches that lacked something, by leg and reason.",
		}, []string{"leg", "reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "search_panics_total",
			Help: "Panics of shards while answering a search.",
		}),
		rounds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "query_statistics_rounds_total",
			Help: "Searches that first had to ask shards for statistics of their terms.",
		}),
		hits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "query_statistics_hits_total",
			Help: "Searches of several shards whose statistics were known.",
		}),
		joined: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "search_joined_total",
			Help: "Searches that were answered by the run of an equal one.",
		}),
		kept: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "search_answers_total",
			Help: "Answers of indexes at rest that were not known, by what became of them: kept, or why not.",
		}, []string{"outcome"}),
	}
	all := []prometheus.Collector{m.duration, m.degraded, m.panics, m.rounds, m.hits, m.joined, m.kept}
	if err := obs.Register(registry, all); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *metrics) observe(leg string, took time.Duration) {
	if took > 0 {
		m.duration.WithLabelValues(leg).Observe(took.Seconds())
	}
}

func (m *metrics) count(degraded []api.Degraded) {
	for _, d := range degraded {
		m.degraded.WithLabelValues(d.Leg, string(d.Reason)).Inc()
	}
}
