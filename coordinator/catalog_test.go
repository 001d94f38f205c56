package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/catalog"
	"sagasu/internal/catalog/sqlite"
	"sagasu/shard/replica"
)

func value(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	require.NoError(t, c.Write(&m))
	return m.GetCounter().GetValue()
}

func TestCatalogIsOpenedLater(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	cfg.SearchLog = 1
	var mu sync.Mutex
	broken := true
	cfg.OpenCatalog = func(ctx context.Context) (catalog.Catalog, error) {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			return nil, &catalog.UnavailableError{Reason: catalog.ReasonFull, Err: errors.New("no space left")}
		}
		conf := sqlite.Default()
		conf.Path = filepath.Join(dir, "catalog.db")
		store, err := sqlite.Open(ctx, conf)
		if err != nil {
			return nil, err
		}
		return store, nil
	}
	n, err := Open(testContext(t), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, n.Close()) }()
	require.NoError(t, n.Ready(testContext(t)), "a catalog that is away is no reason not to serve")
	createIndex(t, n, "papers")
	writeText(t, n, "papers", "a", "earthquake")
	schema := testSchema(t)
	req, err := api.ParseSearchRequest(&schema, []byte(`{"query":"earthquake"}`))
	require.NoError(t, err)
	_, err = n.Search(testContext(t), "papers", req)
	require.NoError(t, err)
	n.Audit(api.AuditEvent{At: time.Now(), Action: "index.create", Target: "papers", Outcome: "201", Detail: "a\x00\xff"})

	_, err = n.ListDocuments(testContext(t), "papers", api.DocumentFilter{})
	var p *api.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, 503, p.Status)
	require.Contains(t, p.Detail, "full: no space left")
	status, err := n.DocumentStatus(testContext(t), "papers", "a")
	require.NoError(t, err)
	require.NotZero(t, status.Version)
	require.Contains(t, status.CatalogTrouble, "no space left")

	mu.Lock()
	broken = false
	mu.Unlock()
	eventually := func(what string, is func() bool) {
		t.Helper()
		for ctx := testContext(t); !is(); {
			select {
			case <-n.cfg.After(loopEvery / 50):
			case <-ctx.Done():
				require.Fail(t, "never happened: "+what)
			}
		}
	}
	eventually("the document is known", func() bool {
		page, err := n.ListDocuments(testContext(t), "papers", api.DocumentFilter{})
		return err == nil && len(page.Documents) == 1
	})
	eventually("the search is known", func() bool {
		now := time.Now()
		report, err := n.Report(testContext(t), api.ReportRequest{
			Kind: api.ReportTopQueries, Index: "papers", From: now.Add(-time.Hour), To: now.Add(time.Hour), Limit: 10,
		})
		require.NoError(t, err)
		return len(report.Queries) == 1 && report.Queries[0].Query == "earthquake"
	})
	eventually("the change is known", func() bool {
		list, err := n.Audits(testContext(t), api.AuditFilter{Limit: 10})
		require.NoError(t, err)
		return len(list.Events) == 1 && list.Events[0].Detail == "a\uFFFD\uFFFD"
	})
	counts, err := n.CatalogStatus(testContext(t), "papers")
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"indexed": 1}, counts.Documents)
	require.Zero(t, counts.LagVersions)
	require.Len(t, counts.Shards, 1)
	for _, kind := range []string{api.ReportZeroHits, api.ReportLatency, api.ReportVolume} {
		_, err := n.Report(testContext(t), api.ReportRequest{Kind: kind, From: time.Now().Add(-time.Hour), To: time.Now()})
		require.NoError(t, err, kind)
	}
	_, err = n.ListDocuments(testContext(t), "papers", api.DocumentFilter{State: "lost"})
	require.ErrorContains(t, err, "must be received, indexed")
	_, err = n.ListDocuments(testContext(t), "papers", api.DocumentFilter{After: "nonsense"})
	require.ErrorAs(t, err, &p)
	require.Equal(t, 400, p.Status)
	_, err = n.DocumentStatus(testContext(t), "papers", "none")
	require.ErrorIs(t, err, api.ErrDocumentNotFound)

	uuid := n.meta.View().Indexes()[0].UUID
	require.NoError(t, n.DeleteIndex(testContext(t), "papers"))
	eventually("the catalog has dropped the index", func() bool {
		c, err := n.catalog()
		require.NoError(t, err)
		keys, err := c.Keys(testContext(t), uuid, "", 10)
		require.NoError(t, err)
		return len(keys) == 0
	})
}

func TestEventLog(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.After = func(time.Duration) <-chan time.Time {
		now := make(chan time.Time)
		close(now)
		return now
	}
	t.Run("what is too much is dropped and counted", func(t *testing.T) {
		l, err := newEventLog(&cfg, "a_log", "things", 3, func(context.Context, catalog.Catalog, []int) error { return nil })
		require.NoError(t, err)
		defer l.close()
		for i := range 5 {
			l.add(i)
		}
		require.InDelta(t, 2, value(t, l.dropped), 0)
	})
	t.Run("a catalog that is away gets all later", func(t *testing.T) {
		var got []int
		l, err := newEventLog(&cfg, "b_log", "things", 100, func(_ context.Context, _ catalog.Catalog, e []int) error {
			got = append(got, e...)
			return nil
		})
		require.NoError(t, err)
		defer l.close()
		for i := range 50 {
			l.add(i)
		}
		ctx, cancel := context.WithCancel(testContext(t))
		asked := 0
		l.run(ctx, func() (catalog.Catalog, error) {
			if asked++; asked < 4 {
				return nil, &catalog.UnavailableError{Reason: catalog.ReasonConnection, Err: errors.New("refused")}
			}
			if len(l.queue) == 0 {
				cancel()
			}
			return nil, nil
		})
		require.Len(t, got, 50)
		require.InDelta(t, 50, value(t, l.written), 0)
	})
	t.Run("what it never takes is dropped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(testContext(t))
		l, err := newEventLog(&cfg, "c_log", "things", 100, func(context.Context, catalog.Catalog, []int) error {
			cancel()
			return catalog.ErrInvalid
		})
		require.NoError(t, err)
		defer l.close()
		l.add(1)
		l.run(ctx, func() (catalog.Catalog, error) { return nil, nil })
		require.InDelta(t, 1, value(t, l.dropped), 0)
	})
}

func TestLedgerEntry(t *testing.T) {
	at := time.Unix(1, 2)
	got := ledgerEntry(&replica.LedgerEntry{
		ID: "a", Version: 7, State: replica.LedgerFailed, Reason: "too\x00long", Truncated: true, Index: 9, At: at,
		Source: []byte(`{"text":"x","source":"files/日本.md"}`),
	})
	require.Equal(t, catalog.Entry{
		ID: "a", Version: 7, State: catalog.StateFailed, Error: "too\uFFFDlong", Truncated: true, Sequence: 9, At: at,
		Source: "files/日本.md", Bytes: 39, Checksum: got.Checksum,
	}, got)
	require.Len(t, got.Checksum, 32)
	for state, want := range map[replica.LedgerState]catalog.State{
		replica.LedgerIndexed: catalog.StateIndexed, replica.LedgerEmbedded: catalog.StateEmbedded,
		replica.LedgerDeleted: catalog.StateDeleted,
	} {
		require.Equal(t, want, ledgerEntry(&replica.LedgerEntry{ID: "a", State: state}).State)
	}
	for source, want := range map[string]string{
		`{"source":"a"}`: "a", `{"source":7}`: "", `{"text":"\"source\":\"a\""}`: "", `{"x":{"source":"a"}}`: "",
		`{"source":["a"]}`: "", `{}`: "",
	} {
		require.Equal(t, want, sourceOf([]byte(source)), source)
	}
}

func TestBefore(t *testing.T) {
	for _, id := range []string{"a", "d10", "文書", "x\x00", "a/b", "\x01"} {
		got := before(id)
		require.Less(t, got, id)
		// Ids that come before stay before.
		for _, other := range []string{id[:len(id)-1], "Z", ""} {
			if other < id && other != got {
				require.LessOrEqual(t, other, got)
			}
		}
	}
}

func BenchmarkLogSearch(b *testing.B) {
	cfg := Default()
	cfg.Logger, cfg.Registry = slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	k := &catalogKeeper{share: 1 << 32}
	var err error
	k.searches, err = newEventLog(&cfg, "search_log", "searches", searchLogQueue,
		func(context.Context, catalog.Catalog, []catalog.SearchEvent) error { return nil })
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { k.searches.run(ctx, func() (catalog.Catalog, error) { return nil, nil }) })
	l := &layout{}
	l.UUID = "u"
	req, answer := &api.SearchRequest{Asked: "early warning", Mode: api.ModeHybrid}, &api.SearchResponse{TookMS: 1.5}
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		k.logSearch(l, req, answer, at)
	}
	cancel()
	running.Wait()
}

// sharedCatalog is one that several nodes have, and none closes.
type sharedCatalog struct{ catalog.Catalog }

func (sharedCatalog) Close() error { return nil }

func TestCatalogTellsOfJobs(t *testing.T) {
	conf := sqlite.Default()
	conf.Path = filepath.Join(t.TempDir(), "catalog.db")
	store, err := sqlite.Open(testContext(t), conf)
	require.NoError(t, err)
	c := newClusterOf(t, func(cfg *Config) {
		cfg.OpenCatalog = func(context.Context) (catalog.Catalog, error) { return sharedCatalog{store}, nil }
	}, "a", "b", "c")
	a, b := c.nodes["a"], c.nodes["b"]
	_, err = a.CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{Shards: 1, Replicas: 1})
	require.NoError(t, err)
	o, err := b.StartJob(testContext(t), "papers", "r1", strings.NewReader(
		`{"id":"a","text":"x"}`+"\n"+`{"id":"b","nope":1}`+"\n"+`{bad`+"\n"))
	require.NoError(t, err)
	c.await("the catalog has the job", func() bool {
		job, err := store.Job(testContext(t), o.ID)
		noted, _ := a.meta.View().Operation(o.ID)
		return err == nil && job.State == "done" && job.Failed == 2 && noted.State.Ended()
	})
	require.NoError(t, b.jobs.Forget(o.ID))
	page, err := a.OperationErrors(testContext(t), o.ID, 0, 1)
	require.NoError(t, err)
	require.Equal(t, api.FromCatalog, page.From)
	require.EqualValues(t, 2, page.Next)
	require.Equal(t, "line 2.nope: is no field of the index", page.Errors[0].Error.Detail)

	c.close("b")
	told, err := a.Operation(testContext(t), o.ID)
	require.NoError(t, err)
	require.Equal(t, api.FromCatalog, told.Job.From)
	require.EqualValues(t, 3, told.Job.Items)
	page, err = a.OperationErrors(testContext(t), o.ID, 2, 10)
	require.NoError(t, err)
	require.Len(t, page.Errors, 1)
	require.Zero(t, page.Next)

	// What the metadata do not know any more, the catalog does.
	at := time.Now()
	require.NoError(t, store.PutJob(testContext(t), catalog.Job{
		ID: "bulk-old", Kind: "bulk", State: "done", Node: "z", Index: a.meta.View().Indexes()[0].UUID, Total: 5, Done: 4,
		Failed: 1, CreatedAt: at, UpdatedAt: at, EndedAt: at,
	}))
	told, err = a.Operation(testContext(t), "bulk-old")
	require.NoError(t, err)
	require.Equal(t, "papers", told.Index)
	require.EqualValues(t, 5, told.Done)
	_, err = a.Operation(testContext(t), "bulk-older")
	require.ErrorContains(t, err, "no operation")
}

func TestCatalogProblemNamesTheParameter(t *testing.T) {
	for parameter, err := range map[string]error{
		"q":      catalog.Filter{Index: "i", Text: "\x00"}.Check(),
		"parent": catalog.Filter{Index: "i", Parent: "\xff"}.Check(),
		"target": catalog.AuditFilter{Target: "\x00"}.Check(),
	} {
		t.Run(parameter, func(t *testing.T) {
			var problem *api.Problem
			require.ErrorAs(t, catalogProblem(fmt.Errorf("list: %w", err)), &problem)
			require.Equal(t, 400, problem.Status)
			require.Equal(t, parameter, problem.Field)
			require.Contains(t, problem.Detail, "UTF-8")
		})
	}
}
