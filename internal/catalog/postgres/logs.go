package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// AppendSearches implements catalog.SearchLog. What is past its retention already is left out.
func (s *Store) AppendSearches(ctx context.Context, events []catalog.SearchEvent) (err error) {
	defer s.metrics.Call("append_searches", &err)()
	now := s.cfg.Now()
	if events, err = catalog.CleanSearches(events, now); err != nil {
		return err
	}
	rows, at := make([][]any, 0, len(events)), make([]time.Time, 0, len(events))
	for _, e := range events {
		if e.At.Before(now.Add(-s.cfg.Retention.Searches)) {
			continue
		}
		at = append(at, e.At)
		rows = append(rows, []any{
			e.At, e.Index, e.Query, e.Mode, e.Took.Microseconds(), e.Total, int32(e.Hits), e.ZeroHits, e.Degraded,
			e.Principal,
		})
	}
	return s.append(ctx, tableSearches, at, rows, "at", "index_id", "query", "mode", "took_us", "total", "hits",
		"zero_hits", "degraded", "principal")
}

// AppendAudit implements catalog.AuditLog. What is past its retention already is left out.
func (s *Store) AppendAudit(ctx context.Context, events []catalog.AuditEvent) (err error) {
	defer s.metrics.Call("append_audit", &err)()
	now := s.cfg.Now()
	if events, err = catalog.CleanAudit(events, now); err != nil {
		return err
	}
	rows, at := make([][]any, 0, len(events)), make([]time.Time, 0, len(events))
	for _, e := range events {
		if e.At.Before(now.Add(-s.cfg.Retention.Audit)) {
			continue
		}
		at = append(at, e.At)
		rows = append(rows, []any{e.At, e.Principal, e.Action, e.Target, e.Outcome, e.Detail, e.RequestID})
	}
	return s.append(ctx, tableAudit, at, rows, "at", "principal", "action", "target", "outcome", "detail", "request_id")
}

// append copies rows to a partitioned table, making the partitions that are missing.
func (s *Store) append(ctx context.Context, table string, at []time.Time, rows [][]any, columns ...string) error {
	if len(rows) == 0 {
		return nil
	}
	doing := "append to " + table
	put := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	}
	if err := s.makeMonths(ctx, table, at); err != nil {
		return err
	}
	err := s.write(ctx, doing, put)
	if !hasCode(err, codeNoPartition) {
		return err
	}
	// Somebody dropped one that was known to be there.
	s.forgetMonths()
	if err := s.makeMonths(ctx, table, at); err != nil {
		return err
	}
	return s.write(ctx, doing, put)
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
	sql, args, err := auditListing(filter, after, limit)
	if err != nil {
		return out, err
	}
	var numbers []int64
	err = s.list(ctx, "list audit", func(ctx context.Context, q querier) error {
		out.Events, numbers = nil, nil
		rows, err := q.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		var e catalog.AuditEvent
		var number int64
		into := []any{&e.At, &number, &e.Principal, &e.Action, &e.Target, &e.Outcome, &e.Detail, &e.RequestID}
		_, err = pgx.ForEachRow(rows, into, func() error {
			e.At = e.At.UTC()
			out.Events, numbers = append(out.Events, e), append(numbers, number)
			return nil
		})
		return err
	})
	if len(out.Events) > limit {
		out.Events = out.Events[:limit]
		key := strconv.FormatInt(numbers[limit-1], 10)
		out.Next = catalog.Cursor{Kind: catalog.CursorAudit, At: out.Events[limit-1].At, Key: key}.String()
	}
	return out, err
}

// auditListing gives the statement of a page, with one row more than the page has.
func auditListing(f catalog.AuditFilter, after *catalog.Cursor, limit int) (string, []any, error) {
	c := &conditions{}
	for _, equal := range []struct{ column, value string }{
		{"principal", f.Principal}, {"action", f.Action}, {"outcome", f.Outcome},
	} {
		if equal.value != "" {
			c.add(equal.column+" = ?", equal.value)
		}
	}
	if f.Target != "" {
		c.prefix("target", f.Target)
	}
	c.between("at", f.From, f.To)
	if after != nil {
		number, err := after.Number()
		if err != nil {
			return "", nil, err
		}
		c.add("(at, seq) < (?, ?)", after.At, number)
	}
	return "SELECT at, seq, principal, action, target, outcome, detail, request_id FROM audit" + c.where() +
		" ORDER BY at DESC, seq DESC LIMIT " + itoa(limit+1), c.args, nil
}
