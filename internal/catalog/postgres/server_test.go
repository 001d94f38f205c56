package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
	"sagasu/internal/catalog/catalogtest"
	"sagasu/internal/catalog/postgres/postgrestest"
)

// openTest opens a store that is closed with the test.
func openTest(t testing.TB, dsn string, change ...func(*Config)) *Store {
	t.Helper()
	cfg := Default()
	cfg.DSN = dsn
	for _, f := range change {
		f(&cfg)
	}
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestConformance(t *testing.T) {
	dsn := postgrestest.Start(t).Database(t, "conformance")
	n := 0
	catalogtest.Run(t, catalogtest.Config{Open: func(t *testing.T, now func() time.Time) catalog.Catalog {
		n++
		cfg := Default()
		cfg.DSN, cfg.Schema, cfg.Now = dsn, fmt.Sprint("catalog", n), now
		s, err := Open(t.Context(), cfg)
		require.NoError(t, err)
		return s
	}})
}
