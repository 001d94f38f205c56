package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
)

const (
	index = "00000000000000000000000000000001"
	shard = index + "-0"
)

func configOf(path string) Config {
	cfg := Default()
	cfg.Path = path
	return cfg
}

// migrated opens a store that is closed with the test.
func migrated(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), configOf(path))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// tell records documents behind what the catalog has.
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

func count(t *testing.T, s *Store) int {
	t.Helper()
	keys, err := s.Keys(t.Context(), index, "", 0)
	require.NoError(t, err)
	return len(keys)
}

// unavailable demands the reason.
func unavailable(t *testing.T, want catalog.Reason, err error) {
	t.Helper()
	require.ErrorIs(t, err, catalog.ErrUnavailable)
	require.Equal(t, want, catalog.ReasonOf(err), err)
}

func TestFull(t *testing.T) {
	s := migrated(t, filepath.Join(t.TempDir(), "catalog.db"))
	_, err := s.writer.ExecContext(t.Context(), "PRAGMA max_page_count = 200")
	require.NoError(t, err)
	told := 0
	for err = error(nil); err == nil; told++ {
		require.Less(t, told, 500)
		entries := make([]catalog.Entry, 100)
		for i := range entries {
			entries[i] = document(fmt.Sprintf("d%d-%d-%s", told, i, strings.Repeat("x", 200)))
		}
		err = tell(t.Context(), s, entries...)
	}
	unavailable(t, catalog.ReasonFull, err)
	require.Equal(t, (told-1)*100, count(t, s), "what did not fit as a whole is not there in part")
	_, err = s.writer.ExecContext(t.Context(), "PRAGMA max_page_count = 100000")
	require.NoError(t, err)
	require.NoError(t, tell(t.Context(), s, document("after")))
}

func TestReadOnly(t *testing.T) {
	s := migrated(t, filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, tell(t.Context(), s, document("a")))
	_, err := s.writer.ExecContext(t.Context(), "PRAGMA query_only = 1")
	require.NoError(t, err)
	unavailable(t, catalog.ReasonReadOnly, tell(t.Context(), s, document("b")))
	unavailable(t, catalog.ReasonReadOnly, s.Ready(t.Context()))
	require.Equal(t, 1, count(t, s))
}

func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	s := migrated(t, path)
	_, err := s.writer.ExecContext(t.Context(), "PRAGMA busy_timeout = 10")
	require.NoError(t, err)
	other, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	tx, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "DELETE FROM jobs")
	require.NoError(t, err)
	unavailable(t, catalog.ReasonBusy, tell(t.Context(), s, document("a")))
	require.NoError(t, tx.Rollback())
	require.NoError(t, tell(t.Context(), s, document("a")))
	s.cfg.CallTimeout = time.Millisecond
	err = s.write(t.Context(), "dawdle", func(ctx context.Context, _ *sql.Tx) error {
		<-ctx.Done()
		return ctx.Err()
	})
	unavailable(t, catalog.ReasonTimeout, err)
}

func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"another file":     func([]byte) []byte { return []byte(strings.Repeat("not a database ", 1000)) },
		"a page of zeroes": func(b []byte) []byte { clear(b[4096:8192]); return b },
		"cut off":          func(b []byte) []byte { return b[:len(b)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "catalog.db")
			s := migrated(t, path)
			require.NoError(t, tell(t.Context(), s, document("a")))
			require.NoError(t, s.Close())
			whole, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage(whole), 0o600))
			var log bytes.Buffer
			cfg := configOf(path)
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s, err = Open(t.Context(), cfg)
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			require.Contains(t, log.String(), "set aside")
			aside, err := filepath.Glob(path + ".damaged-*")
			require.NoError(t, err)
			require.NotEmpty(t, aside)
			require.NoError(t, s.Migrate(t.Context()))
			_, found, err := s.Progress(t.Context(), shard)
			require.NoError(t, err)
			require.False(t, found, "the shards tell everything anew")
		})
	}
}

func TestOpen(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"Path":        func(c *Config) { c.Path = "" },
		"CallTimeout": func(c *Config) { c.CallTimeout = 0 },
		"Readers":     func(c *Config) { c.Readers = 0 },
		"Logger":      func(c *Config) { c.Logger = nil },
		"Retention":   func(c *Config) { c.Retention.Audit = 0 },
	} {
		cfg := configOf("x")
		change(&cfg)
		_, err := Open(t.Context(), cfg)
		require.ErrorIs(t, err, catalog.ErrConfig)
		require.ErrorContains(t, err, says)
	}
	_, err := Open(t.Context(), configOf(filepath.Join(t.TempDir(), "missing", "catalog.db")))
	unavailable(t, catalog.ReasonConnection, err)
	registry := prometheus.NewRegistry()
	cfg := configOf(filepath.Join(t.TempDir(), "catalog.db"))
	cfg.Registerer = registry
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	_, err = Open(t.Context(), cfg)
	require.Error(t, err, "metrics are registered once")
	require.NoError(t, s.Close())
	s, err = Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestMigration(t *testing.T) {
	for name, test := range map[string]struct{ spoil, says string }{
		"a file that is newer":             {"INSERT INTO migrations (version_id, is_applied) VALUES (99, 1)", "version 99"},
		"a table that is missing":          {"DROP TABLE searches", "table searches"},
		"a column that is missing":         {"DROP TABLE audit; CREATE TABLE audit (seq, at)", "table audit"},
		"half of a migration, run by hand": {"DROP TABLE audit; DELETE FROM migrations WHERE version_id = 3", "00003_logs"},
		"a table of versions that is gone": {"DROP TABLE migrations", "00001_documents.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			s := migrated(t, filepath.Join(t.TempDir(), "catalog.db"))
			_, err := s.writer.ExecContext(t.Context(), test.spoil)
			require.NoError(t, err)
			err = s.Migrate(t.Context())
			require.ErrorIs(t, err, catalog.ErrMigration)
			require.ErrorContains(t, err, test.says)
		})
	}
	s := migrated(t, filepath.Join(t.TempDir(), "catalog.db"))
	_, err := s.writer.ExecContext(t.Context(), "DELETE FROM migrations WHERE version_id = 3")
	require.NoError(t, err)
	unavailable(t, catalog.ReasonSchema, s.Ready(t.Context()))
	_, err = s.writer.ExecContext(t.Context(), "INSERT INTO migrations (version_id, is_applied) VALUES (99, 1)")
	require.NoError(t, err)
	require.ErrorIs(t, s.Ready(t.Context()), catalog.ErrMigration)
}

// killedEnv tells the test's binary to be the process that is killed.
const killedEnv = "SAGASU_CATALOG_KILLED"

// TestKilled kills a process that tells documents one after another, and looks at what it leaves.
func TestKilled(t *testing.T) {
	if path := os.Getenv(killedEnv); path != "" {
		s := migrated(t, path)
		for i := 0; ; i++ {
			require.NoError(t, tell(t.Context(), s, document(fmt.Sprint("d", i, "-a")), document(fmt.Sprint("d", i, "-b"))))
			_, err := fmt.Fprintln(os.Stdout, "told", i)
			require.NoError(t, err)
		}
	}
	path := filepath.Join(t.TempDir(), "catalog.db")
	for round := 1; round <= 3; round++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), killedEnv+"="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		seen, buffer := 0, make([]byte, 256)
		for seen < 20 {
			n, err := out.Read(buffer)
			require.NoError(t, err)
			seen += bytes.Count(buffer[:n], []byte("told"))
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		s := migrated(t, path)
		at, found, err := s.Progress(t.Context(), shard)
		require.NoError(t, err)
		require.True(t, found)
		require.GreaterOrEqual(t, at.Version, uint64(20*round))
		whole := count(t, s)
		require.Zero(t, whole%2, "a batch is there as a whole")
		require.GreaterOrEqual(t, whole, 2*20)
		require.NoError(t, s.Close())
	}
}

// BenchmarkRecord gives rows per second of new documents.
func BenchmarkRecord(b *testing.B) {
	s := migrated(b, filepath.Join(b.TempDir(), "catalog.db"))
	const rows = 10_000
	n := 0
	for b.Loop() {
		entries := make([]catalog.Entry, rows)
		for i := range entries {
			entries[i] = document(fmt.Sprintf("manual-%07d", n*7919%10_000_000))
			entries[i].Source = fmt.Sprint("files/", n%1000)
			n++
		}
		require.NoError(b, tell(b.Context(), s, entries...))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
