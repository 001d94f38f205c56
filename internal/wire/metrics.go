package wire

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/internal/obs"
)

// outcome is how a call ended, out of a closed list.
type outcome int

// The outcomes.
const (
	outcomeOK outcome = iota
	outcomeError
	outcomeDeadline
	outcomeCanceled
	outcomeOverloaded
	outcomeTooLarge
	outcomeUnreachable
	outcomeBroken
	outcomeRefused
	outcomeWrongNode
	outcomeClosed
	outcomes
)

// String names the outcome, as metrics do.
func (o outcome) String() string {
	return [outcomes]string{
		"ok", "error", "deadline", "canceled", "overloaded", "too_large", "unreachable", "broken", "refused", "wrong_node",
		"closed",
	}[o]
}

// outcomeOf gives the outcome of a call that ended with the error.
func outcomeOf(err error) outcome {
	if err == nil {
		return outcomeOK
	}
	for _, c := range []struct {
		is      error
		outcome outcome
	}{
		{context.DeadlineExceeded, outcomeDeadline},
		{context.Canceled, outcomeCanceled},
		{ErrTooLarge, outcomeTooLarge},
		{ErrClosed, outcomeClosed},
		{ErrRefused, outcomeRefused},
		{ErrWrongNode, outcomeWrongNode},
		{ErrUnreachable, outcomeUnreachable},
		{ErrBroken, outcomeBroken},
	} {
		if errors.Is(err, c.is) {
			return c.outcome
		}
	}
	var e *Error
	if errors.As(err, &e) {
		switch e.Code {
		case CodeOverloaded:
			return outcomeOverloaded
		case CodeClosing:
			return outcomeClosed
		}
	}
	return outcomeError
}

// metrics of one side. What is counted for each call is looked up beforehand.
type metrics struct {
	calls       [lanes][outcomes]prometheus.Counter
	connections [lanes]prometheus.Gauge
	received    prometheus.Counter
	sent        prometheus.Counter
	all         []prometheus.Collector
	from        prometheus.Registerer
}

// newMetrics makes the collectors and registers them, unless registerer is nil. A server and a pool can share one.
func newMetrics(side string, registerer prometheus.Registerer) (*metrics, error) {
	labels := prometheus.Labels{"side": side}
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wire_calls_total", Help: "Calls between nodes, by side, lane and outcome.", ConstLabels: labels,
	}, []string{"lane", "outcome"})
	connections := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "wire_connections", Help: "Connections between nodes, by side and lane.", ConstLabels: labels,
	}, []string{"lane"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wire_bytes_total", Help: "Bytes on connections between nodes, by side and direction.", ConstLabels: labels,
	}, []string{"direction"})
	m := &metrics{
		received: bytes.WithLabelValues("received"),
		sent:     bytes.WithLabelValues("sent"),
		all:      []prometheus.Collector{calls, connections, bytes},
		from:     registerer,
	}
	for i, lane := range []Lane{LaneQuery, LaneRaft, LaneBulk} {
		m.connections[i] = connections.WithLabelValues(lane.String())
		for o := range outcomes {
			m.calls[i][o] = calls.WithLabelValues(lane.String(), o.String())
		}
	}
	return m, m.register()
}

func (m *metrics) register() error {
	if err := obs.Register(m.from, m.all); err != nil {
		return fmt.Errorf("register wire metrics: %w", err)
	}
	return nil
}

// unregister makes place for another's collectors.
func (m *metrics) unregister() { obs.Unregister(m.from, m.all) }

func (m *metrics) receivedBytes(n int) { m.received.Add(float64(n)) }

func (m *metrics) sentBytes(n int) { m.sent.Add(float64(n)) }
