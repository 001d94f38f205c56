package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The partitioned tables.
const (
	tableSearches = "searches"
	tableAudit    = "audit"
)

// monthFormat ends the name of a partition.
const monthFormat = "2006_01"

// month gives the first instant of a time's month in UTC.
func month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// partition names the partition of a month.
func partition(table string, month time.Time) string { return table + "_" + month.Format(monthFormat) }

// monthOf is the inverse of partition.
func monthOf(table, partition string) (time.Time, bool) {
	text, ok := strings.CutPrefix(partition, table+"_")
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(monthFormat, text)
	return t, err == nil
}

// forgetMonths makes the partitions be looked for again.
func (s *Store) forgetMonths() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.months)
}

// makeMonths makes the partitions of the times' months.
func (s *Store) makeMonths(ctx context.Context, table string, at []time.Time) error {
	missing := map[string]time.Time{}
	s.mu.Lock()
	for _, t := range at {
		if m := month(t); !s.months[partition(table, m)] {
			missing[partition(table, m)] = m
		}
	}
	s.mu.Unlock()
	for name, m := range missing {
		if err := s.makeMonth(ctx, table, name, m); err != nil {
			return err
		}
	}
	return nil
}

// makeMonth makes one partition, alone among all nodes: IF NOT EXISTS does not help two who try at the same time.
func (s *Store) makeMonth(ctx context.Context, table, name string, m time.Time) error {
	err := s.write(ctx, "make partition "+name, func(ctx context.Context, tx pgx.Tx) error {
		// What is there needs no lock that waits for those who read the table.
		var there bool
		err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", s.cfg.Schema+"."+name).Scan(&there)
		if err != nil || there {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", s.lockKey("partitions")); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')",
			name, table, m.Format(time.RFC3339), m.AddDate(0, 1, 0).Format(time.RFC3339)))
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.months[name] = true
	return nil
}

// monthsAhead makes the partitions of this month and those to come.
func (s *Store) monthsAhead(ctx context.Context, now time.Time) error {
	var at []time.Time
	for i := range s.cfg.MonthsAhead + 1 {
		at = append(at, month(now).AddDate(0, i, 0))
	}
	for _, table := range []string{tableSearches, tableAudit} {
		if err := s.makeMonths(ctx, table, at); err != nil {
			return err
		}
	}
	return nil
}

// dropMonths drops the partitions that hold nothing from before or later.
func (s *Store) dropMonths(ctx context.Context, table string, before time.Time) error {
	var names []string
	err := s.read(ctx, "list partitions of "+table, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = $1::regclass ORDER BY 1`, s.cfg.Schema+"."+table)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		m, ours := monthOf(table, name)
		if !ours || m.AddDate(0, 1, 0).After(before) {
			continue
		}
		s.forgetMonths()
		// It waits for those who read the table, at most for lock_timeout; the next turn tries again.
		if _, err := s.exec(ctx, "drop partition "+name, "DROP TABLE IF EXISTS "+name); err != nil {
			return err
		}
		s.cfg.Logger.Info("partition of the catalog is past its retention", "partition", name)
	}
	return nil
}
