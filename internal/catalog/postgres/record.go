package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// createStaged makes the table that a batch is copied to, once for every connection. wave counts the entries of the
// same document, since one statement can't change a row twice.
const createStaged = `
CREATE TEMP TABLE IF NOT EXISTS staged (
    wave integer, id text COLLATE "C", parent text, version bigint, sequence bigint, state smallint, source text,
    checksum text, bytes bigint, error text, truncated boolean, received_at timestamptz, indexed_at timestamptz,
    embedded_at timestamptz, updated_at timestamptz
) ON COMMIT DELETE ROWS`

var stagedColumns = []string{
	"wave", "id", "parent", "version", "sequence", "state", "source", "checksum", "bytes", "error", "truncated",
	"received_at", "indexed_at", "embedded_at", "updated_at",
}

// mergeStaged is catalog.Merge. Rows are locked in the order of ids, so that two batches don't wait for each other.
const mergeStaged = `
INSERT INTO documents AS d (index_no, id, parent, shard_no, round, version, sequence, state, source, checksum, bytes,
    error, truncated, received_at, indexed_at, embedded_at, updated_at)
SELECT $1::integer, id, parent, $2::integer, $3::bigint, version, sequence, state, source, checksum,
    bytes, error, truncated, received_at, indexed_at, embedded_at, updated_at
FROM staged WHERE wave = $4 ORDER BY id
` + catalog.MergeClause

// Record implements catalog.Ledger.
func (s *Store) Record(ctx context.Context, batch catalog.Batch) (err error) {
	defer s.metrics.Call("record", &err)()
	if batch, err = batch.Clean(); err != nil {
		return err
	}
	// A large batch, or a sweep of a large shard, is no sign of a statement gone astray.
	timeout := s.cfg.CallTimeout
	if batch.Swept {
		timeout = bulkTimeout
	}
	doing := "record documents of shard " + batch.Shard
	put := func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = "+milliseconds(timeout)); err != nil {
			return err
		}
		return s.record(ctx, tx, &batch)
	}
	if err = s.writeWithin(ctx, timeout, doing, put); s.remade(ctx, err) {
		err = s.writeWithin(ctx, timeout, doing, put)
	}
	if err == nil {
		s.metrics.Recorded(len(batch.Entries))
	}
	return err
}

func (s *Store) record(ctx context.Context, tx pgx.Tx, batch *catalog.Batch) error {
	to, err := s.target(ctx, tx, batch)
	if err != nil {
		return err
	}
	if len(batch.Entries) > 0 {
		waves, err := s.stage(ctx, tx, batch, to)
		if err != nil {
			return err
		}
		for wave := range waves {
			if _, err := tx.Exec(ctx, mergeStaged, to.index, to.shard, to.round, wave); err != nil {
				return err
			}
		}
	}
	if batch.Swept {
		_, err := tx.Exec(ctx, "DELETE FROM documents WHERE index_no = $1 AND shard_no = $2 AND round < $3 AND state <> $4",
			to.index, to.shard, to.round, catalog.StateDeleted)
		if err != nil {
			return err
		}
	}
	p := batch.Position
	_, err = tx.Exec(ctx, `UPDATE shards SET version = $2, settled = $3, generation = $4, deletes = $5, sweep = $6,
		round = $7, rewound = false, rebuilding = $8, updated_at = $9 WHERE no = $1`,
		to.shard, int64(p.Version), int64(p.Settled), p.Generation, int64(p.Deletes), int64(p.Sweep), to.round,
		to.rebuilding && !batch.Swept, s.cfg.Now())
	return err
}

// target is where a batch goes.
type target struct {
	index, shard int32
	round        int64
	rebuilding   bool
}

// target finds the rows of the batch's index and shard, makes them if there are none, and locks them: the index against
// being dropped, the shard against other batches.
func (s *Store) target(ctx context.Context, tx pgx.Tx, batch *catalog.Batch) (*target, error) {
	to := &target{}
	var name string
	var dropped bool
	find := "SELECT no, name, dropped IS NOT NULL FROM indexes WHERE uuid = $1 FOR SHARE"
	err := tx.QueryRow(ctx, find, batch.Index).Scan(&to.index, &name, &dropped)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err = tx.Exec(ctx, "INSERT INTO indexes (uuid, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", batch.Index,
			batch.IndexName)
		if err == nil {
			err = tx.QueryRow(ctx, find, batch.Index).Scan(&to.index, &name, &dropped)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case dropped:
		return nil, fmt.Errorf("index %s: %w", batch.Index, catalog.ErrDropped)
	case name != batch.IndexName && batch.IndexName != "":
		_, err = tx.Exec(ctx, "UPDATE indexes SET name = $2 WHERE no = $1", to.index, batch.IndexName)
		if err != nil {
			return nil, err
		}
	}
	return to, s.shard(ctx, tx, batch, to)
}

// shard finds the shard, holds its position against the batch's, and says which round it is.
func (s *Store) shard(ctx context.Context, tx pgx.Tx, batch *catalog.Batch, to *target) error {
	now := s.cfg.Now()
	// A new row is as one that was rewound. Its round is above that of all rows that it may find.
	_, err := tx.Exec(ctx, `INSERT INTO shards (shard, index_no, version, settled, generation, deletes, sweep, round,
		rewound, rebuilding, updated_at)
		SELECT $1::text, $2::integer, 0, 0, 0, 0, 0, $3::bigint, true, true, $4::timestamptz
		WHERE NOT EXISTS (SELECT FROM shards WHERE shard = $1) ON CONFLICT DO NOTHING`,
		batch.Shard, to.index, now.UnixMicro(), now)
	if err != nil {
		return err
	}
	var at catalog.Position
	var rewound bool
	err = tx.QueryRow(ctx, `SELECT no, round, rewound, rebuilding, version, settled, generation, deletes, sweep
		FROM shards WHERE shard = $1 FOR UPDATE`, batch.Shard).Scan(&to.shard, &to.round, &rewound, &to.rebuilding,
		&at.Version, &at.Settled, &at.Generation, &at.Deletes, &at.Sweep)
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
		to.round, to.rebuilding = max(to.round+1, now.UnixMicro()), true
	}
	return nil
}

// stage copies the entries to the server and gives the number of waves.
func (s *Store) stage(ctx context.Context, tx pgx.Tx, batch *catalog.Batch, to *target) (int, error) {
	if _, err := tx.Exec(ctx, createStaged); err != nil {
		return 0, err
	}
	now, waves, seen, at := s.cfg.Now(), 0, make(map[string]int, len(batch.Entries)), 0
	next := func() ([]any, error) {
		if at == len(batch.Entries) {
			return nil, nil
		}
		row := catalog.NewRow(batch.Shard, to.round, batch.Entries[at], now)
		at++
		wave := seen[row.ID]
		seen[row.ID]++
		waves = max(waves, wave+1)
		return []any{
			int32(wave), catalog.EscapeID(row.ID), catalog.EscapeID(row.Parent), int64(row.Version),
			int64(row.Sequence), int16(row.State), row.Source, row.Checksum, row.Bytes, row.Error, row.Truncated,
			nullable(row.ReceivedAt), nullable(row.IndexedAt), nullable(row.EmbeddedAt), row.UpdatedAt,
		}, nil
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"staged"}, stagedColumns, pgx.CopyFromFunc(next))
	return waves, err
}

// Progress implements catalog.Ledger.
func (s *Store) Progress(ctx context.Context, shard string) (at catalog.Position, found bool, err error) {
	defer s.metrics.Call("progress", &err)()
	find := func(ctx context.Context, q querier) error {
		err := q.QueryRow(ctx, `SELECT version, settled, generation, deletes, sweep FROM shards
			WHERE shard = $1 AND NOT rewound`, shard).Scan(&at.Version, &at.Settled, &at.Generation, &at.Deletes, &at.Sweep)
		found = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	}
	doing := "read position of shard " + shard
	if err = s.read(ctx, doing, find); s.remade(ctx, err) {
		err = s.read(ctx, doing, find)
	}
	return at, found, err
}

// Shards implements catalog.Ledger.
func (s *Store) Shards(ctx context.Context, index string) (shards []catalog.ShardProgress, err error) {
	defer s.metrics.Call("shards", &err)()
	err = s.read(ctx, "list shards of index "+index, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, `SELECT s.shard, s.version, s.settled, s.generation, s.deletes, s.sweep,
			s.rewound OR s.rebuilding, s.updated_at
			FROM shards s JOIN indexes i ON i.no = s.index_no WHERE i.uuid = $1 ORDER BY s.shard COLLATE "C"`, index)
		if err != nil {
			return err
		}
		shards, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p catalog.ShardProgress, err error) {
			at := &p.Position
			err = row.Scan(&p.Shard, &at.Version, &at.Settled, &at.Generation, &at.Deletes, &at.Sweep, &p.Rebuilding,
				&p.UpdatedAt)
			p.UpdatedAt = p.UpdatedAt.UTC()
			return p, err
		})
		return err
	})
	return shards, err
}
