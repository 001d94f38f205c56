package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"sagasu/internal/catalog"
)

var _ catalog.Catalog = (*Store)(nil)

// Store is a catalog in PostgreSQL.
type Store struct {
	cfg     Config
	primary *pgxpool.Pool
	// conn is the primary's configuration, of which migrating makes connections of its own.
	conn    *pgxpool.Config
	replica *pgxpool.Pool
	// replicaAfter is the time in microseconds before which the replica is not asked.
	replicaAfter atomic.Int64
	metrics      *metrics
	// migrated tells that this build's tables were there once.
	migrated atomic.Bool

	mu sync.Mutex
	// months are the partitions that are known to be there.
	months map[string]bool
}

// Open makes a Store. It does not need the server, and so gives no error but catalog.ErrConfig, and that of a
// registerer that has the metrics.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, months: map[string]bool{}}
	conn, err := cfg.poolConfig("DSN", cfg.DSN)
	if err != nil {
		return nil, err
	}
	s.conn = conn
	if s.primary, err = open(ctx, conn); err != nil {
		return nil, err
	}
	if err := s.openRest(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) openRest(ctx context.Context) error {
	if s.cfg.ReplicaDSN != "" {
		conn, err := s.cfg.poolConfig("ReplicaDSN", s.cfg.ReplicaDSN)
		if err != nil {
			return err
		}
		// Whether it takes writes does not matter.
		conn.ConnConfig.ValidateConnect = nil
		if s.replica, err = open(ctx, conn); err != nil {
			return err
		}
	}
	var err error
	s.metrics, err = newMetrics(s.cfg.Registerer, s.primary, s.replica)
	return err
}

// Close ends all connections, once the calls under way are done with them.
func (s *Store) Close() error {
	s.primary.Close()
	if s.replica != nil {
		s.replica.Close()
	}
	if s.metrics != nil {
		s.metrics.Close()
	}
	return nil
}

// Ready implements catalog.Keeper.
func (s *Store) Ready(ctx context.Context) (err error) {
	defer s.metrics.Call("ready", &err)()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	var readOnly string
	if err := s.primary.QueryRow(ctx, "SHOW transaction_read_only").Scan(&readOnly); err != nil {
		return wrap("ask whether the catalog is ready", err)
	}
	if readOnly != "off" {
		s.primary.Reset()
		return wrap("ask whether the catalog is ready",
			&catalog.UnavailableError{Reason: catalog.ReasonReadOnly, Err: errors.New("the server takes no writes")})
	}
	return wrap("ask for the version of the catalog", s.checkVersion(ctx))
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// write runs f in a transaction, again if another one was in the way.
func (s *Store) write(ctx context.Context, doing string, f func(context.Context, pgx.Tx) error) error {
	return s.writeWithin(ctx, s.cfg.CallTimeout, doing, f)
}

func (s *Store) writeWithin(
	ctx context.Context, timeout time.Duration, doing string, f func(context.Context, pgx.Tx) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return s.again(doing, func() error {
		return pgx.BeginFunc(ctx, s.primary, func(tx pgx.Tx) error { return f(ctx, tx) })
	})
}

// again runs f anew if another transaction was in the way, or if the server no longer takes writes: then all
// connections are given up, since another server may, or the same one by a new connection.
func (s *Store) again(doing string, f func() error) error {
	var err error
	for range attempts {
		err = f()
		if !hasCode(err, codeSerialization, codeDeadlock, codeReadOnly) {
			break
		}
		if hasCode(err, codeReadOnly) {
			s.primary.Reset()
		}
	}
	return wrap(doing, err)
}

// exec runs one statement on the primary.
func (s *Store) exec(ctx context.Context, doing, sql string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	var rows int64
	err := s.again(doing, func() error {
		tag, err := s.primary.Exec(ctx, sql, args...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

// read runs f on the primary.
func (s *Store) read(ctx context.Context, doing string, f func(context.Context, querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	return wrap(doing, f(ctx, s.primary))
}

// list runs f on the replica if there is one that can, else on the primary. f may run twice.
func (s *Store) list(ctx context.Context, doing string, f func(context.Context, querier) error) error {
	if s.replica == nil {
		return s.read(ctx, doing, f)
	}
	now := s.cfg.Now()
	if now.UnixMicro() >= s.replicaAfter.Load() {
		err := s.ask(ctx, doing, f)
		if !errors.Is(err, catalog.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		s.replicaAfter.Store(now.Add(s.cfg.ReplicaPause).UnixMicro())
		s.cfg.Logger.Warn("read replica of the catalog does not answer, asking the primary", "error", err)
	}
	s.metrics.fallbacks.Inc()
	return s.read(ctx, doing, f)
}

func (s *Store) ask(ctx context.Context, doing string, f func(context.Context, querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, min(replicaTimeout, s.cfg.CallTimeout))
	defer cancel()
	return wrap(doing+" of the replica", f(ctx, s.replica))
}

// indexNo gives the number of an index, catalog.ErrNotFound if it has none or was dropped.
func indexNo(ctx context.Context, q querier, index string) (no int32, name string, err error) {
	err = q.QueryRow(ctx, "SELECT no, name FROM indexes WHERE uuid = $1 AND dropped IS NULL", index).Scan(&no, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, "", fmt.Errorf("index %s: %w", index, catalog.ErrNotFound)
	}
	return no, name, err
}

// nullable gives nil for a time that is not known.
func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// known is the inverse of nullable, in UTC.
func known(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
