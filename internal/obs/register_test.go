package obs

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestRegister(t *testing.T) {
	counter := func(name string) prometheus.Collector {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: "a test's"})
	}
	registry := prometheus.NewRegistry()
	own := []prometheus.Collector{counter("a"), counter("b")}
	require.NoError(t, Register(registry, own))
	t.Run("all or none, and what others registered stays", func(t *testing.T) {
		var already prometheus.AlreadyRegisteredError
		require.ErrorAs(t, Register(registry, []prometheus.Collector{counter("c"), counter("b"), counter("d")}), &already)
		found, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, found, 2)
	})
	t.Run("makes place", func(t *testing.T) {
		Unregister(registry, own)
		require.NoError(t, Register(registry, []prometheus.Collector{counter("a"), counter("b")}))
	})
	t.Run("nobody to register with", func(t *testing.T) {
		require.NoError(t, Register(nil, own))
		Unregister(nil, own)
	})
}
