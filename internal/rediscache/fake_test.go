package rediscache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

// fakeServer keeps values in a map; its hook, if set, decides first.
type fakeServer struct {
	mu     sync.Mutex
	values map[string][]byte
	hook   func(ctx context.Context, what string) error
	calls  map[string]int
	// budgets are the times that calls had.
	budgets []time.Duration
	closed  bool
}

var errFake = errors.New("fake failure")

func newFakeServer() *fakeServer {
	return &fakeServer{values: map[string][]byte{}, calls: map[string]int{}}
}

func (f *fakeServer) begin(ctx context.Context, what string) error {
	f.mu.Lock()
	f.calls[what]++
	if deadline, ok := ctx.Deadline(); ok {
		f.budgets = append(f.budgets, time.Until(deadline))
	} else {
		f.budgets = append(f.budgets, -1)
	}
	hook := f.hook
	f.mu.Unlock()
	if hook != nil {
		return hook(ctx, what)
	}
	return nil
}

func (f *fakeServer) get(ctx context.Context, keys []string) ([][]byte, error) {
	if err := f.begin(ctx, "get"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([][]byte, len(keys))
	for i, key := range keys {
		out[i] = f.values[key]
	}
	return out, nil
}

func (f *fakeServer) set(ctx context.Context, entries []entry) error {
	if err := f.begin(ctx, "set"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range entries {
		f.values[e.key] = e.value
	}
	return nil
}

func (f *fakeServer) take(ctx context.Context, _ string, _, _ int64) (int64, error) {
	return 0, f.begin(ctx, "take")
}

func (f *fakeServer) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

func (f *fakeServer) behave(hook func(ctx context.Context, what string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

func (f *fakeServer) count(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[what]
}

// hang waits as a server that does not answer.
func hang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// testConfig is for a client of the addresses.
func testConfig(addresses ...string) Config {
	cfg := Default()
	cfg.Addresses, cfg.Logger, cfg.Registry = addresses, slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	return cfg
}

// connected makes a client of a fake, which has been found to answer.
func connected(t *testing.T, f *fakeServer) *Client {
	t.Helper()
	c, err := open(testConfig("fake:1"), func() (server, error) { return f, nil })
	require.NoError(t, err)
	t.Cleanup(c.Close)
	waitOpen(t, c)
	return c
}

func waitOpen(t *testing.T, c *Client) {
	t.Helper()
	require.Eventually(t, func() bool { return c.gate.open.Load() != nil }, 20*time.Second, time.Millisecond)
}

func newCache(t *testing.T, c *Client, localBytes int) *Cache {
	t.Helper()
	x, err := c.Cache(CacheConfig{Name: "things", TTL: time.Minute, LocalBytes: localBytes, MaxValue: 64 << 10})
	require.NoError(t, err)
	return x
}

// told gives the value of a counter or gauge.
func told(t *testing.T, c prometheus.Metric) float64 {
	t.Helper()
	var m dto.Metric
	require.NoError(t, c.Write(&m))
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}
