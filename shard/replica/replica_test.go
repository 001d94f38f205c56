package replica

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
	"sagasu/sparse"
	"sagasu/sparse/analysis"
)

// testTimeout ends a test that hangs; no verdict depends on it otherwise.
const testTimeout = 30 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func textSchema() api.Schema {
	return api.Schema{Fields: map[string]api.Field{
		"text": {Type: api.TypeText, Analyzer: "standard"}, "lang": {Type: api.TypeKeyword},
	}}
}

func denseSchema() api.Schema {
	s := textSchema()
	s.Dense = &api.DenseConfig{Dims: 4, Fields: []string{"text"}}
	return s
}

func testConfig(dir string, schema api.Schema) Config {
	cfg := Default()
	cfg.Dir, cfg.Name, cfg.Schema = dir, "papers", schema
	cfg.Analyzers = analysis.NewRegistry()
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Registry = prometheus.NewRegistry()
	return cfg
}

func openReplica(t testing.TB, cfg Config) *Replica {
	t.Helper()
	r, err := Open(cfg)
	require.NoError(t, err)
	require.NoError(t, r.Ready(testContext(t)))
	return r
}

// put makes an index operation of a document with one text.
func put(id, text string) api.Write {
	return api.Write{Kind: api.OpIndex, Doc: api.Document{
		ID:     id,
		Values: []api.Value{{Field: "text", Strings: []string{text}}},
		Source: fmt.Appendf(nil, `{"text":%q}`, text),
	}}
}

func remove(id string) api.Write {
	return api.Write{Kind: api.OpDelete, Doc: api.Document{ID: id}}
}

func mustWrite(t testing.TB, r *Replica, writes ...api.Write) []api.WriteResult {
	t.Helper()
	results, err := write(testContext(t), r, writes...)
	require.NoError(t, err)
	require.Len(t, results, len(writes))
	return results
}

// write is a request of its own.
func write(ctx context.Context, r *Replica, writes ...api.Write) ([]api.WriteResult, error) {
	id, err := NewRequestID()
	if err != nil {
		return nil, err
	}
	results, _, err := r.Write(ctx, id, writes)
	return results, err
}

func match(text string) api.Query {
	return &api.Match{
		Fields: []api.FieldBoost{{Field: "text", Boost: 1}}, Text: text, Operator: api.OperatorAnd, Boost: 1,
	}
}

func find(t testing.TB, r *Replica, text string) []string {
	t.Helper()
	top, _, err := r.SearchSparse(testContext(t), sparse.Request{Query: match(text), K: 100}, nil)
	require.NoError(t, err)
	ids := []string{}
	for _, h := range top.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

// value reads a counter or a gauge.
func value(t testing.TB, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	require.NoError(t, m.Write(&out))
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}

func TestWrite(t *testing.T) {
	t.Run("is visible on return", func(t *testing.T) {
		r := openReplica(t, testConfig(t.TempDir(), textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		got := mustWrite(t, r, put("a", "earthquake warning"), put("b", "volcano warning"), put("a", "tsunami"))
		require.Equal(t, api.StatusCreated, got[0].Status)
		require.Equal(t, api.StatusUpdated, got[2].Status)
		require.Equal(t, []string{"b"}, find(t, r, "warning"))
		require.Equal(t, []string{"a"}, find(t, r, "tsunami"))
		require.Equal(t, api.StatusDeleted, mustWrite(t, r, remove("a"))[0].Status)
		require.Empty(t, find(t, r, "tsunami"))
		require.Equal(t, api.StatusNotFound, mustWrite(t, r, remove("a"))[0].Status)
		n, err := r.Count(testContext(t), nil)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	})
	t.Run("keeps its order across entries", func(t *testing.T) {
		r := openReplica(t, testConfig(t.TempDir(), textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		writes := make([]api.Write, 0, 2*maxEntryWrites+10)
		for i := range cap(writes) {
			writes = append(writes, put("same", fmt.Sprintf("number%d", i)))
		}
		got := mustWrite(t, r, writes...)
		require.Less(t, got[0].Version, got[len(got)-1].Version)
		require.Equal(t, []string{"same"}, find(t, r, fmt.Sprintf("number%d", len(writes)-1)))
		require.InDelta(t, 3, value(t, r.metrics.entries), 0)
	})
	t.Run("refuses what could not be applied", func(t *testing.T) {
		r := openReplica(t, testConfig(t.TempDir(), textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		withVector := put("a", "b")
		withVector.Doc.Vector = []float32{1}
		for _, w := range []api.Write{{Kind: 9, Doc: api.Document{ID: "a"}}, put("", "b"), put("\xff", "b"), withVector} {
			_, err := write(testContext(t), r, put("ok", "fine"), w)
			require.ErrorIs(t, err, ErrWrite)
		}
		require.Empty(t, find(t, r, "fine"), "nothing is half applied")
	})
	t.Run("after close", func(t *testing.T) {
		r := openReplica(t, testConfig(t.TempDir(), textSchema()))
		require.NoError(t, r.Close())
		_, err := write(testContext(t), r, put("a", "b"))
		require.ErrorIs(t, err, ErrClosed)
	})
}

func TestGroupCommit(t *testing.T) {
	r := openReplica(t, testConfig(t.TempDir(), textSchema()))
	defer func() { require.NoError(t, r.Close()) }()
	const writers, each = 64, 8
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := write(testContext(t), r, put(fmt.Sprintf("%d-%d", w, i), "shared words")); err != nil {
					errs[w] = err
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	n, err := r.Count(testContext(t), match("shared"))
	require.NoError(t, err)
	require.Equal(t, writers*each, n)
	require.InDelta(t, writers*each, value(t, r.metrics.writes), 0)
	entries := value(t, r.metrics.entries)
	t.Logf("%d writes in %.0f log entries", writers*each, entries)
	require.Less(t, entries, float64(writers*each))
}

func TestConditionalWrites(t *testing.T) {
	r := openReplica(t, testConfig(t.TempDir(), textSchema()))
	defer func() { require.NoError(t, r.Close()) }()
	version := uint64(0)
	for range 5 {
		const writers = 16
		results := make([]api.WriteResult, writers)
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				w := put("doc", fmt.Sprintf("writer%d", i))
				w.IfVersion = &version
				got, err := write(testContext(t), r, w)
				if errs[i] = err; err == nil {
					results[i] = got[0]
				}
			})
		}
		wg.Wait()
		won, next := 0, uint64(0)
		for i, res := range results {
			require.NoError(t, errs[i])
			if res.Status != api.StatusConflict {
				won++
				next = res.Version
				require.Equal(t, []string{"doc"}, find(t, r, fmt.Sprintf("writer%d", i)))
				continue
			}
			require.NotZero(t, res.Version, "a conflict tells the present version")
		}
		require.Equal(t, 1, won)
		version = next
	}
}

func TestOpen(t *testing.T) {
	t.Run("a second time is refused and names the directory", func(t *testing.T) {
		dir := t.TempDir()
		r := openReplica(t, testConfig(dir, textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		_, err := Open(testConfig(dir, textSchema()))
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.ErrorContains(t, err, dir)
	})
	t.Run("a wrong configuration is named", func(t *testing.T) {
		_, err := Open(Config{})
		require.ErrorContains(t, err, "Dir is not set")
		require.ErrorContains(t, err, "Analyzers is not set")
	})
	t.Run("again replays what is not in the indexes", func(t *testing.T) {
		dir := t.TempDir()
		r := openReplica(t, testConfig(dir, textSchema()))
		mustWrite(t, r, put("a", "first"))
		mustWrite(t, r, put("b", "second"))
		hash := r.machine.Hash()
		require.NoError(t, r.Close())
		for range 2 {
			r = openReplica(t, testConfig(dir, textSchema()))
			require.Equal(t, hash, r.machine.Hash())
			require.Equal(t, []string{"b"}, find(t, r, "second"))
			require.NoError(t, r.Close())
		}
	})
	t.Run("replays only the tail after a flush", func(t *testing.T) {
		dir := t.TempDir()
		r := openReplica(t, testConfig(dir, textSchema()))
		for i := range 20 {
			mustWrite(t, r, put(fmt.Sprint(i), "before"))
		}
		_, err := r.machine.Persist(testContext(t))
		require.NoError(t, err)
		for i := range 3 {
			mustWrite(t, r, put(fmt.Sprint(i), "after"))
		}
		require.NoError(t, r.Close())
		r = openReplica(t, testConfig(dir, textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		require.Equal(t, uint64(3), r.AppliedEntries())
		require.Len(t, find(t, r, "after"), 3)
		require.Len(t, find(t, r, "before"), 17)
	})
}
