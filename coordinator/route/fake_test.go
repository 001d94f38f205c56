package route

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/sparse"
)

// fakeReplica answers at once, or as its hook says.
type fakeReplica struct {
	node      string
	calls     atomic.Int64
	cancelled atomic.Int64
	mu        sync.Mutex
	hook      func(ctx context.Context, call Call) error
	mark      Mark
	last      Call
}

func (f *fakeReplica) does(hook func(ctx context.Context, call Call) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

func (f *fakeReplica) answer(ctx context.Context, call Call) (Mark, error) {
	f.calls.Add(1)
	f.mu.Lock()
	hook, mark := f.hook, f.mark
	f.last = call
	f.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, call); err != nil {
			if ctx.Err() != nil {
				f.cancelled.Add(1)
			}
			return Mark{}, err
		}
	}
	return mark, nil
}

func (f *fakeReplica) SearchSparse(
	ctx context.Context, call Call, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, Mark, error) {
	mark, err := f.answer(ctx, call)
	stats := sparse.Statistics{Terms: map[sparse.TermKey]uint64{}}
	for _, term := range want {
		stats.Terms[term] = 1
	}
	return sparse.TopDocs{Hits: []sparse.Hit{{ID: f.node}}, Total: req.K}, stats, mark, err
}

func (f *fakeReplica) SearchDense(
	ctx context.Context, call Call, req query.DenseRequest,
) (query.DenseResult, Mark, error) {
	mark, err := f.answer(ctx, call)
	return query.DenseResult{Total: req.K}, mark, err
}

func (f *fakeReplica) Fetch(ctx context.Context, call Call, ids []string) ([]sparse.Stored, Mark, error) {
	mark, err := f.answer(ctx, call)
	return []sparse.Stored{{ID: ids[0]}}, mark, err
}

func (f *fakeReplica) Count(ctx context.Context, call Call, _ api.Query) (int, Mark, error) {
	mark, err := f.answer(ctx, call)
	return 7, mark, err
}

func (f *fakeReplica) Statistics(
	ctx context.Context, call Call, terms []sparse.TermKey,
) (sparse.Statistics, Mark, error) {
	mark, err := f.answer(ctx, call)
	return sparse.Statistics{Terms: map[sparse.TermKey]uint64{terms[0]: 3}}, mark, err
}

func (f *fakeReplica) Current(ctx context.Context, call Call, ids []string, _ int) (query.Presence, Mark, error) {
	mark, err := f.answer(ctx, call)
	return query.Presence{Versions: make([]uint64, len(ids))}, mark, err
}

func (f *fakeReplica) SelectIDs(ctx context.Context, call Call, _ api.Query, _ int) ([]string, Mark, error) {
	mark, err := f.answer(ctx, call)
	return []string{f.node}, mark, err
}

func (f *fakeReplica) Position(ctx context.Context, call Call) (query.Position, Mark, error) {
	mark, err := f.answer(ctx, call)
	return query.Position{Version: 5}, mark, err
}

// errStale says that the call's epoch is too old.
type errStale uint64

func (e errStale) Error() string      { return fmt.Sprintf("the epoch is %d", uint64(e)) }
func (e errStale) StaleEpoch() uint64 { return uint64(e) }

func testConfig() Config {
	cfg := Default()
	random := rand.New(rand.NewPCG(3, 4))
	var mu sync.Mutex
	cfg.Rand = func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	cfg.Registry, cfg.Logger = prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	return cfg
}

// cluster is a router and one shard with copies on several nodes.
type cluster struct {
	router   *Router
	replicas []*fakeReplica
	view     ShardView
}

func newCluster(t testing.TB, copies int, change ...func(*Config)) *cluster {
	t.Helper()
	cfg := testConfig()
	for _, f := range change {
		f(&cfg)
	}
	router, err := New(cfg)
	require.NoError(t, err)
	c := &cluster{router: router, view: ShardView{ID: "s-0", Epoch: 4}}
	for i := range copies {
		r := &fakeReplica{node: fmt.Sprintf("n%d", i), mark: Mark{Epoch: 4}}
		c.replicas = append(c.replicas, r)
		c.view.Copies = append(c.view.Copies, Copy{Node: r.node, Replica: r})
	}
	return c
}

// search asks the shard and gives the node that answered.
func (c *cluster) search(ctx context.Context) (string, error) {
	top, _, err := c.router.Shard(c.view, 0).SearchSparse(ctx, sparse.Request{K: 1}, nil)
	if err != nil {
		return "", err
	}
	return top.Hits[0].ID, nil
}

// warm answers so many calls, each in that time, that the quantile is known.
func (c *cluster) warm(t testing.TB, took time.Duration) {
	t.Helper()
	for range 2 * minHedgeSamples {
		for _, r := range c.replicas {
			r.does(wait(took))
		}
		_, err := c.search(t.Context())
		require.NoError(t, err)
	}
	for _, r := range c.replicas {
		r.does(nil)
		r.calls.Store(0)
	}
}

// wait answers after that time.
func wait(d time.Duration) func(context.Context, Call) error {
	return func(ctx context.Context, _ Call) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func fail(err error) func(context.Context, Call) error {
	return func(context.Context, Call) error { return err }
}

// hang waits until the context is done.
func hang(ctx context.Context, _ Call) error {
	<-ctx.Done()
	return ctx.Err()
}

func counted(t testing.TB, c prometheus.Counter) int {
	t.Helper()
	var m dto.Metric
	require.NoError(t, c.Write(&m))
	return int(m.GetCounter().GetValue())
}

func (c *cluster) hedges(t testing.TB, result string) int {
	t.Helper()
	return counted(t, c.router.metrics.hedges.WithLabelValues(result))
}

func (c *cluster) retries(t testing.TB, reason string) int {
	t.Helper()
	return counted(t, c.router.metrics.retries.WithLabelValues(reason))
}
