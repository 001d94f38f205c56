package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// Maintain implements catalog.Keeper. What fails does not keep the rest from being done.
func (s *Store) Maintain(ctx context.Context, now time.Time) (err error) {
	defer s.metrics.Call("maintain", &err)()
	keep := s.cfg.Retention
	return errors.Join(
		s.monthsAhead(ctx, now),
		s.dropMonths(ctx, tableSearches, now.Add(-keep.Searches)),
		s.dropMonths(ctx, tableAudit, now.Add(-keep.Audit)),
		s.deleteAll(ctx, "jobs", "ended_at < $1", now.Add(-keep.Jobs)),
		s.forgetDeleted(ctx, now.Add(-keep.Deleted)),
	)
}

// forgetDeleted removes documents that were deleted before a time, index by index, as the tables' keys want it, and
// what an interrupted DropIndex left.
func (s *Store) forgetDeleted(ctx context.Context, before time.Time) error {
	var numbers []int32
	var dropped []string
	err := s.read(ctx, "list indexes", func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, "SELECT no FROM indexes WHERE dropped IS NULL ORDER BY no")
		if err != nil {
			return err
		}
		if numbers, err = pgx.CollectRows(rows, pgx.RowTo[int32]); err != nil {
			return err
		}
		rows, err = q.Query(ctx, `SELECT uuid FROM indexes i WHERE dropped IS NOT NULL
			AND (EXISTS (SELECT FROM documents WHERE index_no = i.no) OR EXISTS (SELECT FROM shards WHERE index_no = i.no))`)
		if err != nil {
			return err
		}
		dropped, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	for _, no := range numbers {
		err := s.deleteAll(ctx, "documents", "index_no = $1 AND state = $2 AND updated_at < $3", no, catalog.StateDeleted,
			before)
		if err != nil {
			return err
		}
	}
	for _, index := range dropped {
		if err := s.DropIndex(ctx, index); err != nil {
			return err
		}
	}
	return nil
}
