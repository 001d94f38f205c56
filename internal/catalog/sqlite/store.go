package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"sagasu/internal/catalog"
)

var _ catalog.Catalog = (*Store)(nil)

// Store is a catalog in a file.
type Store struct {
	cfg     Config
	metrics *catalog.Metrics
	// writer has one connection, so that who writes waits in line here and not by polling the file's lock.
	writer, reader *sql.DB
}

// Open opens the file, or makes it. One that is damaged is set aside under another name, and a new one made: all but
// the jobs and the logs comes back from the shards. Other trouble with the file is catalog.ErrUnavailable.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := openFile(ctx, cfg)
	if catalog.ReasonOf(err) != catalog.ReasonDamaged {
		return s, err
	}
	aside := cfg.Path + ".damaged-" + cfg.Now().UTC().Format("20060102T150405")
	cfg.Logger.Error("catalog is damaged; it is set aside and a new one is made", "path", cfg.Path, "aside", aside,
		"error", err)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(cfg.Path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("set damaged catalog aside: %w", err)
		}
	}
	return openFile(ctx, cfg)
}

func openFile(ctx context.Context, cfg Config) (*Store, error) {
	s := &Store{cfg: cfg}
	var err error
	if s.writer, err = connect(cfg.Path, "_txlock", "immediate"); err != nil {
		return nil, err
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = connect(cfg.Path, "_pragma", "query_only(1)"); err != nil {
		return nil, errors.Join(err, s.writer.Close())
	}
	s.reader.SetMaxOpenConns(cfg.Readers)
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(wrap(ctx, "open catalog "+cfg.Path, err), s.Close())
	}
	if s.metrics, err = catalog.NewMetrics(cfg.Registerer); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connect makes a pool with one more parameter than all have.
func connect(path, key, value string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	query := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyMillis), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	query.Add(key, value)
	file := url.URL{Scheme: "file", OmitHost: true, Path: absolute, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	return db, nil
}

// check finds out whether the file can be read, as a whole if it is small enough.
func (s *Store) check(ctx context.Context) error {
	var tables int
	if err := s.writer.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	info, err := os.Stat(s.cfg.Path)
	if err != nil || info.Size() > checkBytes {
		return err
	}
	var verdict string
	if err := s.writer.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &catalog.UnavailableError{Reason: catalog.ReasonDamaged, Err: errors.New(verdict)}
	}
	return nil
}

// Close closes the file, once the calls under way are done with it.
func (s *Store) Close() error {
	if s.metrics != nil {
		s.metrics.Close()
	}
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// Ready implements catalog.Keeper.
func (s *Store) Ready(ctx context.Context) (err error) {
	defer s.metrics.Call("ready", &err)()
	return s.write(ctx, "ask whether the catalog is ready", func(ctx context.Context, tx *sql.Tx) error {
		// Nothing changes by it, but for that the disk is asked whether it takes writes.
		if _, err := tx.ExecContext(ctx, "UPDATE shards SET no = no WHERE no < 0"); err != nil {
			return err
		}
		return checkVersion(ctx, tx)
	})
}

// write runs f in a transaction.
func (s *Store) write(ctx context.Context, doing string, f func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return wrap(ctx, doing, err)
	}
	if err := f(ctx, tx); err != nil {
		return wrap(ctx, doing, errors.Join(err, rollback(tx)))
	}
	return wrap(ctx, doing, tx.Commit())
}

// rollback ends a transaction that failed; SQLite may have ended it before.
func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// exec runs one statement that writes.
func (s *Store) exec(ctx context.Context, doing, statement string, args ...any) (n int64, err error) {
	err = s.write(ctx, doing, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, err
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// read runs f.
func (s *Store) read(ctx context.Context, doing string, f func(context.Context, querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	return wrap(ctx, doing, f(ctx, s.reader))
}

// collect reads the rows of a query.
func collect[T any](
	ctx context.Context, q querier, query string, args []any, scan func(*sql.Rows) (T, error),
) (out []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// indexNo gives the number of an index, catalog.ErrNotFound if it has none or was dropped.
func indexNo(ctx context.Context, q querier, index string) (no int64, name string, err error) {
	row := q.QueryRowContext(ctx, "SELECT no, name FROM indexes WHERE uuid = ? AND dropped IS NULL", index)
	err = row.Scan(&no, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", fmt.Errorf("index %s: %w", index, catalog.ErrNotFound)
	}
	return no, name, err
}

// micros is how a time is kept.
func micros(t time.Time) int64 { return t.UnixMicro() }

// nullable gives nil for a time that is not known.
func nullable(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

// at is the inverse of micros.
func at(n int64) time.Time { return time.UnixMicro(n).UTC() }

// known is the inverse of nullable.
func known(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return at(n.Int64)
}
