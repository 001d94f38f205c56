package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"sagasu/internal/catalog"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is where goose keeps which migrations ran.
const versionTable = "migrations"

// Migrate implements catalog.Keeper. A migration is a transaction, so that one that was killed leaves nothing behind.
func (s *Store) Migrate(ctx context.Context) (err error) {
	defer s.metrics.Call("migrate", &err)()
	return wrap(ctx, "migrate catalog", s.migrate(ctx))
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("open migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.writer, files, goose.WithTableName(versionTable),
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	at, newest, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if at > newest {
		return newer(at, newest)
	}
	results, err := p.Up(ctx)
	for _, r := range results {
		s.cfg.Logger.Info("catalog migrated", "version", r.Source.Version, "file", r.Source.Path, "took", r.Duration)
	}
	if err != nil {
		return migrationError(err)
	}
	return s.checkTables(ctx)
}

func newer(at, newest int64) error {
	return fmt.Errorf("%w: the file has version %d, this build knows %d; run a newer build", catalog.ErrMigration, at,
		newest)
}

// migrationError tells trouble with the file, which may end, from a schema that is not what its version says.
func migrationError(err error) error {
	place := "migrations"
	partial, ran := errors.AsType[*goose.PartialError](err)
	if ran {
		place = partial.Failed.Source.Path
	}
	if why := reason(err); why == catalog.ReasonOther || why == catalog.ReasonSchema || !ran {
		return fmt.Errorf("%w: %s: %w; it was changed by hand: restore it, or move it away to have it rebuilt from the "+
			"shards", catalog.ErrMigration, place, err)
	}
	return fmt.Errorf("%s: %w", place, err)
}

// checkTables finds what is missing although the version says that it is there.
func (s *Store) checkTables(ctx context.Context) error {
	for table, names := range map[string]string{
		"indexes":   "no, uuid, name, dropped",
		"shards":    "no, shard, index_no, version, settled, generation, deletes, sweep, round, rewound, rebuilding",
		"documents": documentColumns,
		"jobs":      "id, kind, dropped, kept, last_line, error, " + jobColumns,
		"job_items": "job, line, id, error",
		"searches":  searchColumns,
		"audit":     "seq, " + auditColumns,
	} {
		rows, err := s.writer.QueryContext(ctx, "SELECT "+names+" FROM "+table+" LIMIT 0")
		if err == nil {
			err = errors.Join(rows.Err(), rows.Close())
		}
		if reason(err) == catalog.ReasonSchema {
			return fmt.Errorf("%w: table %s is not as its version says: %w; restore the file, or move it away to have it "+
				"rebuilt from the shards", catalog.ErrMigration, table, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkVersion gives nil if the file has the version of this build.
func checkVersion(ctx context.Context, q querier) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	newest, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	var at int64
	row := q.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable+" WHERE is_applied")
	if err := row.Scan(&at); err != nil {
		return err
	}
	switch {
	case at > newest:
		return newer(at, newest)
	case at < newest:
		return &catalog.UnavailableError{
			Reason: catalog.ReasonSchema, Err: fmt.Errorf("the file has version %d, this build needs %d", at, newest),
		}
	}
	return nil
}
