package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/catalog"
)

// metrics are those of every catalog, and what only this one has.
type metrics struct {
	*catalog.Metrics
	fallbacks prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, primary, replica *pgxpool.Pool) (*metrics, error) {
	m := &metrics{fallbacks: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "catalog_replica_fallback_total",
		Help: "Listings that the primary answered because the catalog's read replica could not.",
	})}
	others := append([]prometheus.Collector{m.fallbacks}, poolMetrics("primary", primary)...)
	if replica != nil {
		others = append(others, poolMetrics("replica", replica)...)
	}
	var err error
	m.Metrics, err = catalog.NewMetrics(registerer, others...)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// poolMetrics look at the pool when they are asked for.
func poolMetrics(server string, pool *pgxpool.Pool) []prometheus.Collector {
	labels := func(state string) prometheus.Labels { return prometheus.Labels{"server": server, "state": state} }
	gauge := func(state string, value func(*pgxpool.Stat) int32) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "catalog_connections", Help: "Connections to the catalog's database, by server and state.",
			ConstLabels: labels(state),
		}, func() float64 { return float64(value(pool.Stat())) })
	}
	return []prometheus.Collector{
		gauge("used", (*pgxpool.Stat).AcquiredConns),
		gauge("idle", (*pgxpool.Stat).IdleConns),
		gauge("connecting", (*pgxpool.Stat).ConstructingConns),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "catalog_connection_wait_seconds_total",
			Help:        "Time that calls of the catalog waited for a connection, by server.",
			ConstLabels: prometheus.Labels{"server": server},
		}, func() float64 { return pool.Stat().AcquireDuration().Seconds() }),
	}
}
