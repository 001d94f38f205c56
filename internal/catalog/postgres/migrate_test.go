package postgres

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
	"sagasu/internal/catalog/postgres/postgrestest"
)

func migrationTrouble(t *testing.T, server *postgrestest.Server) {
	t.Run("several nodes at the same time", func(t *testing.T) {
		dsn := server.Database(t, "several")
		var done sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			s := openTest(t, dsn)
			done.Go(func() { errs[i] = s.Migrate(t.Context()) })
		}
		done.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
	})
	for i, test := range []struct{ name, spoil, says string }{
		{"a database that is newer", "INSERT INTO migrations (version_id, is_applied) VALUES (99, true)", "has version 99"},
		{"a table that is missing", "DROP TABLE searches", "table searches"},
		{"a column that is missing", "ALTER TABLE documents DROP COLUMN checksum", "table documents"},
		{"half of a migration, run by hand", "DROP TABLE audit; DELETE FROM migrations WHERE version_id = 3", "00003_logs"},
		{"a migration that was left out", "DELETE FROM migrations WHERE version_id = 2; DROP TABLE audit, searches; " +
			"DELETE FROM migrations WHERE version_id = 3; INSERT INTO migrations (version_id, is_applied) VALUES (3, true)", ""},
		{"a table of versions that is gone", "DROP TABLE migrations", "00001_documents.sql"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := fmt.Sprint("spoiled", i)
			s := migrated(t, server, name)
			server.SQL(t, name, "SET search_path = sagasu; "+test.spoil)
			err := s.Migrate(t.Context())
			require.ErrorIs(t, err, catalog.ErrMigration)
			require.ErrorContains(t, err, test.says)
		})
	}
	t.Run("ready tells of another version", func(t *testing.T) {
		s := migrated(t, server, "version")
		server.SQL(t, "version", "INSERT INTO sagasu.migrations (version_id, is_applied) VALUES (99, true)")
		require.ErrorIs(t, s.Ready(t.Context()), catalog.ErrMigration)
		server.SQL(t, "version", "DELETE FROM sagasu.migrations WHERE version_id > 2")
		unavailable(t, catalog.ReasonSchema, s.Ready(t.Context()))
	})
}

func unfinishedIndex(t *testing.T, server *postgrestest.Server) {
	s := migrated(t, server, "unfinished")
	const its = " WHERE indexrelid = 'sagasu." + textIndex + "'::regclass"
	server.SQL(t, "unfinished", "UPDATE pg_index SET indisvalid = false"+its)
	require.NoError(t, s.Migrate(t.Context()))
	require.Equal(t, "t", server.SQL(t, "unfinished", "SELECT indisvalid FROM pg_index"+its))
}

// TestMigrationKilled kills the server between the first migration and the second one.
func TestMigrationKilled(t *testing.T) {
	server := postgrestest.Start(t)
	dsn := server.Database(t, "killed")
	// Another one is about to make a table of the second migration, which waits for it.
	hold(t, dsn, "CREATE SCHEMA sagasu; COMMIT; BEGIN; CREATE TABLE sagasu.jobs ()")
	var log bytes.Buffer
	s := openTest(t, dsn, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	done := make(chan error, 1)
	go func() { done <- s.Migrate(t.Context()) }()
	await(t, func() bool {
		return server.SQL(t, "killed", "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1"
	})
	require.NoError(t, server.Kill())
	unavailable(t, catalog.ReasonConnection, <-done)
	require.NoError(t, server.Restart())
	unavailable(t, catalog.ReasonSchema, s.Ready(t.Context()))
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Ready(t.Context()))
	require.Contains(t, log.String(), "did not end")
	require.Contains(t, log.String(), "at_version=1")
	require.NoError(t, tell(t.Context(), s, document("a")))
	require.Equal(t, "0", server.SQL(t, "killed", "SELECT count(*) FROM sagasu.migrating"))
}

// await polls until it is so.
func await(t *testing.T, so func() bool) {
	t.Helper()
	require.Eventually(t, so, time.Minute, 20*time.Millisecond)
}
