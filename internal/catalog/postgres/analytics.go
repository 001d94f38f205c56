package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// during gives the conditions of a span.
func during(span catalog.Span) *conditions {
	c := &conditions{}
	c.between("at", span.From, span.To)
	if span.Index != "" {
		c.add("index_id = ?", span.Index)
	}
	return c
}

// TopQueries implements catalog.Analytics.
func (s *Store) TopQueries(ctx context.Context, span catalog.Span, limit int) (out []catalog.QueryCount, err error) {
	defer s.metrics.Call("top_queries", &err)()
	return s.queries(ctx, span, limit, during(span))
}

// ZeroHitQueries implements catalog.Analytics.
func (s *Store) ZeroHitQueries(
	ctx context.Context, span catalog.Span, limit int,
) (out []catalog.QueryCount, err error) {
	defer s.metrics.Call("zero_hit_queries", &err)()
	c := during(span)
	c.add("zero_hits")
	return s.queries(ctx, span, limit, c)
}

func (s *Store) queries(
	ctx context.Context, span catalog.Span, limit int, c *conditions,
) (out []catalog.QueryCount, err error) {
	if err := span.Check(); err != nil {
		return nil, err
	}
	if limit, err = catalog.CheckLimit(limit, catalog.MaxTop); err != nil {
		return nil, err
	}
	sql := "SELECT query, count(*), count(*) FILTER (WHERE zero_hits), max(at) FROM searches" + c.where() +
		" GROUP BY query ORDER BY count(*) DESC, query LIMIT " + itoa(limit)
	return collect(ctx, s, "rank queries", sql, c.args, func(row pgx.CollectableRow) (q catalog.QueryCount, err error) {
		err = row.Scan(&q.Query, &q.Count, &q.ZeroHits, &q.LastAt)
		q.LastAt = q.LastAt.UTC()
		return q, err
	})
}

// Latency implements catalog.Analytics.
func (s *Store) Latency(ctx context.Context, span catalog.Span) (out []catalog.LatencyPoint, err error) {
	defer s.metrics.Call("latency", &err)()
	if err := span.Check(); err != nil {
		return nil, err
	}
	c := during(span)
	sql := `SELECT date_trunc('hour', at, 'UTC') AS hour, count(*),
		percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY took_us), max(took_us)
		FROM searches` + c.where() + " GROUP BY hour ORDER BY hour"
	return collect(ctx, s, "measure latency", sql, c.args, func(row pgx.CollectableRow) (catalog.LatencyPoint, error) {
		var p catalog.LatencyPoint
		var percentiles []int64
		var most int64
		if err := row.Scan(&p.At, &p.Count, &percentiles, &most); err != nil {
			return p, err
		}
		p.At, p.Max = p.At.UTC(), micros(most)
		p.P50, p.P95, p.P99 = micros(percentiles[0]), micros(percentiles[1]), micros(percentiles[2])
		return p, nil
	})
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// Volume implements catalog.Analytics.
func (s *Store) Volume(
	ctx context.Context, span catalog.Span, bucket catalog.Bucket,
) (out []catalog.VolumePoint, err error) {
	defer s.metrics.Call("volume", &err)()
	if err := span.Check(); err != nil {
		return nil, err
	}
	width := "hour"
	if bucket == catalog.Daily {
		width = "day"
	}
	c := during(span)
	sql := `SELECT date_trunc('` + width + `', at, 'UTC') AS bucket, count(*), count(*) FILTER (WHERE zero_hits),
		count(*) FILTER (WHERE degraded <> '{}') FROM searches` + c.where() + " GROUP BY bucket ORDER BY bucket"
	return collect(ctx, s, "measure volume", sql, c.args, func(row pgx.CollectableRow) (p catalog.VolumePoint, err error) {
		err = row.Scan(&p.At, &p.Searches, &p.ZeroHits, &p.Degraded)
		p.At = p.At.UTC()
		return p, err
	})
}

// collect runs a query on the replica, or on the primary.
func collect[T any](
	ctx context.Context, s *Store, doing, sql string, args []any, read pgx.RowToFunc[T],
) (out []T, err error) {
	err = s.list(ctx, doing, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, read)
		return err
	})
	return out, err
}
