package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// Forget implements catalog.Repairs.
func (s *Store) Forget(ctx context.Context, index string, ids ...string) (err error) {
	defer s.metrics.Call("forget", &err)()
	escaped := make([]string, len(ids))
	for i, id := range ids {
		if err := catalog.CheckID(id); err != nil {
			return err
		}
		escaped[i] = catalog.EscapeID(id)
	}
	_, err = s.exec(ctx, "forget documents", `DELETE FROM documents
		WHERE index_no = (SELECT no FROM indexes WHERE uuid = $1) AND id = ANY ($2)`, index, escaped)
	return err
}

// Rewind implements catalog.Repairs.
func (s *Store) Rewind(ctx context.Context, shard string) (err error) {
	defer s.metrics.Call("rewind", &err)()
	_, err = s.exec(ctx, "rewind shard "+shard, "UPDATE shards SET rewound = true WHERE shard = $1", shard)
	return err
}

// DropIndex implements catalog.Repairs.
func (s *Store) DropIndex(ctx context.Context, index string) (err error) {
	defer s.metrics.Call("drop_index", &err)()
	// From here on batches are refused; those under way hold the row, and come before.
	_, err = s.exec(ctx, "drop index "+index, `INSERT INTO indexes AS i (uuid, name, dropped) VALUES ($1, '', $2)
		ON CONFLICT (uuid) DO UPDATE SET dropped = coalesce(i.dropped, excluded.dropped)`, index, s.cfg.Now())
	if err != nil {
		return err
	}
	var no int32
	err = s.read(ctx, "drop index "+index, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT no FROM indexes WHERE uuid = $1", index).Scan(&no)
	})
	if err != nil {
		return err
	}
	if err := s.deleteAll(ctx, "documents", "index_no = $1", no); err != nil {
		return err
	}
	_, err = s.exec(ctx, "drop shards of index "+index, "DELETE FROM shards WHERE index_no = $1", no)
	return err
}

// deleteAll deletes rows step by step.
func (s *Store) deleteAll(ctx context.Context, table, where string, args ...any) error {
	for {
		n, err := s.exec(ctx, "delete from "+table, "DELETE FROM "+table+" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "+table+
			" WHERE "+where+" LIMIT "+itoa(dropRows)+"))", args...)
		if err != nil || n < dropRows {
			return err
		}
	}
}

// Document implements catalog.Register.
func (s *Store) Document(ctx context.Context, index, id string) (doc catalog.Document, err error) {
	defer s.metrics.Call("document", &err)()
	if err := catalog.CheckID(id); err != nil {
		return doc, err
	}
	err = s.read(ctx, "read document", func(ctx context.Context, q querier) error {
		no, name, err := indexNo(ctx, q, index)
		if err != nil {
			return err
		}
		rows, err := q.Query(ctx, selectDocument+" WHERE d.index_no = $1 AND d.id = $2", no, catalog.EscapeID(id))
		if err != nil {
			return err
		}
		doc, err = pgx.CollectExactlyOneRow(rows, documentOf(index, name))
		if errors.Is(err, pgx.ErrNoRows) {
			return catalog.ErrNotFound
		}
		return err
	})
	return doc, err
}
