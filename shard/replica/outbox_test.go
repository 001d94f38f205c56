package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/embedclient"
)

// scriptedEmbedder points a text at a direction by its first word, and fails as it is told.
type scriptedEmbedder struct {
	mu sync.Mutex
	// fail is asked before each call; nil never fails.
	fail func(texts []string) error
	// hold, if not nil, makes each call wait until it is closed or the call's context ends.
	hold  chan struct{}
	calls int
}

func (e *scriptedEmbedder) Embed(ctx context.Context, _ embedclient.Kind, texts []string) ([][]float32, error) {
	e.mu.Lock()
	fail, hold := e.fail, e.hold
	e.calls++
	e.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var failure error
	if fail != nil {
		failure = fail(texts)
		var batch *embedclient.BatchError
		if failure != nil && !errors.As(failure, &batch) {
			return nil, failure
		}
	}
	out := make([][]float32, len(texts))
	for i, t := range texts {
		out[i] = direction(t)
	}
	return out, failure
}

func (e *scriptedEmbedder) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}

func (e *scriptedEmbedder) set(fail func(texts []string) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail = fail
}

// direction gives the unit vector of north, east, south or west.
func direction(text string) []float32 {
	v := make([]float32, 4)
	for i, name := range []string{"north", "east", "south", "west"} {
		if strings.HasPrefix(text, name) {
			v[i] = 1
			return v
		}
	}
	v[3] = 0.5
	return v
}

func denseReplica(t *testing.T, e embedclient.Embedder) *Replica {
	t.Helper()
	cfg := testConfig(t.TempDir(), denseSchema())
	cfg.Embedder = serve(e)
	r := openReplica(t, cfg)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// serve is a service that has every model.
func serve(e embedclient.Embedder) func(string) (embedclient.Embedder, error) {
	return func(string) (embedclient.Embedder, error) { return e, nil }
}

func waitDense(t *testing.T, r *Replica, results []api.WriteResult) {
	t.Helper()
	require.NoError(t, r.WaitDense(testContext(t), results[len(results)-1].Version))
}

func nearest(t *testing.T, r *Replica, name string, k int, filter api.Query) []string {
	t.Helper()
	res, err := r.SearchDense(testContext(t), DenseRequest{Vector: direction(name), K: k, Filter: filter})
	require.NoError(t, err)
	ids := []string{}
	for _, h := range res.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

func TestDenseWorker(t *testing.T) {
	t.Run("embeds what was written", func(t *testing.T) {
		r := denseReplica(t, &scriptedEmbedder{})
		writes := []api.Write{}
		for i := range 3 * maxEmbedTexts {
			writes = append(writes, put(fmt.Sprintf("e%03d", i), "east of it"))
		}
		waitDense(t, r, mustWrite(t, r, append(writes, put("n", "north of it"))...))
		require.Equal(t, "n", nearest(t, r, "north", 1, nil)[0])
		require.Zero(t, r.DenseLag())
	})
	t.Run("takes the vectors that clients bring", func(t *testing.T) {
		e := &scriptedEmbedder{}
		r := denseReplica(t, e)
		w := put("s", "no direction")
		w.Doc.Vector = direction("south")
		waitDense(t, r, mustWrite(t, r, w))
		require.Equal(t, []string{"s"}, nearest(t, r, "south", 1, nil))
		require.Zero(t, e.calls)
	})
	t.Run("accepts writes while the service is down, and catches up", func(t *testing.T) {
		e := &scriptedEmbedder{fail: func([]string) error { return embedclient.ErrUnavailable }}
		r := denseReplica(t, e)
		results := mustWrite(t, r, put("n", "north"), put("e", "east"))
		require.Equal(t, []string{"n"}, find(t, r, "north"))
		require.Equal(t, 2, r.DenseLag())
		require.Empty(t, nearest(t, r, "north", 1, nil))
		e.set(nil)
		waitDense(t, r, results)
		require.Equal(t, []string{"n"}, nearest(t, r, "north", 1, nil))
	})
	t.Run("records a rejected text and goes on", func(t *testing.T) {
		e := &scriptedEmbedder{fail: func(texts []string) error {
			if strings.Contains(strings.Join(texts, " "), "poison") {
				return fmt.Errorf("text too long: %w", embedclient.ErrRejected)
			}
			return nil
		}}
		r := denseReplica(t, e)
		results := mustWrite(t, r, put("a", "north a"), put("bad", "east poison"), put("c", "east c"))
		waitDense(t, r, results)
		failures, err := r.DenseFailures(0)
		require.NoError(t, err)
		require.Len(t, failures.List, 1)
		require.Equal(t, "bad", failures.List[0].ID)
		require.Contains(t, failures.List[0].Reason, "text too long")
		require.Equal(t, []string{"c", "a"}, nearest(t, r, "east", 3, nil))

		e.set(nil)
		require.NoError(t, r.RetryDense(testContext(t), 0))
		require.Eventually(t, func() bool { f, _ := r.DenseFailures(0); return len(f.List) == 0 }, testTimeout,
			minBackoff/20)
		require.Equal(t, []string{"bad", "c"}, nearest(t, r, "east", 2, nil))
	})
	t.Run("a rejection inside a batch names its text", func(t *testing.T) {
		e := &scriptedEmbedder{}
		e.set(func(texts []string) error {
			errs := make([]error, len(texts))
			for i, text := range texts {
				if strings.Contains(text, "poison") {
					errs[i] = embedclient.ErrRejected
				}
			}
			if errors.Join(errs...) == nil {
				return nil
			}
			return &embedclient.BatchError{Errs: errs}
		})
		values, reasons, err := embedTexts(testContext(t), e, []string{"north", "poison"})
		require.NoError(t, err)
		require.Equal(t, direction("north"), values[0])
		require.NoError(t, reasons[0])
		require.ErrorIs(t, reasons[1], embedclient.ErrRejected)
	})
	t.Run("a hanging service does not keep the replica from closing", func(t *testing.T) {
		cfg := testConfig(t.TempDir(), denseSchema())
		cfg.Embedder = serve(&scriptedEmbedder{hold: make(chan struct{})})
		r := openReplica(t, cfg)
		mustWrite(t, r, put("n", "north"))
		require.NoError(t, r.Close())
	})
	t.Run("a wait ends when its document is deleted", func(t *testing.T) {
		e := &scriptedEmbedder{fail: func([]string) error { return embedclient.ErrUnavailable }}
		r := denseReplica(t, e)
		results := mustWrite(t, r, put("n", "north"))
		done := make(chan error, 1)
		go func() { done <- r.WaitDense(testContext(t), results[0].Version) }()
		mustWrite(t, r, remove("n"))
		require.NoError(t, <-done)
	})
}

func TestStaleVectors(t *testing.T) {
	t.Run("a vector never answers for a new text", func(t *testing.T) {
		e := &scriptedEmbedder{}
		r := denseReplica(t, e)
		waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "north too"), put("c", "east")))
		e.set(func([]string) error { return embedclient.ErrUnavailable })
		mustWrite(t, r, put("a", "south now"))
		mustWrite(t, r, remove("b"))
		require.Equal(t, []string{"c"}, nearest(t, r, "north", 10, nil))
		require.Equal(t, 1, r.DenseLag())
	})
	t.Run("one that comes too late is dropped", func(t *testing.T) {
		e := &scriptedEmbedder{hold: make(chan struct{})}
		r := denseReplica(t, e)
		mustWrite(t, r, put("a", "north"))
		results := mustWrite(t, r, put("a", "south"))
		close(e.hold)
		waitDense(t, r, results)
		res, err := r.SearchDense(testContext(t), DenseRequest{Vector: direction("south"), K: 1})
		require.NoError(t, err)
		require.Equal(t, results[0].Version, res.Hits[0].Version)
		require.InDelta(t, 1, res.Hits[0].Score, 0.02)
	})
	t.Run("after a restart vectors are there and the worker goes on", func(t *testing.T) {
		cfg := testConfig(t.TempDir(), denseSchema())
		e := &scriptedEmbedder{}
		cfg.Embedder = serve(e)
		r := openReplica(t, cfg)
		waitDense(t, r, mustWrite(t, r, put("a", "north"), put("b", "east")))
		require.NoError(t, r.Close())
		calls := e.calls
		r = openReplica(t, cfg)
		defer func() { require.NoError(t, r.Close()) }()
		require.Equal(t, []string{"b"}, nearest(t, r, "east", 1, nil))
		require.Equal(t, calls, e.calls)
		waitDense(t, r, mustWrite(t, r, put("c", "west")))
		require.Equal(t, []string{"c"}, nearest(t, r, "west", 1, nil))
	})
}

func TestDenseFilter(t *testing.T) {
	r := denseReplica(t, &scriptedEmbedder{})
	waitDense(t, r, mustWrite(t, r, put("a", "north one"), put("b", "north two"), put("c", "east two")))
	require.Equal(t, []string{"b", "c"}, nearest(t, r, "north", 10, match("two")))

	t.Run("without a dense leg", func(t *testing.T) {
		r := openReplica(t, testConfig(t.TempDir(), textSchema()))
		defer func() { require.NoError(t, r.Close()) }()
		_, err := r.SearchDense(testContext(t), DenseRequest{Vector: direction("north"), K: 1})
		require.ErrorIs(t, err, ErrNoDense)
		require.ErrorIs(t, r.WaitDense(testContext(t), 1), ErrNoDense)
	})
}
