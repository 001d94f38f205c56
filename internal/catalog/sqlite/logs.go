package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"sagasu/internal/catalog"
)

const (
	searchColumns = "at, index_id, query, mode, took_us, total, hits, zero_hits, degraded, principal"
	auditColumns  = "at, principal, action, target, outcome, detail, request_id"
)

// AppendSearches implements catalog.SearchLog. What is past its retention already is left out.
func (s *Store) AppendSearches(ctx context.Context, events []catalog.SearchEvent) (err error) {
	defer s.metrics.Call("append_searches", &err)()
	now := s.cfg.Now()
	if events, err = catalog.CleanSearches(events, now); err != nil {
		return err
	}
	rows := make([][]any, 0, len(events))
	for _, e := range events {
		if !e.At.Before(now.Add(-s.cfg.Retention.Searches)) {
			rows = append(rows, []any{
				micros(e.At), e.Index, e.Query, e.Mode, e.Took.Microseconds(), e.Total, e.Hits, e.ZeroHits,
				strings.Join(e.Degraded, ","), e.Principal,
			})
		}
	}
	return s.append(ctx, "searches", searchColumns, rows)
}

// AppendAudit implements catalog.AuditLog. What is past its retention already is left out.
func (s *Store) AppendAudit(ctx context.Context, events []catalog.AuditEvent) (err error) {
	defer s.metrics.Call("append_audit", &err)()
	now := s.cfg.Now()
	if events, err = catalog.CleanAudit(events, now); err != nil {
		return err
	}
	rows := make([][]any, 0, len(events))
	for _, e := range events {
		if !e.At.Before(now.Add(-s.cfg.Retention.Audit)) {
			rows = append(rows, []any{micros(e.At), e.Principal, e.Action, e.Target, e.Outcome, e.Detail, e.RequestID})
		}
	}
	return s.append(ctx, "audit", auditColumns, rows)
}

func (s *Store) append(ctx context.Context, table, columns string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	return s.write(ctx, "append to "+table, func(ctx context.Context, tx *sql.Tx) (err error) {
		places := strings.Repeat(", ?", strings.Count(columns, ",")+1)[2:]
		statement, err := tx.PrepareContext(ctx, "INSERT INTO "+table+" ("+columns+") VALUES ("+places+")")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, statement.Close()) }()
		for _, row := range rows {
			if _, err := statement.ExecContext(ctx, row...); err != nil {
				return err
			}
		}
		return nil
	})
}

// auditRow is an event with its number.
type auditRow struct {
	catalog.AuditEvent
	number int64
}

// Audits implements catalog.AuditLog.
func (s *Store) Audits(
	ctx context.Context, filter catalog.AuditFilter, page catalog.Page,
) (out catalog.AuditPage, err error) {
	defer s.metrics.Call("audits", &err)()
	if err := filter.Check(); err != nil {
		return out, err
	}
	after, limit, err := page.Start(catalog.CursorAudit)
	if err != nil {
		return out, err
	}
	c := &conditions{}
	c.equal("principal", filter.Principal)
	c.equal("action", filter.Action)
	c.equal("outcome", filter.Outcome)
	if filter.Target != "" {
		c.prefix("target", filter.Target)
	}
	c.between("at", filter.From, filter.To)
	if after != nil {
		number, err := after.Number()
		if err != nil {
			return out, err
		}
		c.add("(at, seq) < (?, ?)", micros(after.At), number)
	}
	var rows []auditRow
	err = s.read(ctx, "list audit", func(ctx context.Context, q querier) error {
		query := "SELECT seq, " + auditColumns + " FROM audit" + c.where() + limited("at DESC, seq DESC", limit)
		rows, err = collect(ctx, q, query, c.args, func(rows *sql.Rows) (r auditRow, err error) {
			var when int64
			err = rows.Scan(&r.number, &when, &r.Principal, &r.Action, &r.Target, &r.Outcome, &r.Detail, &r.RequestID)
			r.At = at(when)
			return r, err
		})
		return err
	})
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		key := strconv.FormatInt(last.number, 10)
		out.Next = catalog.Cursor{Kind: catalog.CursorAudit, At: last.At, Key: key}.String()
	}
	for _, r := range rows {
		out.Events = append(out.Events, r.AuditEvent)
	}
	return out, err
}

// Maintain implements catalog.Keeper. What fails does not keep the rest from being done.
func (s *Store) Maintain(ctx context.Context, now time.Time) (err error) {
	defer s.metrics.Call("maintain", &err)()
	keep := s.cfg.Retention
	return errors.Join(
		s.deleteAll(ctx, "searches", "at < ?", micros(now.Add(-keep.Searches))),
		s.deleteAll(ctx, "audit", "at < ?", micros(now.Add(-keep.Audit))),
		s.deleteAll(ctx, "jobs", "ended_at < ?", micros(now.Add(-keep.Jobs))),
		s.deleteAll(ctx, "documents", "index_no IN (SELECT no FROM indexes) AND state = ? AND updated_at < ?",
			int64(catalog.StateDeleted), micros(now.Add(-keep.Deleted))),
		// What an interrupted DropIndex left.
		s.deleteAll(ctx, "documents", "index_no IN (SELECT no FROM indexes WHERE dropped IS NOT NULL)"),
		s.deleteAll(ctx, "shards", "index_no IN (SELECT no FROM indexes WHERE dropped IS NOT NULL)"),
	)
}
