package postgres

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
	"sagasu/internal/catalog/postgres/postgrestest"
)

// index and shard are those of the tests here.
const (
	index = "00000000000000000000000000000001"
	shard = index + "-0"
)

// tell records documents behind what the catalog has, and gives the position after it.
func tell(ctx context.Context, s *Store, entries ...catalog.Entry) error {
	at, _, err := s.Progress(ctx, shard)
	if err != nil {
		return err
	}
	to := at
	to.Version, to.Sweep = at.Version+1, 1
	return s.Record(ctx, catalog.Batch{
		Shard: shard, Index: index, IndexName: "papers", Entries: entries, From: at, Position: to,
	})
}

func document(id string) catalog.Entry {
	return catalog.Entry{ID: id, Version: 1, State: catalog.StateIndexed, At: time.Now()}
}

// unavailable demands the reason.
func unavailable(t *testing.T, want catalog.Reason, err error) {
	t.Helper()
	require.ErrorIs(t, err, catalog.ErrUnavailable)
	require.Equal(t, want, catalog.ReasonOf(err), err)
}

// migrated opens a store on a new database.
func migrated(t *testing.T, server *postgrestest.Server, name string, change ...func(*Config)) *Store {
	t.Helper()
	s := openTest(t, server.Database(t, name), change...)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

func count(t *testing.T, s *Store) int {
	t.Helper()
	keys, err := s.Keys(t.Context(), index, "", 0)
	require.NoError(t, err)
	return len(keys)
}

// TestTrouble has one server for all that leaves it running.
func TestTrouble(t *testing.T) {
	server := postgrestest.Start(t, "max_connections=40")
	for name, test := range map[string]func(*testing.T, *postgrestest.Server){
		"a database that takes no writes":                  readOnly,
		"a database without room":                          full,
		"a user who may do little":                         permissions,
		"a password, a user and a database that are wrong": wrong,
		"a lock that another one holds":                    locked,
		"no connection left":                               exhausted,
		"tables that are gone":                             gone,
		"settings reach the server":                        settings,
		"partitions that others make and drop":             partitions,
		"migrations":                                       migrationTrouble,
		"an index for parts of ids that was not finished":  unfinishedIndex,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

func readOnly(t *testing.T, server *postgrestest.Server) {
	s := migrated(t, server, "read_only")
	require.NoError(t, tell(t.Context(), s, document("a")))
	server.SQL(t, "postgres", "ALTER DATABASE read_only SET default_transaction_read_only = on")
	s.primary.Reset()
	unavailable(t, catalog.ReasonReadOnly, tell(t.Context(), s, document("b")))
	unavailable(t, catalog.ReasonReadOnly, s.Ready(t.Context()))
	unavailable(t, catalog.ReasonReadOnly, s.AppendAudit(t.Context(), []catalog.AuditEvent{{At: time.Now(), Action: "x"}}))
	unavailable(t, catalog.ReasonReadOnly, s.Rewind(t.Context(), shard))
	another := openTest(t, s.cfg.DSN, func(c *Config) { c.Schema = "another" })
	unavailable(t, catalog.ReasonReadOnly, another.Migrate(t.Context()))
	require.Equal(t, 1, count(t, s), "reading goes on")
	server.SQL(t, "postgres", "ALTER DATABASE read_only RESET default_transaction_read_only")
	require.NoError(t, tell(t.Context(), s, document("b")), "it is noticed by itself")
	require.Equal(t, 2, count(t, s))
}

// full has a disk of 24 MB where the tests may make one, else a trigger that says what a full disk says.
func full(t *testing.T, server *postgrestest.Server) {
	disk := filepath.Join(server.Dir, "tiny")
	require.NoError(t, os.Mkdir(disk, 0o700))
	owner, err := os.Stat(filepath.Join(server.Dir, "data"))
	require.NoError(t, err)
	real := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk).Run() == nil
	var s *Store
	if real {
		t.Cleanup(func() { require.NoError(t, exec.Command("umount", "-l", disk).Run()) })
		chown(t, disk, owner)
		server.SQL(t, "postgres", "CREATE TABLESPACE tiny LOCATION '"+disk+"'", "CREATE DATABASE full_disk TABLESPACE tiny")
		t.Cleanup(func() { server.SQL(t, "postgres", "DROP DATABASE full_disk WITH (FORCE)", "DROP TABLESPACE tiny") })
		s = openTest(t, server.DSN("full_disk"))
		require.NoError(t, s.Migrate(t.Context()))
	} else {
		s = migrated(t, server, "full_disk")
		server.SQL(t, "full_disk", `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF (SELECT count(*) FROM sagasu.documents) > 1000 THEN
				RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100';
			END IF; RETURN NEW; END $$`,
			"CREATE TRIGGER full_disk BEFORE INSERT ON sagasu.documents EXECUTE FUNCTION full_disk()")
	}
	told := 0
	for err = error(nil); err == nil; told++ {
		require.Less(t, told, 500, "the disk never fills")
		entries := make([]catalog.Entry, 500)
		for i := range entries {
			entries[i] = document(fmt.Sprintf("d%d-%d-%s", told, i, strings.Repeat("x", 200)))
		}
		err = tell(t.Context(), s, entries...)
	}
	unavailable(t, catalog.ReasonFull, err)
	require.Equal(t, (told-1)*500, count(t, s), "what did not fit as a whole is not there in part")
	at, _, err := s.Progress(t.Context(), shard)
	require.NoError(t, err)
	require.Equal(t, uint64(told-1), at.Version)
	if real {
		require.NoError(t, exec.Command("mount", "-o", "remount,size=96m", disk).Run())
	} else {
		server.SQL(t, "full_disk", "DROP TRIGGER full_disk ON sagasu.documents")
	}
	require.NoError(t, tell(t.Context(), s, document("after")))
}

func chown(t *testing.T, path string, like os.FileInfo) {
	t.Helper()
	out, err := exec.Command("chown", "--reference="+filepath.Join(filepath.Dir(path), "data"), path).CombinedOutput()
	require.NoError(t, err, "%s: %s of %s", out, path, like.Name())
	require.NoError(t, os.Chmod(path, 0o700))
}

// user gives the connection string of another user.
func user(t *testing.T, dsn, name, password string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword(name, password)
	return u.String()
}

func permissions(t *testing.T, server *postgrestest.Server) {
	dsn := server.Database(t, "permissions")
	server.SQL(t, "permissions", "CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
	var log bytes.Buffer
	s := openTest(t, user(t, dsn, "clerk", "clerk"), func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	err := s.Migrate(t.Context())
	unavailable(t, catalog.ReasonPermission, err)
	server.SQL(t, "permissions", "CREATE SCHEMA sagasu AUTHORIZATION clerk")
	require.NoError(t, s.Migrate(t.Context()), "a schema of its own is enough")
	require.Contains(t, log.String(), "pg_trgm")
	require.NoError(t, tell(t.Context(), s, document("a")))
	page, err := s.Documents(t.Context(), catalog.Filter{Index: index, Text: "a"}, catalog.Page{})
	require.NoError(t, err)
	require.Len(t, page.Documents, 1, "parts of ids are found without it too")
	server.SQL(t, "permissions", "ALTER TABLE sagasu.documents OWNER TO sagasu")
	unavailable(t, catalog.ReasonPermission, tell(t.Context(), s, document("b")))
}

func wrong(t *testing.T, server *postgrestest.Server) {
	dsn := server.Database(t, "wrong")
	for _, bad := range []string{user(t, dsn, "sagasu", "hunter2"), user(t, dsn, "nobody", "x"), server.DSN("nowhere")} {
		s := openTest(t, bad)
		for _, err := range []error{s.Ready(t.Context()), s.Migrate(t.Context()), tell(t.Context(), s, document("a"))} {
			unavailable(t, catalog.ReasonAuthentication, err)
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
	s := openTest(t, "postgres://sagasu:hunter2@127.0.0.1:1/x")
	unavailable(t, catalog.ReasonConnection, s.Ready(t.Context()))
	_, err := Open(t.Context(), Config{DSN: "x"})
	require.ErrorIs(t, err, catalog.ErrConfig)
	cfg := Default()
	cfg.DSN = "postgres://sagasu:hunter2@127.0.0.1:x/y"
	_, err = Open(t.Context(), cfg)
	require.ErrorIs(t, err, catalog.ErrConfig)
	require.NotContains(t, err.Error(), "hunter2")
	cfg.DSN, cfg.ReplicaDSN = dsn, "host=127.0.0.1 sslmode=maybe"
	_, err = Open(t.Context(), cfg)
	require.ErrorContains(t, err, "ReplicaDSN")
	dsn = server.DSN("ascii")
	server.SQL(t, "postgres", "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
	require.ErrorIs(t, openTest(t, dsn).Migrate(t.Context()), catalog.ErrMigration)
}

// hold keeps a transaction open that ran the statement, until the test ends or the function that it gives is called.
func hold(t *testing.T, dsn, statement string) func() {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "BEGIN; "+statement)
	require.NoError(t, err)
	release := sync.OnceFunc(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	t.Cleanup(release)
	return release
}

func locked(t *testing.T, server *postgrestest.Server) {
	s := migrated(t, server, "locked", func(c *Config) {
		c.LockTimeout, c.StatementTimeout = 100*time.Millisecond, time.Second
	})
	release := hold(t, s.cfg.DSN, "LOCK TABLE sagasu.documents")
	unavailable(t, catalog.ReasonBusy, tell(t.Context(), s, document("a")))
	release()
	require.NoError(t, tell(t.Context(), s, document("a")))
	_, err := s.exec(t.Context(), "dawdle", "SELECT pg_sleep(60)")
	unavailable(t, catalog.ReasonTimeout, err)
}

func exhausted(t *testing.T, server *postgrestest.Server) {
	s := migrated(t, server, "exhausted", func(c *Config) { c.MaxConns, c.CallTimeout = 1, 2*time.Second })
	conn, err := s.primary.Acquire(t.Context())
	require.NoError(t, err)
	unavailable(t, catalog.ReasonTimeout, tell(t.Context(), s, document("a")))
	conn.Release()
	require.NoError(t, tell(t.Context(), s, document("a")))
	server.SQL(t, "exhausted", "CREATE ROLE crowd LOGIN PASSWORD 'crowd' CONNECTION LIMIT 0")
	unavailable(t, catalog.ReasonBusy, openTest(t, user(t, s.cfg.DSN, "crowd", "crowd")).Ready(t.Context()))
}

func gone(t *testing.T, server *postgrestest.Server) {
	s := migrated(t, server, "gone")
	require.NoError(t, tell(t.Context(), s, document("a")))
	at, _, err := s.Progress(t.Context(), shard)
	require.NoError(t, err)
	next := catalog.Batch{Shard: shard, Index: index, From: at, Position: at}
	lose := func() { server.SQL(t, "gone", "SET client_min_messages = error; DROP SCHEMA sagasu CASCADE") }
	lose()
	require.ErrorIs(t, s.Record(t.Context(), next), catalog.ErrStale, "who tells begins anew")
	lose()
	_, found, err := s.Progress(t.Context(), shard)
	require.NoError(t, err)
	require.False(t, found)
	require.NoError(t, tell(t.Context(), s, document("a"), document("b")))
	require.Equal(t, 2, count(t, s))
	require.NoError(t, s.AppendSearches(t.Context(), []catalog.SearchEvent{{At: time.Now()}}))
	server.SQL(t, "gone", "DROP TABLE sagasu.documents")
	unavailable(t, catalog.ReasonSchema, tell(t.Context(), s, document("c")))
}

func settings(t *testing.T, server *postgrestest.Server) {
	registry := prometheus.NewRegistry()
	dsn := server.Database(t, "settings") + "&statement_timeout=1234&application_name=mine"
	s := openTest(t, dsn, func(c *Config) { c.Registerer, c.Schema = registry, "other_schema" })
	require.NoError(t, s.Migrate(t.Context()))
	for name, want := range map[string]string{
		"statement_timeout": "1234ms", "application_name": "mine", "lock_timeout": "5s", "search_path": "other_schema",
		"idle_in_transaction_session_timeout": "30s", "TimeZone": "UTC", "plan_cache_mode": "force_custom_plan",
	} {
		var got string
		require.NoError(t, s.primary.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got))
		require.Equal(t, want, got, name)
	}
	require.NoError(t, tell(t.Context(), s, document("a")))
	second := openTest(t, dsn, func(c *Config) { c.Schema = "third" })
	require.NoError(t, second.Migrate(t.Context()), "two catalogs may share a database, and the extension")
	require.Zero(t, count(t, second))
	families, err := registry.Gather()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, name := range []string{
		"catalog_call_seconds", "catalog_connections", "catalog_connection_wait_seconds_total", "catalog_entries_total",
		"catalog_replica_fallback_total",
	} {
		require.True(t, names[name], name)
	}
}

func partitions(t *testing.T, server *postgrestest.Server) {
	s := migrated(t, server, "partitions")
	long := time.Now().AddDate(0, -2, 0)
	events := []catalog.SearchEvent{{At: long, Query: "x"}, {At: time.Now(), Query: "y"}}
	t.Run("two nodes make the same one at the same time", func(t *testing.T) {
		var done sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			other := openTest(t, s.cfg.DSN)
			done.Go(func() { errs[i] = other.AppendSearches(t.Context(), events) })
		}
		done.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
	})
	t.Run("one that was dropped is made again", func(t *testing.T) {
		require.NoError(t, s.AppendSearches(t.Context(), events))
		server.SQL(t, "partitions", "DROP TABLE sagasu."+partition(tableSearches, month(long)))
		require.NoError(t, s.AppendSearches(t.Context(), events))
	})
	t.Run("what has another name stays", func(t *testing.T) {
		server.SQL(t, "partitions", `CREATE TABLE sagasu.searches_ancient PARTITION OF sagasu.searches
			FOR VALUES FROM ('1970-01-01') TO ('2000-01-01')`)
		require.NoError(t, s.Maintain(t.Context(), time.Now().AddDate(0, 6, 0)))
		got := server.SQL(t, "partitions", `SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY 1) FROM pg_inherits
			WHERE inhparent = 'sagasu.searches'::regclass`)
		require.Contains(t, got, "searches_ancient")
		require.NotContains(t, got, partition(tableSearches, month(long)))
		require.Contains(t, got, partition(tableSearches, month(time.Now()).AddDate(0, 8, 0)))
	})
	t.Run("what is past its retention is not taken", func(t *testing.T) {
		require.NoError(t, s.AppendSearches(t.Context(), []catalog.SearchEvent{{At: time.Now().AddDate(-2, 0, 0)}}))
	})
}
