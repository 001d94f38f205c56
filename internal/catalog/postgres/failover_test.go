package postgres

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
	"sagasu/internal/catalog/postgres/postgrestest"
)

// TestServerKilled kills the server in the middle of a transaction, and again while documents are told.
func TestServerKilled(t *testing.T) {
	server := postgrestest.Start(t)
	s := migrated(t, server, "killed")
	require.NoError(t, tell(t.Context(), s, document("before")))
	server.SQL(t, "killed", `CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.id = 'slow' THEN PERFORM pg_sleep(3600); END IF; RETURN NEW; END $$`,
		"CREATE TRIGGER dawdle BEFORE INSERT ON sagasu.documents FOR EACH ROW EXECUTE FUNCTION dawdle()")
	done := make(chan error, 1)
	go func() { done <- tell(t.Context(), s, document("fast"), document("slow")) }()
	await(t, func() bool {
		return server.SQL(t, "killed", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
	})
	require.NoError(t, server.Kill())
	unavailable(t, catalog.ReasonConnection, <-done)
	unavailable(t, catalog.ReasonConnection, s.Ready(t.Context()))
	require.NoError(t, server.Restart())
	require.Equal(t, 1, count(t, s), "nothing of the batch is there")
	server.SQL(t, "killed", "DROP TRIGGER dawdle ON sagasu.documents")
	require.NoError(t, tell(t.Context(), s, document("fast"), document("slow")))

	var told atomic.Int64
	go func() { done <- tellAll(t, s, 200, &told) }()
	for _, n := range []int64{20, 120} {
		await(t, func() bool { return told.Load() >= n })
		require.NoError(t, server.Kill())
		require.NoError(t, server.Restart())
	}
	require.NoError(t, <-done)
	require.Equal(t, 3+200, count(t, s))
	at, _, err := s.Progress(t.Context(), shard)
	require.NoError(t, err)
	require.Equal(t, uint64(2+200), at.Version, "every batch was counted once")
}

// tellAll tells documents one by one, until the catalog has all of them.
func tellAll(t *testing.T, s *Store, documents int, told *atomic.Int64) error {
	at, _, err := s.Progress(t.Context(), shard)
	if err != nil {
		return err
	}
	for first := at.Version; at.Version < first+uint64(documents); {
		to := at
		to.Version++
		err := s.Record(t.Context(), catalog.Batch{
			Shard: shard, Index: index, Entries: []catalog.Entry{document(fmt.Sprint("d", at.Version))}, From: at, Position: to,
		})
		switch {
		case err == nil:
			at = to
			told.Add(1)
			continue
		case !errors.Is(err, catalog.ErrUnavailable) && !errors.Is(err, catalog.ErrStale):
			return err
		}
		// Whether it came through, the catalog knows.
		for found := false; !found; {
			var progress catalog.Position
			if progress, found, err = s.Progress(t.Context(), shard); err == nil {
				at = progress
			} else if !errors.Is(err, catalog.ErrUnavailable) {
				return err
			}
		}
	}
	return nil
}

// TestFailover has a standby take the place of a primary that is lost.
func TestFailover(t *testing.T) {
	primary := postgrestest.Start(t)
	migrated(t, primary, "catalog")
	standby := primary.Standby(t)
	hosts := "postgres://sagasu:sagasu@" + standby.Address + "," + primary.Address + "/catalog?sslmode=disable"
	s := openTest(t, hosts, func(c *Config) { c.ConnectTimeout = time.Second })
	require.NoError(t, s.Ready(t.Context()))
	require.NoError(t, tell(t.Context(), s, document("a")), "the standby, though named first, is passed by")
	await(t, func() bool {
		return standby.SQL(t, "catalog", "SELECT count(*) FROM sagasu.documents") == "1"
	})
	require.NoError(t, primary.Kill())
	err := tell(t.Context(), s, document("b"))
	require.ErrorIs(t, err, catalog.ErrUnavailable)
	unavailable(t, catalog.ReasonReadOnly, s.Ready(t.Context()))
	require.NoError(t, standby.Promote())
	require.NoError(t, tell(t.Context(), s, document("b")))
	require.Equal(t, 2, count(t, s))
}

// TestReplica has listings answered by a replica, as long as it can.
func TestReplica(t *testing.T) {
	primary := postgrestest.Start(t)
	dsn := primary.Database(t, "catalog")
	replica := primary.Standby(t)
	registry := prometheus.NewRegistry()
	var now atomic.Int64
	now.Store(time.Now().UnixMicro())
	s := openTest(t, dsn, func(c *Config) {
		c.ReplicaDSN, c.Registerer = replica.DSN("catalog"), registry
		c.Now = func() time.Time { return time.UnixMicro(now.Load()) }
	})
	list := func() int {
		page, err := s.Documents(t.Context(), catalog.Filter{Index: index}, catalog.Page{})
		require.NoError(t, err)
		return len(page.Documents)
	}
	pass := func(d time.Duration) { now.Add(d.Microseconds()) }

	replica.SQL(t, "postgres", "SELECT pg_wal_replay_pause()")
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, tell(t.Context(), s, document("a")))
	require.Equal(t, 1, list(), "the replica has no tables yet")
	require.Equal(t, 1.0, fallbacks(t, registry))
	require.Equal(t, 1, list(), "it is left alone for a while")
	require.Equal(t, 2.0, fallbacks(t, registry))

	pass(time.Minute)
	replica.SQL(t, "postgres", "SELECT pg_wal_replay_resume()")
	await(t, func() bool {
		return replica.SQL(t, "catalog", "SELECT to_regclass('sagasu.audit') IS NOT NULL") == "t"
	})
	await(t, func() bool { return list() == 1 })
	before := fallbacks(t, registry)
	replica.SQL(t, "postgres", "SELECT pg_wal_replay_pause()")
	await(t, func() bool { return replica.SQL(t, "postgres", "SELECT pg_get_wal_replay_pause_state()") == "paused" })
	require.NoError(t, tell(t.Context(), s, document("b")))
	require.Equal(t, 1, list(), "the replica answers, and is behind")
	require.Equal(t, before, fallbacks(t, registry))
	require.Equal(t, 2, count(t, s), "what must be right comes from the primary")

	require.NoError(t, replica.Kill())
	require.Equal(t, 2, list(), "the primary stands in")
	require.Equal(t, before+1, fallbacks(t, registry))
	require.NoError(t, replica.Restart())
	pass(time.Minute)
	await(t, func() bool { return list() == 2 })
}

// fallbacks gives the number of listings that the primary answered in the replica's place.
func fallbacks(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "catalog_replica_fallback_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}
