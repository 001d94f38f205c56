package catalogtest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
)

// searches are of two indexes, over three days around the end of a month.
func searches(n int) []catalog.SearchEvent {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]catalog.SearchEvent, n)
	for i := range out {
		e := catalog.SearchEvent{
			At: start().Add(time.Duration(random.IntN(3*24*60)-2*24*60) * time.Minute), Index: name(i % 2), Mode: "hybrid",
			Query: []string{"地震", "early warning", "'quoted\"", "zebra", "%"}[random.IntN(5)],
			Took:  time.Duration(random.IntN(100_000)) * time.Microsecond, Total: int64(random.IntN(1000)), Hits: 10,
		}
		if random.IntN(4) == 0 {
			e.ZeroHits, e.Total, e.Hits = true, 0, 0
		}
		if random.IntN(5) == 0 {
			e.Degraded = []string{"milvus_timeout", "deadline"}
		}
		out[i] = e
	}
	return out
}

func (cfg Config) analytics(t *testing.T) {
	ctx, c, _ := cfg.open(t)
	events := searches(2_000)
	for part := range slices.Chunk(events, 700) {
		require.NoError(t, c.AppendSearches(ctx, part))
	}
	require.NoError(t, c.AppendSearches(ctx, nil))
	for _, span := range []catalog.Span{
		{From: start().Add(-72 * time.Hour), To: start().Add(24 * time.Hour)},
		{Index: name(1), From: start().Add(-30 * time.Hour), To: start()},
		{Index: "unknown", From: start().Add(-30 * time.Hour), To: start()},
	} {
		var in []catalog.SearchEvent
		for _, e := range events {
			if within(e.At, span.From, span.To) && (span.Index == "" || span.Index == e.Index) {
				in = append(in, e)
			}
		}
		t.Run(fmt.Sprintf("%d searches", len(in)), func(t *testing.T) {
			top, err := c.TopQueries(ctx, span, 3)
			require.NoError(t, err)
			require.Equal(t, ranking(in, 3, false), some(top))
			zero, err := c.ZeroHitQueries(ctx, span, 0)
			require.NoError(t, err)
			require.Equal(t, ranking(in, 100, true), some(zero))
			latency, err := c.Latency(ctx, span)
			require.NoError(t, err)
			require.Equal(t, latencies(in), some(latency))
			for bucket, width := range map[catalog.Bucket]time.Duration{
				catalog.Hourly: time.Hour, catalog.Daily: 24 * time.Hour,
			} {
				volume, err := c.Volume(ctx, span, bucket)
				require.NoError(t, err)
				require.Equal(t, volumes(in, width), some(volume))
			}
		})
	}
}

// some makes nothing comparable with nothing.
func some[T any](list []T) []T { return append([]T{}, list...) }

func ranking(events []catalog.SearchEvent, limit int, zero bool) []catalog.QueryCount {
	by := map[string]catalog.QueryCount{}
	for _, e := range events {
		if zero && !e.ZeroHits {
			continue
		}
		q := by[e.Query]
		q.Query = e.Query
		q.Count++
		if e.ZeroHits {
			q.ZeroHits++
		}
		if e.At.After(q.LastAt) {
			q.LastAt = e.At
		}
		by[e.Query] = q
	}
	out := []catalog.QueryCount{}
	for _, q := range by {
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b catalog.QueryCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Query, b.Query))
	})
	return out[:min(limit, len(out))]
}

// group gives the events by the start of their bucket, ascending.
func group(events []catalog.SearchEvent, width time.Duration) (at []time.Time, by map[time.Time][]catalog.SearchEvent) {
	by = map[time.Time][]catalog.SearchEvent{}
	for _, e := range events {
		b := e.At.Truncate(width)
		if by[b] == nil {
			at = append(at, b)
		}
		by[b] = append(by[b], e)
	}
	slices.SortFunc(at, time.Time.Compare)
	return at, by
}

func latencies(events []catalog.SearchEvent) []catalog.LatencyPoint {
	out := []catalog.LatencyPoint{}
	at, by := group(events, time.Hour)
	for _, hour := range at {
		var took []time.Duration
		for _, e := range by[hour] {
			took = append(took, e.Took)
		}
		slices.Sort(took)
		percentile := func(p int) time.Duration { return took[(p*len(took)+99)/100-1] }
		out = append(out, catalog.LatencyPoint{
			At: hour, Count: int64(len(took)), P50: percentile(50), P95: percentile(95), P99: percentile(99),
			Max: took[len(took)-1],
		})
	}
	return out
}

func volumes(events []catalog.SearchEvent, width time.Duration) []catalog.VolumePoint {
	out := []catalog.VolumePoint{}
	at, by := group(events, width)
	for _, bucket := range at {
		p := catalog.VolumePoint{At: bucket, Searches: int64(len(by[bucket]))}
		for _, e := range by[bucket] {
			if e.ZeroHits {
				p.ZeroHits++
			}
			if len(e.Degraded) > 0 {
				p.Degraded++
			}
		}
		out = append(out, p)
	}
	return out
}

func (cfg Config) audit(t *testing.T) {
	ctx, c, _ := cfg.open(t)
	var events []catalog.AuditEvent
	for i := range 90 {
		events = append(events, catalog.AuditEvent{
			// Several at the same time, of three months.
			At: start().Add(time.Duration(i/4-10) * 100 * time.Hour).Add(-100 * time.Hour), Principal: fmt.Sprint("key", i%3),
			Action: []string{"index.create", "index.delete"}[i%2], Target: []string{"papers", "papers/alias", "other"}[i%3],
			Outcome: []string{"ok", "refused"}[i%5%2], Detail: "地震 \x00", RequestID: fmt.Sprint("r", i),
		})
	}
	events = slices.DeleteFunc(events, func(e catalog.AuditEvent) bool { return e.At.After(start()) })
	require.NoError(t, c.AppendAudit(ctx, events[:20]))
	require.NoError(t, c.AppendAudit(ctx, events[20:]))
	for _, f := range []catalog.AuditFilter{
		{},
		{Principal: "key1"},
		{Action: "index.delete", Outcome: "refused"},
		{Target: "papers", From: start().Add(-700 * time.Hour)},
		{Target: "nothing", To: start()},
	} {
		var want, got []catalog.AuditEvent
		for _, e := range slices.Backward(events) {
			if (f.Principal == "" || f.Principal == e.Principal) && (f.Action == "" || f.Action == e.Action) &&
				(f.Outcome == "" || f.Outcome == e.Outcome) && strings.HasPrefix(e.Target, f.Target) && within(e.At, f.From, f.To) {
				e.Detail = "地震 \uFFFD"
				want = append(want, e)
			}
		}
		page := catalog.Page{Limit: 7}
		for {
			events, err := c.Audits(ctx, f, page)
			require.NoError(t, err)
			got = append(got, events.Events...)
			if page.After = events.Next; page.After == "" {
				break
			}
		}
		require.Equal(t, want, got)
	}
}

func (cfg Config) retention(t *testing.T) {
	ctx, c, now := cfg.open(t)
	require.NoError(t, c.AppendSearches(ctx, searches(100)))
	require.NoError(t, c.AppendAudit(ctx, []catalog.AuditEvent{{At: start(), Action: "index.create"}}))
	index := name(1)
	require.NoError(t, c.Record(ctx, batch(index,
		catalog.Entry{ID: "gone", Version: 1, State: catalog.StateDeleted, At: start()},
		catalog.Entry{ID: "there", Version: 2, State: catalog.StateIndexed, At: start()})))
	ended := job(1, start())
	ended.EndedAt = start()
	require.NoError(t, c.PutJob(ctx, ended))
	require.NoError(t, c.AddJobItems(ctx, ended.ID, []catalog.JobItem{{Line: 1}}))
	require.NoError(t, c.PutJob(ctx, job(2, start())))
	span := catalog.Span{From: start().AddDate(0, -1, 0), To: start().AddDate(0, 1, 0)}
	look := func() (searches, audits, documents, jobs int) {
		volume, err := c.Volume(ctx, span, catalog.Daily)
		require.NoError(t, err)
		audit, err := c.Audits(ctx, catalog.AuditFilter{}, catalog.Page{})
		require.NoError(t, err)
		list, err := c.Jobs(ctx, catalog.JobFilter{}, catalog.Page{})
		require.NoError(t, err)
		return len(volume), len(audit.Events), len(all(ctx, t, c, catalog.Filter{Index: index}, 0)), len(list.Jobs)
	}
	step := func(d time.Duration, wantAudits, wantDocuments, wantJobs int, wantSearches bool) {
		t.Helper()
		now.advance(d)
		require.NoError(t, c.Maintain(ctx, now.now()))
		searches, audits, documents, jobs := look()
		require.Equal(t, wantSearches, searches > 0)
		require.Equal(t, []int{wantAudits, wantDocuments, wantJobs}, []int{audits, documents, jobs})
		// The coming month's are there already.
		require.NoError(t, c.AppendSearches(ctx, []catalog.SearchEvent{{At: now.now().Add(23 * time.Hour)}}))
	}
	step(20*24*time.Hour, 1, 2, 2, true)
	step(20*24*time.Hour, 1, 1, 1, true)
	step(100*24*time.Hour, 1, 1, 1, false)
	step(400*24*time.Hour, 0, 1, 1, false)
}
