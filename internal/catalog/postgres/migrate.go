package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"sagasu/internal/catalog"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is where goose keeps which migrations ran.
const versionTable = "migrations"

// lockKey gives the number of an advisory lock of this catalog.
func (s *Store) lockKey(what string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("sagasu catalog\x00" + s.cfg.Schema + "\x00" + what))
	return int64(h.Sum64())
}

// Migrate implements catalog.Keeper. One node at a time migrates, the others wait for it. A migration is a transaction,
// so that one whose node or server was killed leaves nothing behind, and is begun again.
func (s *Store) Migrate(ctx context.Context) (err error) {
	defer s.metrics.Call("migrate", &err)()
	const doing = "migrate catalog"
	cfg := s.conn.ConnConfig.Copy()
	// Waiting for another node, and changing large tables, take as long as they take.
	cfg.RuntimeParams["statement_timeout"], cfg.RuntimeParams["lock_timeout"] = "0", "0"
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return wrap(doing, err)
	}
	// Closing gives up the lock, even if ctx is done.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := s.prepare(ctx, conn); err != nil {
		return wrap(doing, err)
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	if err := s.migrate(ctx, conn, db); err != nil {
		return wrap(doing, err)
	}
	if err := s.indexText(ctx, conn); err != nil {
		return wrap(doing, err)
	}
	s.forgetMonths()
	if err := s.monthsAhead(ctx, s.cfg.Now()); err != nil {
		return err
	}
	s.migrated.Store(true)
	return nil
}

// remade reports whether the tables were gone, with or without their database, and are there again, empty: then the
// catalog is told everything anew. It is not for one that never was migrated.
func (s *Store) remade(ctx context.Context, err error) bool {
	if catalog.ReasonOf(err) != catalog.ReasonSchema || !s.migrated.Load() {
		return false
	}
	s.cfg.Logger.Error("the tables of the catalog are gone; they are made anew", "error", err)
	if err := s.Migrate(ctx); err != nil {
		s.cfg.Logger.Error("make the tables of the catalog anew", "error", err)
		return false
	}
	return true
}

// prepare takes the lock and makes the schema.
func (s *Store) prepare(ctx context.Context, conn *pgx.Conn) error {
	var encoding string
	if err := conn.QueryRow(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w: the database's encoding is %s, not UTF8; make one with ENCODING 'UTF8' TEMPLATE template0",
			catalog.ErrMigration, encoding)
	}
	if err := s.lock(ctx, conn); err != nil {
		return err
	}
	var there bool
	err := conn.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", s.cfg.Schema).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE SCHEMA "+s.cfg.Schema)
	return err
}

// lock takes the lock. It polls, since CREATE INDEX CONCURRENTLY waits for every statement that runs, and would wait
// for one that waits for its own node's lock.
func (s *Store) lock(ctx context.Context, conn *pgx.Conn) error {
	for {
		var taken bool
		err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", s.lockKey("migrations")).Scan(&taken)
		if err != nil || taken {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for another node that migrates: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// provider gives goose with our migrations, and the version of the newest of them.
func (s *Store) provider(db *sql.DB) (*goose.Provider, int64, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, 0, fmt.Errorf("open migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versionTable),
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, 0, fmt.Errorf("read migrations: %w", err)
	}
	sources := p.ListSources()
	return p, sources[len(sources)-1].Version, nil
}

// migrate runs what has not run, and looks whether the tables are as they should be then.
func (s *Store) migrate(ctx context.Context, conn *pgx.Conn, db *sql.DB) error {
	p, newest, err := s.provider(db)
	if err != nil {
		return err
	}
	at, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if at > newest {
		return newer(at, newest)
	}
	if at < newest {
		if err := s.note(ctx, conn, at, newest); err != nil {
			return err
		}
		results, err := p.Up(ctx)
		for _, r := range results {
			s.cfg.Logger.Info("catalog migrated", "version", r.Source.Version, "file", r.Source.Path, "took", r.Duration)
		}
		if err != nil {
			return migrationError(err)
		}
		if _, err := conn.Exec(ctx, "DELETE FROM migrating"); err != nil {
			return err
		}
	}
	return checkTables(ctx, conn)
}

// note leaves word that migrations run, and tells if a former run left its word behind.
func (s *Store) note(ctx context.Context, conn *pgx.Conn, at, newest int64) error {
	_, err := conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS migrating (began timestamptz NOT NULL, node text NOT NULL,
		from_version bigint NOT NULL, to_version bigint NOT NULL)`)
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, `SELECT began::text || ' by ' || node || ' from version ' || from_version || ' to ' ||
		to_version FROM migrating ORDER BY began`)
	if err != nil {
		return err
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, run := range left {
		s.cfg.Logger.Warn("a migration of the catalog did not end; it goes on", "run", run, "at_version", at)
	}
	_, err = conn.Exec(ctx, "INSERT INTO migrating VALUES (now(), $1, $2, $3)", s.cfg.ApplicationName, at, newest)
	return err
}

func newer(at, newest int64) error {
	return fmt.Errorf("%w: the database has version %d, this build knows %d; run a newer build", catalog.ErrMigration, at,
		newest)
}

// migrationError tells trouble with the server, which may end, from a schema that is not what its version says.
func migrationError(err error) error {
	var partial *goose.PartialError
	place := "migrations"
	if errors.As(err, &partial) {
		place = partial.Failed.Source.Path
	}
	why := reason(err)
	if why == catalog.ReasonOther || why == catalog.ReasonSchema || hasCode(err, codeExists) || partial == nil {
		return fmt.Errorf("%w: %s: %w; it was changed by hand, or restored in part: restore it as a whole, or drop the "+
			"schema to have it rebuilt from the shards", catalog.ErrMigration, place, err)
	}
	return fmt.Errorf("%s: %w", place, err)
}

// columns are what this build reads and writes of each table.
func columns() map[string]string {
	return map[string]string{
		"indexes": "no, uuid, name, dropped",
		"shards": "no, shard, index_no, version, settled, generation, deletes, sweep, round, rewound, rebuilding, " +
			"updated_at",
		"documents": "index_no, shard_no, round, sequence, " + strings.Join(stagedColumns[1:], ", "),
		"jobs": "id, kind, state, node, index_id, total, done, failed, bytes, dropped, kept, last_line, error, " +
			"created_at, updated_at, ended_at",
		"job_items": "job, line, id, error",
		"searches":  "at, index_id, query, mode, took_us, total, hits, zero_hits, degraded, principal",
		"audit":     "at, seq, principal, action, target, outcome, detail, request_id",
	}
}

// checkTables finds what is missing although the version says that it is there.
func checkTables(ctx context.Context, conn *pgx.Conn) error {
	for table, names := range columns() {
		if _, err := conn.Exec(ctx, "SELECT "+names+" FROM "+table+" LIMIT 0"); err != nil {
			if reason(err) == catalog.ReasonSchema {
				return fmt.Errorf("%w: table %s is not as its version says: %w; restore it as a whole, or drop the schema to "+
					"have it rebuilt from the shards", catalog.ErrMigration, table, err)
			}
			return err
		}
	}
	return nil
}

// checkVersion gives nil if the database has the version of this build.
func (s *Store) checkVersion(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	newest, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	var at int64
	err = s.primary.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable+" WHERE is_applied").Scan(&at)
	switch {
	case err != nil:
		return err
	case at > newest:
		return newer(at, newest)
	case at < newest:
		return &catalog.UnavailableError{
			Reason: catalog.ReasonSchema,
			Err:    fmt.Errorf("the database has version %d, this build needs %d", at, newest),
		}
	}
	return nil
}
