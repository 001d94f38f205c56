package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestCatalogSettings(t *testing.T) {
	for value, ok := range map[string]bool{
		"": true, "sqlite": true, "none": true, "postgres://u@h/d": true, "postgresql://h": true, "host=h user=u": true,
		"mysql://h": false, "SQLITE": false,
	} {
		require.Equal(t, ok, checkCatalog(value) == nil, value)
	}
	require.NoError(t, checkReplica(""))
	require.Error(t, checkReplica("sqlite"))
	for value, want := range map[string]float64{"all": 1, "none": 0, "0.25": 0.25, "1": 1} {
		got, err := parseSearchLog(value)
		require.NoError(t, err)
		require.InDelta(t, want, got, 0)
	}
	for _, value := range []string{"", "some", "-0.1", "1.5", "NaN"} {
		require.Error(t, checkSearchLog(value), value)
	}
	r, err := parseRetention("searches=7d, audit=36h")
	require.NoError(t, err)
	require.Equal(t, 7*24*time.Hour, r.Searches)
	require.Equal(t, 36*time.Hour, r.Audit)
	require.Equal(t, 31*24*time.Hour, r.Jobs)
	for _, value := range []string{
		"searches", "searches=", "searches=x", "other=1d", "jobs=1s", "jobs=1d,jobs=2d", "jobs=9999999d",
	} {
		require.Error(t, checkRetention(value), value)
	}
}

func TestWithoutPassword(t *testing.T) {
	for value, want := range map[string]string{
		"postgres://u:secret@h:5432/d?x=y":       "postgres://u:***@h:5432/d?x=y",
		"postgres://u@h/d":                       "postgres://u@h/d",
		"postgres://h:5432,g:5432/d":             "postgres://h:5432,g:5432/d",
		"host=h user=u password=secret dbname=d": "host=h user=u password=*** dbname=d",
		"host=h password='a b\\'c' user=u":       "host=h password=*** user=u",
		"sqlite":                                 "sqlite",
		"http://127.0.0.1:9000":                  "http://127.0.0.1:9000",
	} {
		require.Equal(t, want, withoutPassword(value))
	}
}

func TestNewCatalog(t *testing.T) {
	conf := func(pairs ...string) *configuration {
		c := &configuration{}
		for i := 0; i < len(pairs); i += 2 {
			c.values = append(c.values, resolved{Key: pairs[i], Value: pairs[i+1]})
		}
		return c
	}
	p := &process{logger: slog.New(slog.DiscardHandler), registry: prometheus.NewRegistry()}
	t.Run("a node on its own has one", func(t *testing.T) {
		open, err := newCatalog(conf("data-dir", t.TempDir()), p)
		require.NoError(t, err)
		c, err := open(t.Context())
		require.NoError(t, err)
		require.NoError(t, c.Migrate(t.Context()))
		require.NoError(t, c.Ready(t.Context()))
		require.NoError(t, c.Close())
	})
	t.Run("none", func(t *testing.T) {
		for _, c := range []*configuration{conf("catalog", "none"), conf("rpc-addr", ":7947")} {
			open, err := newCatalog(c, p)
			require.NoError(t, err)
			require.Nil(t, open)
		}
	})
	t.Run("what can't be", func(t *testing.T) {
		for _, c := range []*configuration{
			conf("catalog", "sqlite", "rpc-addr", ":7947"),
			conf("catalog-replica", "postgres://h/d"),
			conf("catalog", "postgres://h:notaport/d"),
		} {
			_, err := newCatalog(c, p)
			var coded *exitError
			require.ErrorAs(t, err, &coded)
			require.Equal(t, exitUsage, coded.code)
		}
	})
	t.Run("PostgreSQL that is away", func(t *testing.T) {
		open, err := newCatalog(conf("catalog", "postgres://u:p@127.0.0.1:1/d", "rpc-addr", ":7947"), p)
		require.NoError(t, err)
		c, err := open(t.Context())
		require.NoError(t, err)
		require.Error(t, c.Migrate(t.Context()))
		require.NoError(t, c.Close())
	})
}
