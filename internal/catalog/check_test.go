package catalog

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChecksNameTheValue(t *testing.T) {
	at := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	page := func(after string) error {
		_, _, err := Page{After: after}.Start(CursorNewest)
		return err
	}
	for name, err := range map[string]error{
		"text":      Filter{Index: "i", Text: "\x00"}.Check(),
		"source":    Filter{Index: "i", Source: "\xff"}.Check(),
		"parent":    Filter{Index: "i", Parent: "\xff"}.Check(),
		"index":     Filter{}.Check(),
		"from":      Filter{Index: "i", UpdatedFrom: at, UpdatedTo: at}.Check(),
		"target":    AuditFilter{Target: "\x00"}.Check(),
		"principal": AuditFilter{Principal: "\xff"}.Check(),
		"after":     page("x"),
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, err, ErrInvalid)
			value, ok := errors.AsType[*ValueError](err)
			require.True(t, ok)
			require.Equal(t, name, value.Name)
			require.ErrorContains(t, err, "not a value for the catalog: "+name+" ")
		})
	}
	require.NoError(t, page(""))
	require.NoError(t, Filter{Index: "i", Text: "a", Parent: "b", UpdatedFrom: at}.Check())
}
