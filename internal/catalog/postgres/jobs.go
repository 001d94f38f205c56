package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// selectJob is what jobOf reads.
const selectJob = `SELECT id, kind, state, node, index_id, total, done, failed, bytes, dropped, error, created_at,
	updated_at, ended_at FROM jobs`

func jobOf(row pgx.CollectableRow) (j catalog.Job, err error) {
	var ended *time.Time
	err = row.Scan(&j.ID, &j.Kind, &j.State, &j.Node, &j.Index, &j.Total, &j.Done, &j.Failed, &j.Bytes, &j.Dropped,
		&j.Error, &j.CreatedAt, &j.UpdatedAt, &ended)
	j.CreatedAt, j.UpdatedAt, j.EndedAt = j.CreatedAt.UTC(), j.UpdatedAt.UTC(), known(ended)
	return j, err
}

// PutJob implements catalog.Jobs.
func (s *Store) PutJob(ctx context.Context, job catalog.Job) (err error) {
	defer s.metrics.Call("put_job", &err)()
	if job, err = job.Clean(); err != nil {
		return err
	}
	_, err = s.exec(ctx, "put job "+job.ID, `INSERT INTO jobs AS j (id, kind, state, node, index_id, total, done, failed,
		bytes, error, created_at, updated_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, state = excluded.state, node = excluded.node,
			index_id = excluded.index_id, total = excluded.total, done = excluded.done, failed = excluded.failed,
			bytes = excluded.bytes, error = excluded.error, created_at = excluded.created_at,
			updated_at = excluded.updated_at, ended_at = excluded.ended_at
		WHERE j.updated_at <= excluded.updated_at`,
		job.ID, job.Kind, job.State, job.Node, job.Index, job.Total, job.Done, job.Failed, job.Bytes, job.Error,
		job.CreatedAt, job.UpdatedAt, nullable(job.EndedAt))
	return err
}

// Job implements catalog.Jobs.
func (s *Store) Job(ctx context.Context, id string) (job catalog.Job, err error) {
	defer s.metrics.Call("job", &err)()
	err = s.read(ctx, "read job "+id, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, selectJob+" WHERE id = $1", id)
		if err != nil {
			return err
		}
		job, err = pgx.CollectExactlyOneRow(rows, jobOf)
		if errors.Is(err, pgx.ErrNoRows) {
			return catalog.ErrNotFound
		}
		return err
	})
	return job, err
}

// Jobs implements catalog.Jobs. It asks the primary: who has just made a job wants to see it.
func (s *Store) Jobs(
	ctx context.Context, filter catalog.JobFilter, page catalog.Page,
) (out catalog.JobPage, err error) {
	defer s.metrics.Call("jobs", &err)()
	if err := filter.Check(); err != nil {
		return out, err
	}
	after, limit, err := page.Start(catalog.CursorJobs)
	if err != nil {
		return out, err
	}
	c := &conditions{}
	for _, f := range []struct{ column, value string }{
		{"kind", filter.Kind}, {"index_id", filter.Index}, {"state", filter.State}, {"node", filter.Node},
	} {
		if f.value != "" {
			c.add(f.column+" = ?", f.value)
		}
	}
	if after != nil {
		c.add("(created_at, id) < (?, ?)", after.At, after.Key)
	}
	err = s.read(ctx, "list jobs", func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, selectJob+c.where()+" ORDER BY created_at DESC, id DESC LIMIT "+itoa(limit+1), c.args...)
		if err != nil {
			return err
		}
		out.Jobs, err = pgx.CollectRows(rows, jobOf)
		return err
	})
	if len(out.Jobs) > limit {
		out.Jobs = out.Jobs[:limit]
		last := out.Jobs[limit-1]
		out.Next = catalog.Cursor{Kind: catalog.CursorJobs, At: last.CreatedAt, Key: last.ID}.String()
	}
	return out, err
}

// AddJobItems implements catalog.Jobs.
func (s *Store) AddJobItems(ctx context.Context, job string, items []catalog.JobItem) (err error) {
	defer s.metrics.Call("add_job_items", &err)()
	if items, err = catalog.CleanItems(items); err != nil || len(items) == 0 {
		return err
	}
	return s.write(ctx, "add items of job "+job, func(ctx context.Context, tx pgx.Tx) error {
		var kept int
		var last int64
		err := tx.QueryRow(ctx, "SELECT kept, last_line FROM jobs WHERE id = $1 FOR UPDATE", job).Scan(&kept, &last)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("job %s: %w", job, catalog.ErrNotFound)
		}
		if err != nil {
			return err
		}
		keep, dropped := catalog.KeepItems(items, kept, last)
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"job_items"}, []string{"job", "line", "id", "error"},
			pgx.CopyFromSlice(len(keep), func(i int) ([]any, error) {
				return []any{job, keep[i].Line, keep[i].ID, keep[i].Error}, nil
			}))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE jobs SET kept = kept + $2, dropped = dropped + $3,
			last_line = greatest(last_line, $4) WHERE id = $1`, job, len(keep), dropped, items[len(items)-1].Line)
		return err
	})
}

// JobItems implements catalog.Jobs.
func (s *Store) JobItems(
	ctx context.Context, job string, after int64, limit int,
) (items []catalog.JobItem, err error) {
	defer s.metrics.Call("job_items", &err)()
	if limit, err = catalog.CheckLimit(limit, catalog.MaxJobItems); err != nil {
		return nil, err
	}
	err = s.read(ctx, "list items of job "+job, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, "SELECT line, id, error FROM job_items WHERE job = $1 AND line > $2 ORDER BY line LIMIT $3",
			job, after, limit)
		if err != nil {
			return err
		}
		items, err = pgx.CollectRows(rows, pgx.RowToStructByPos[catalog.JobItem])
		return err
	})
	return items, err
}
