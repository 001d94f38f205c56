package embedclient

import (
	"log/slog"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/prometheus/client_golang/prometheus"
)

// newBreaker makes the circuit breaker: open after breakerFailures failures in a row, half open for
// one probe after about breakerDelay, closed when that succeeds.
func newBreaker(logger *slog.Logger, state prometheus.Gauge) circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(breakerFailures).
		WithSuccessThreshold(1).
		WithDelay(breakerDelay).
		WithJitterFactor(breakerJitter).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			switch e.NewState {
			case circuitbreaker.OpenState:
				state.Set(2)
				logger.Warn("embedding service fails, stopped asking it", "probe_in", breakerDelay)
			case circuitbreaker.HalfOpenState:
				state.Set(1)
			case circuitbreaker.ClosedState:
				state.Set(0)
				logger.Info("embedding service answers again")
			}
		}).
		Build()
}
