package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"sagasu/internal/catalog"
)

// documentColumns are in the order in which merge takes them.
const documentColumns = "index_no, id, parent, shard_no, round, version, sequence, state, source, checksum, bytes, " +
	"error, truncated, received_at, indexed_at, embedded_at, updated_at"

// merge is catalog.Merge.
const merge = `
INSERT INTO documents AS d (` + documentColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
` + catalog.MergeClause

// Record implements catalog.Ledger.
func (s *Store) Record(ctx context.Context, batch catalog.Batch) (err error) {
	defer s.metrics.Call("record", &err)()
	if batch, err = batch.Clean(); err != nil {
		return err
	}
	err = s.write(ctx, "record documents of shard "+batch.Shard, func(ctx context.Context, tx *sql.Tx) error {
		return s.record(ctx, tx, &batch)
	})
	if err == nil {
		s.metrics.Recorded(len(batch.Entries))
	}
	return err
}

func (s *Store) record(ctx context.Context, tx *sql.Tx, batch *catalog.Batch) error {
	to, err := s.target(ctx, tx, batch)
	if err != nil {
		return err
	}
	if err := s.merge(ctx, tx, batch, to); err != nil {
		return err
	}
	if batch.Swept {
		const unseen = "DELETE FROM documents WHERE index_no = ? AND shard_no = ? AND round < ? AND state <> ?"
		_, err := tx.ExecContext(ctx, unseen, to.index, to.shard, to.round, catalog.StateDeleted)
		if err != nil {
			return err
		}
	}
	p := batch.Position
	_, err = tx.ExecContext(ctx, `UPDATE shards SET version = ?, settled = ?, generation = ?, deletes = ?, sweep = ?,
		round = ?, rewound = 0, rebuilding = ?, updated_at = ? WHERE no = ?`, int64(p.Version), int64(p.Settled),
		p.Generation, int64(p.Deletes), int64(p.Sweep), to.round, to.rebuilding && !batch.Swept, micros(s.cfg.Now()),
		to.shard)
	return err
}

func (s *Store) merge(ctx context.Context, tx *sql.Tx, batch *catalog.Batch, to *target) (err error) {
	if len(batch.Entries) == 0 {
		return nil
	}
	statement, err := tx.PrepareContext(ctx, merge)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	now := s.cfg.Now()
	for _, e := range batch.Entries {
		row := catalog.NewRow(batch.Shard, to.round, e, now)
		_, err := statement.ExecContext(ctx, to.index, catalog.EscapeID(row.ID), catalog.EscapeID(row.Parent), to.shard,
			row.Round, int64(row.Version), int64(row.Sequence), int64(row.State), catalog.EscapeID(row.Source), row.Checksum,
			row.Bytes, row.Error, row.Truncated, nullable(row.ReceivedAt), nullable(row.IndexedAt),
			nullable(row.EmbeddedAt), micros(row.UpdatedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// target is where a batch goes.
type target struct {
	index, shard, round int64
	rebuilding          bool
}

// target finds the rows of the batch's index and shard, makes them if there are none, and holds the shard's position
// against the batch's.
func (s *Store) target(ctx context.Context, tx *sql.Tx, batch *catalog.Batch) (*target, error) {
	to := &target{}
	var dropped sql.NullInt64
	_, err := tx.ExecContext(ctx, "INSERT INTO indexes (uuid, name) VALUES (?, ?) ON CONFLICT DO NOTHING", batch.Index,
		batch.IndexName)
	if err != nil {
		return nil, err
	}
	err = tx.QueryRowContext(ctx, "SELECT no, dropped FROM indexes WHERE uuid = ?", batch.Index).Scan(&to.index, &dropped)
	if err != nil {
		return nil, err
	}
	if dropped.Valid {
		return nil, fmt.Errorf("index %s: %w", batch.Index, catalog.ErrDropped)
	}
	if batch.IndexName != "" {
		_, err = tx.ExecContext(ctx, "UPDATE indexes SET name = ? WHERE no = ? AND name <> ?", batch.IndexName, to.index,
			batch.IndexName)
		if err != nil {
			return nil, err
		}
	}
	now := micros(s.cfg.Now())
	// A new row is as one that was rewound. Its round is above that of all rows that it may find.
	_, err = tx.ExecContext(ctx, `INSERT INTO shards (shard, index_no, version, settled, generation, deletes, sweep, round,
		rewound, rebuilding, updated_at) VALUES (?, ?, 0, 0, 0, 0, 0, ?, 1, 1, ?) ON CONFLICT DO NOTHING`, batch.Shard,
		to.index, now, now)
	if err != nil {
		return nil, err
	}
	return to, to.fit(ctx, tx, batch, now)
}

// fit says which round the batch is of, ErrStale if it is of none.
func (to *target) fit(ctx context.Context, tx *sql.Tx, batch *catalog.Batch, now int64) error {
	var at catalog.Position
	var rewound bool
	err := tx.QueryRowContext(ctx, `SELECT no, round, rewound, rebuilding, version, settled, generation, deletes, sweep
		FROM shards WHERE shard = ?`, batch.Shard).Scan(&to.shard, &to.round, &rewound, &to.rebuilding, &at.Version,
		&at.Settled, &at.Generation, &at.Deletes, &at.Sweep)
	if err != nil {
		return err
	}
	if rewound {
		at = catalog.Position{}
	}
	if at != batch.From {
		return fmt.Errorf("catalog is at %+v, the batch begins at %+v: %w", at, batch.From, catalog.ErrStale)
	}
	if rewound || at.Sweep != batch.Position.Sweep {
		to.round, to.rebuilding = max(to.round+1, now), true
	}
	return nil
}

// Progress implements catalog.Ledger.
func (s *Store) Progress(ctx context.Context, shard string) (p catalog.Position, found bool, err error) {
	defer s.metrics.Call("progress", &err)()
	err = s.read(ctx, "read position of shard "+shard, func(ctx context.Context, q querier) error {
		err := q.QueryRowContext(ctx, `SELECT version, settled, generation, deletes, sweep FROM shards
			WHERE shard = ? AND NOT rewound`, shard).Scan(&p.Version, &p.Settled, &p.Generation, &p.Deletes, &p.Sweep)
		found = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return p, found, err
}

// Shards implements catalog.Ledger.
func (s *Store) Shards(ctx context.Context, index string) (shards []catalog.ShardProgress, err error) {
	defer s.metrics.Call("shards", &err)()
	const query = `SELECT s.shard, s.version, s.settled, s.generation, s.deletes, s.sweep, s.rewound OR s.rebuilding,
		s.updated_at FROM shards s JOIN indexes i ON i.no = s.index_no WHERE i.uuid = ? ORDER BY s.shard`
	err = s.read(ctx, "list shards of index "+index, func(ctx context.Context, q querier) error {
		shards, err = collect(ctx, q, query, []any{index}, func(rows *sql.Rows) (p catalog.ShardProgress, err error) {
			var updated int64
			to := &p.Position
			err = rows.Scan(&p.Shard, &to.Version, &to.Settled, &to.Generation, &to.Deletes, &to.Sweep, &p.Rebuilding, &updated)
			p.UpdatedAt = at(updated)
			return p, err
		})
		return err
	})
	return shards, err
}

// Forget implements catalog.Repairs.
func (s *Store) Forget(ctx context.Context, index string, ids ...string) (err error) {
	defer s.metrics.Call("forget", &err)()
	for _, id := range ids {
		if err := catalog.CheckID(id); err != nil {
			return err
		}
	}
	return s.write(ctx, "forget documents", func(ctx context.Context, tx *sql.Tx) error {
		for _, id := range ids {
			_, err := tx.ExecContext(ctx, `DELETE FROM documents
				WHERE index_no = (SELECT no FROM indexes WHERE uuid = ?) AND id = ?`, index, catalog.EscapeID(id))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Rewind implements catalog.Repairs.
func (s *Store) Rewind(ctx context.Context, shard string) (err error) {
	defer s.metrics.Call("rewind", &err)()
	_, err = s.exec(ctx, "rewind shard "+shard, "UPDATE shards SET rewound = 1 WHERE shard = ?", shard)
	return err
}

// DropIndex implements catalog.Repairs.
func (s *Store) DropIndex(ctx context.Context, index string) (err error) {
	defer s.metrics.Call("drop_index", &err)()
	_, err = s.exec(ctx, "drop index "+index, `INSERT INTO indexes AS i (uuid, name, dropped) VALUES (?, '', ?)
		ON CONFLICT (uuid) DO UPDATE SET dropped = coalesce(i.dropped, excluded.dropped)`, index, micros(s.cfg.Now()))
	if err != nil {
		return err
	}
	const its = "index_no = (SELECT no FROM indexes WHERE uuid = ?)"
	if err := s.deleteAll(ctx, "documents", its, index); err != nil {
		return err
	}
	return s.deleteAll(ctx, "shards", its, index)
}

// deleteAll deletes rows step by step.
func (s *Store) deleteAll(ctx context.Context, table, where string, args ...any) error {
	statement := fmt.Sprintf("DELETE FROM %s WHERE rowid IN (SELECT rowid FROM %s WHERE %s LIMIT %d)", table, table,
		strings.TrimSpace(where), dropRows)
	for {
		n, err := s.exec(ctx, "delete from "+table, statement, args...)
		if err != nil || n < dropRows {
			return err
		}
	}
}
