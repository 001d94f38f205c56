package catalog

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestUnavailable(t *testing.T) {
	err := fmt.Errorf("record: %w", &UnavailableError{Reason: ReasonFull, Err: io.ErrShortWrite})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.Equal(t, ReasonFull, ReasonOf(err))
	require.EqualError(t, err, "record: catalog is unavailable: full: short write")
	require.Empty(t, ReasonOf(errors.New("x")))
}

func TestRetention(t *testing.T) {
	require.NoError(t, DefaultRetention().Validate())
	r := DefaultRetention()
	r.Jobs = time.Minute
	require.ErrorIs(t, r.Validate(), ErrConfig)
	require.ErrorContains(t, r.Validate(), "Retention.Jobs")
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry)
	require.NoError(t, err)
	_, err = NewMetrics(registry)
	require.Error(t, err, "two catalogs don't share a registry")
	for _, err := range []error{nil, ErrStale, io.EOF, &UnavailableError{Reason: ReasonFull, Err: io.EOF}} {
		m.Call("record", &err)()
	}
	m.Recorded(3)
	families, err := registry.Gather()
	require.NoError(t, err)
	results := map[string]uint64{}
	for _, f := range families {
		if f.GetName() == "catalog_call_seconds" {
			for _, metric := range f.GetMetric() {
				results[metric.GetLabel()[1].GetValue()] = metric.GetHistogram().GetSampleCount()
			}
		}
	}
	require.Equal(t, map[string]uint64{"ok": 1, "refused": 1, "error": 1, "unavailable": 1}, results)
	m.Close()
	_, err = NewMetrics(registry)
	require.NoError(t, err, "closing makes place")
	m, err = NewMetrics(nil)
	require.NoError(t, err)
	m.Close()
}
