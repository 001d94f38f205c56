package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sagasu/internal/catalog"
)

// jobColumns are those that PutJob does not compute.
const jobColumns = "state, node, index_id, total, done, failed, bytes, created_at, updated_at, ended_at"

// selectJob is what jobOf reads.
const selectJob = "SELECT id, kind, dropped, error, " + jobColumns + " FROM jobs"

func jobOf(rows *sql.Rows) (j catalog.Job, err error) {
	var created, updated int64
	var ended sql.NullInt64
	err = rows.Scan(&j.ID, &j.Kind, &j.Dropped, &j.Error, &j.State, &j.Node, &j.Index, &j.Total, &j.Done, &j.Failed,
		&j.Bytes, &created, &updated, &ended)
	j.CreatedAt, j.UpdatedAt, j.EndedAt = at(created), at(updated), known(ended)
	return j, err
}

// PutJob implements catalog.Jobs.
func (s *Store) PutJob(ctx context.Context, job catalog.Job) (err error) {
	defer s.metrics.Call("put_job", &err)()
	if job, err = job.Clean(); err != nil {
		return err
	}
	_, err = s.exec(ctx, "put job "+job.ID, `INSERT INTO jobs AS j (id, kind, error, `+jobColumns+`)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, state = excluded.state, node = excluded.node,
			index_id = excluded.index_id, total = excluded.total, done = excluded.done, failed = excluded.failed,
			bytes = excluded.bytes, error = excluded.error, created_at = excluded.created_at,
			updated_at = excluded.updated_at, ended_at = excluded.ended_at
		WHERE j.updated_at <= excluded.updated_at`,
		job.ID, job.Kind, job.Error, job.State, job.Node, job.Index, job.Total, job.Done, job.Failed, job.Bytes,
		micros(job.CreatedAt), micros(job.UpdatedAt), nullable(job.EndedAt))
	return err
}

// Job implements catalog.Jobs.
func (s *Store) Job(ctx context.Context, id string) (job catalog.Job, err error) {
	defer s.metrics.Call("job", &err)()
	err = s.read(ctx, "read job "+id, func(ctx context.Context, q querier) error {
		found, err := collect(ctx, q, selectJob+" WHERE id = ?", []any{id}, jobOf)
		if err == nil && len(found) == 0 {
			return catalog.ErrNotFound
		}
		if err == nil {
			job = found[0]
		}
		return err
	})
	return job, err
}

// Jobs implements catalog.Jobs.
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
	c.equal("kind", filter.Kind)
	c.equal("index_id", filter.Index)
	c.equal("state", filter.State)
	c.equal("node", filter.Node)
	if after != nil {
		c.add("(created_at, id) < (?, ?)", micros(after.At), after.Key)
	}
	err = s.read(ctx, "list jobs", func(ctx context.Context, q querier) error {
		out.Jobs, err = collect(ctx, q, selectJob+c.where()+limited("created_at DESC, id DESC", limit), c.args, jobOf)
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
	return s.write(ctx, "add items of job "+job, func(ctx context.Context, tx *sql.Tx) error {
		var kept int
		var last int64
		err := tx.QueryRowContext(ctx, "SELECT kept, last_line FROM jobs WHERE id = ?", job).Scan(&kept, &last)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("job %s: %w", job, catalog.ErrNotFound)
		}
		if err != nil {
			return err
		}
		keep, dropped := catalog.KeepItems(items, kept, last)
		for _, item := range keep {
			_, err := tx.ExecContext(ctx, "INSERT INTO job_items (job, line, id, error) VALUES (?, ?, ?, ?)", job, item.Line,
				item.ID, item.Error)
			if err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `UPDATE jobs SET kept = kept + ?, dropped = dropped + ?,
			last_line = max(last_line, ?) WHERE id = ?`, len(keep), dropped, items[len(items)-1].Line, job)
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
		items, err = collect(ctx, q, "SELECT line, id, error FROM job_items WHERE job = ? AND line > ? ORDER BY line LIMIT ?",
			[]any{job, after, limit}, func(rows *sql.Rows) (item catalog.JobItem, err error) {
				err = rows.Scan(&item.Line, &item.ID, &item.Error)
				return item, err
			})
		return err
	})
	return items, err
}
