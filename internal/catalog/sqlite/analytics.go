package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"sagasu/internal/catalog"
)

// during gives the conditions of a span.
func during(span catalog.Span) *conditions {
	c := &conditions{}
	c.between("at", span.From, span.To)
	c.equal("index_id", span.Index)
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
	if limit, err = catalog.CheckLimit(limit, catalog.MaxTop); err != nil {
		return nil, err
	}
	query := "SELECT query, count(*) AS n, sum(zero_hits), max(at) FROM searches" + c.where() +
		" GROUP BY query ORDER BY n DESC, query LIMIT ?"
	return analyze(ctx, s, span, "rank queries", query, append(c.args, limit),
		func(rows *sql.Rows) (q catalog.QueryCount, err error) {
			var last int64
			err = rows.Scan(&q.Query, &q.Count, &q.ZeroHits, &last)
			q.LastAt = at(last)
			return q, err
		})
}

// Latency implements catalog.Analytics.
func (s *Store) Latency(ctx context.Context, span catalog.Span) (out []catalog.LatencyPoint, err error) {
	defer s.metrics.Call("latency", &err)()
	c := during(span)
	query := fmt.Sprintf(`SELECT hour, n, min(CASE WHEN rank * 100 >= n * 50 THEN took_us END),
			min(CASE WHEN rank * 100 >= n * 95 THEN took_us END),
			min(CASE WHEN rank * 100 >= n * 99 THEN took_us END), max(took_us)
		FROM (
			SELECT hour, took_us, row_number() OVER (PARTITION BY hour ORDER BY took_us) AS rank,
				count(*) OVER (PARTITION BY hour) AS n
			FROM (SELECT at / %d AS hour, took_us FROM searches%s)
		) GROUP BY hour ORDER BY hour`, time.Hour.Microseconds(), c.where())
	return analyze(ctx, s, span, "measure latency", query, c.args,
		func(rows *sql.Rows) (p catalog.LatencyPoint, err error) {
			var hour, p50, p95, p99, most int64
			err = rows.Scan(&hour, &p.Count, &p50, &p95, &p99, &most)
			p.At = at(hour * time.Hour.Microseconds())
			p.P50, p.P95, p.P99, p.Max = duration(p50), duration(p95), duration(p99), duration(most)
			return p, err
		})
}

func duration(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }

// Volume implements catalog.Analytics.
func (s *Store) Volume(
	ctx context.Context, span catalog.Span, bucket catalog.Bucket,
) (out []catalog.VolumePoint, err error) {
	defer s.metrics.Call("volume", &err)()
	width := time.Hour.Microseconds()
	if bucket == catalog.Daily {
		width *= 24
	}
	c := during(span)
	query := fmt.Sprintf(`SELECT at / %d AS bucket, count(*), sum(zero_hits), sum(degraded <> '') FROM searches%s
		GROUP BY bucket ORDER BY bucket`, width, c.where())
	return analyze(ctx, s, span, "measure volume", query, c.args,
		func(rows *sql.Rows) (p catalog.VolumePoint, err error) {
			var number int64
			err = rows.Scan(&number, &p.Searches, &p.ZeroHits, &p.Degraded)
			p.At = at(number * width)
			return p, err
		})
}

// analyze runs a query over a span.
func analyze[T any](
	ctx context.Context, s *Store, span catalog.Span, doing, query string, args []any, scan func(*sql.Rows) (T, error),
) (out []T, err error) {
	if err := span.Check(); err != nil {
		return nil, err
	}
	err = s.read(ctx, doing, func(ctx context.Context, q querier) error {
		out, err = collect(ctx, q, query, args, scan)
		return err
	})
	return out, err
}
