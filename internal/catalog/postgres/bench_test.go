package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"sagasu/internal/catalog"
	"sagasu/internal/catalog/postgres/postgrestest"
)

// million is the number of rows that listings are measured on.
const million = 1_000_000

// library is the index of the benchmarks.
const library = "0123456789abcdef0123456789abcdef"

// benchEntries are what a large index has: most documents embedded, few failed, a third of them passages, ids and
// sources of a thousand directories, times of thirty days.
func benchEntries(from, to int, at time.Time) []catalog.Entry {
	random := rand.New(rand.NewPCG(uint64(from), 1))
	out := make([]catalog.Entry, 0, to-from)
	for i := from; i < to; i++ {
		e := catalog.Entry{
			ID:      fmt.Sprintf("manual-%07d-%06x", i, random.IntN(1<<24)),
			Version: uint64(i + 1), Sequence: uint64(i + 1), State: catalog.StateEmbedded,
			Source:   fmt.Sprintf("files/%03d/%d.md", i%1000, i/1000),
			Checksum: fmt.Sprintf("%016x", random.Uint64()), Bytes: random.Int64N(10_000),
			At: at.Add(-time.Duration(random.Int64N(int64(30 * 24 * time.Hour)))),
		}
		switch n := random.IntN(1000); {
		case n < 1:
			e.State, e.Error = catalog.StateFailed, "the model refuses the text"
		case n < 50:
			e.State = catalog.StateIndexed
		case n < 100:
			e.State = catalog.StateDeleted
		}
		if i%3 == 0 {
			e.Parent = fmt.Sprintf("manual-%07d", i/30)
			e.ID = fmt.Sprintf("%s#%d", e.Parent, i/3%10)
		}
		out = append(out, e)
	}
	return out
}

// processor gives the seconds of a processor that the server's end of the store's connection used up to now: a rate by
// them holds on a machine that others use too.
func processor(b *testing.B, s *Store) float64 {
	b.Helper()
	var pid int
	require.NoError(b, s.primary.QueryRow(b.Context(), "SELECT pg_backend_pid()").Scan(&pid))
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	// Behind the name, which may hold anything, the 12th and 13th are ticks of 10 ms in the program and in the kernel.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		require.NoError(b, err)
		ticks += n
	}
	return float64(ticks) / 100
}

// load records rows in batches of the size and gives the rate.
func load(b *testing.B, s *Store, rows, size int, at time.Time) float64 {
	b.Helper()
	var position catalog.Position
	var took time.Duration
	for from := 0; from < rows; from += size {
		entries := benchEntries(from, min(from+size, rows), at)
		began := time.Now()
		next := catalog.Position{Version: uint64(from + size), Sweep: 1}
		require.NoError(b, s.Record(b.Context(), catalog.Batch{
			Shard: library + "-0", Index: library, IndexName: "library", Entries: entries, From: position, Position: next,
		}))
		took, position = took+time.Since(began), next
	}
	return float64(rows) / took.Seconds()
}

// BenchmarkRecord gives rows per second of new documents, and of the same ones a state later.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{1_000, 10_000, 50_000} {
		b.Run(fmt.Sprint("batches of ", size), func(b *testing.B) {
			dsn := postgrestest.Start(b, "fsync=on").Database(b, "bench")
			s := openTest(b, dsn, func(c *Config) { c.MaxConns = 1 })
			require.NoError(b, s.Migrate(b.Context()))
			const rows = 100_000
			for b.Loop() {
				b.StopTimer()
				require.NoError(b, s.Forget(b.Context(), library))
				_, err := s.primary.Exec(b.Context(), "TRUNCATE documents; DELETE FROM shards")
				require.NoError(b, err)
				b.StartTimer()
				before := processor(b, s)
				b.ReportMetric(load(b, s, rows, size, time.Now()), "rows/s")
				b.ReportMetric(rows/(processor(b, s)-before), "rows/cpu-s")
			}
		})
	}
}

// shapes are the listings that an operator asks for, by the name that docs/catalog.md has for them.
func shapes(at time.Time) []struct {
	name   string
	filter catalog.Filter
} {
	f := func(change func(*catalog.Filter)) catalog.Filter {
		f := catalog.Filter{Index: library}
		change(&f)
		return f
	}
	return []struct {
		name   string
		filter catalog.Filter
	}{
		{"newest", f(func(*catalog.Filter) {})},
		{"by id", f(func(f *catalog.Filter) { f.Order = catalog.ByID })},
		{"failed", f(func(f *catalog.Filter) { f.State = catalog.StateFailed })},
		{"embedded", f(func(f *catalog.Filter) { f.State = catalog.StateEmbedded })},
		{"one directory", f(func(f *catalog.Filter) { f.Source = "files/123/" })},
		{"one file", f(func(f *catalog.Filter) { f.Source = "files/123/45.md" })},
		{"half of all sources", f(func(f *catalog.Filter) { f.Source = "files/" })},
		{"failed of one directory", f(func(f *catalog.Filter) { f.State, f.Source = catalog.StateFailed, "files/123/" })},
		{"rare part of id", f(func(f *catalog.Filter) { f.Text = "0123457" })},
		{"common part of id", f(func(f *catalog.Filter) { f.Text = "manual" })},
		{"two letters of id", f(func(f *catalog.Filter) { f.Text = "7f" })},
		{"part of id that is nowhere", f(func(f *catalog.Filter) { f.Text = "nowhere" })},
		{"failed with part of id", f(func(f *catalog.Filter) { f.State, f.Text = catalog.StateFailed, "12345" })},
		{"passages of a document", f(func(f *catalog.Filter) { f.Parent = "manual-0012345" })},
		{"one hour", f(func(f *catalog.Filter) {
			f.UpdatedFrom, f.UpdatedTo = at.Add(-100*time.Hour), at.Add(-99*time.Hour)
		})},
		{"failed of one day", f(func(f *catalog.Filter) {
			f.State, f.UpdatedFrom, f.UpdatedTo = catalog.StateFailed, at.Add(-100*time.Hour), at.Add(-76*time.Hour)
		})},
	}
}

// BenchmarkListing measures pages of a million rows: the first one, and one from the middle. With CATALOG_PLANS=FILE it
// writes the plans there.
func BenchmarkListing(b *testing.B) {
	s := openTest(b, postgrestest.Start(b).Database(b, "bench"))
	require.NoError(b, s.Migrate(b.Context()))
	at := time.Now()
	b.Logf("%.0f rows/s while loading", load(b, s, million, 20_000, at))
	_, err := s.primary.Exec(b.Context(), "VACUUM ANALYZE documents")
	require.NoError(b, err)
	plans := &strings.Builder{}
	for _, shape := range shapes(at) {
		page, err := s.Documents(b.Context(), shape.filter, catalog.Page{})
		require.NoError(b, err)
		pages := map[string]string{"first page": ""}
		if page.Next != "" {
			pages["later page"] = later(b, s, shape.filter, at)
		}
		for which, after := range pages {
			b.Run(shape.name+"/"+which, func(b *testing.B) {
				times := []time.Duration{}
				for b.Loop() {
					began := time.Now()
					_, err := s.Documents(b.Context(), shape.filter, catalog.Page{After: after})
					require.NoError(b, err)
					times = append(times, time.Since(began))
				}
				slices.Sort(times)
				b.ReportMetric(times[len(times)*95/100].Seconds()*1000, "p95-ms")
			})
		}
		fmt.Fprintf(plans, "## %s\n%s\n", shape.name, explain(b, s, shape.filter))
	}
	if path := os.Getenv("CATALOG_PLANS"); path != "" {
		require.NoError(b, os.WriteFile(path, []byte(plans.String()), 0o644))
	}
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Counts(b.Context(), library)
			require.NoError(b, err)
		}
	})
	b.Run("document", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Document(b.Context(), library, "manual-0012345#3")
			require.NoError(b, err)
		}
	})
	b.Run("ten thousand keys", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Keys(b.Context(), library, "manual-05", 10_000)
			require.NoError(b, err)
		}
	})
}

// later gives a cursor in the middle of a listing.
func later(b *testing.B, s *Store, f catalog.Filter, at time.Time) string {
	b.Helper()
	c := catalog.Cursor{Kind: catalog.CursorNewest, At: at.Add(-15 * 24 * time.Hour), Key: "m"}
	if f.Order == catalog.ByID {
		c = catalog.Cursor{Kind: catalog.CursorByID, Key: "manual-0500000"}
	}
	_, err := s.Documents(b.Context(), f, catalog.Page{After: c.String()})
	require.NoError(b, err)
	return c.String()
}

// explain gives the plan of a first page.
func explain(b *testing.B, s *Store, f catalog.Filter) string {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	no, _, err := indexNo(ctx, s.primary, f.Index)
	require.NoError(b, err)
	sql, args := listing(no, f, nil, catalog.DefaultPage)
	rows, err := s.primary.Query(ctx, "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) "+sql, args...)
	require.NoError(b, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return strings.Join(lines, "\n")
}

// BenchmarkSearchLog appends searches, and ranks the queries of a month of a million.
func BenchmarkSearchLog(b *testing.B) {
	s := openTest(b, postgrestest.Start(b).Database(b, "bench"))
	require.NoError(b, s.Migrate(b.Context()))
	now := time.Now()
	random := rand.New(rand.NewPCG(1, 2))
	var took time.Duration
	for range 100 {
		events := make([]catalog.SearchEvent, million/100)
		for i := range events {
			events[i] = catalog.SearchEvent{
				At: now.Add(-time.Duration(random.Int64N(int64(28 * 24 * time.Hour)))), Index: library, Mode: "hybrid",
				Query: fmt.Sprint("query ", int(random.ExpFloat64()*1000)),
				Took:  time.Duration(random.IntN(20_000)) * time.Microsecond, Total: 10, Hits: 10, ZeroHits: random.IntN(20) == 0,
			}
		}
		began := time.Now()
		require.NoError(b, s.AppendSearches(b.Context(), events))
		took += time.Since(began)
	}
	b.Logf("%.0f events/s while loading", million/took.Seconds())
	_, err := s.primary.Exec(b.Context(), "VACUUM ANALYZE searches")
	require.NoError(b, err)
	for name, span := range map[string]catalog.Span{
		"day":   {Index: library, From: now.AddDate(0, 0, -1), To: now},
		"month": {Index: library, From: now.AddDate(0, 0, -30), To: now},
	} {
		for what, f := range map[string]func() error{
			"top":     func() error { _, err := s.TopQueries(b.Context(), span, 10); return err },
			"zero":    func() error { _, err := s.ZeroHitQueries(b.Context(), span, 10); return err },
			"latency": func() error { _, err := s.Latency(b.Context(), span); return err },
			"volume":  func() error { _, err := s.Volume(b.Context(), span, catalog.Daily); return err },
		} {
			b.Run(what+" of a "+name, func(b *testing.B) {
				for b.Loop() {
					require.NoError(b, f())
				}
			})
		}
	}
}
