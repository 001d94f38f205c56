package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
	"sagasu/internal/catalog/catalogtest"
)

func TestConformance(t *testing.T) {
	catalogtest.Run(t, catalogtest.Config{Open: func(t *testing.T, now func() time.Time) catalog.Catalog {
		cfg := Default()
		cfg.Path, cfg.Now = filepath.Join(t.TempDir(), "catalog ?%.db"), now
		s, err := Open(t.Context(), cfg)
		require.NoError(t, err)
		return s
	}})
}
