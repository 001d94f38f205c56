package embedclient

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// failing answers with a status until the n-th request.
func failing(status, until int) func(int, []string) fakeAnswer {
	return func(n int, _ []string) fakeAnswer {
		if n < until {
			return fakeAnswer{status: status, body: "out of order"}
		}
		return fakeAnswer{}
	}
}

func TestRetry(t *testing.T) {
	one := []string{"text"}
	run := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	run("server errors are retried with growing pauses", func(t *testing.T) {
		f := &fakeService{answer: failing(503, 3)}
		vectors, err := newFake(t, f, nil).Embed(t.Context(), Query, one)
		require.NoError(t, err)
		require.Equal(t, [][]float32{fakeVector("text")}, vectors)
		pauses := f.pauses()
		require.Len(t, pauses, 3)
		for i, pause := range pauses {
			require.GreaterOrEqual(t, pause, retryBase<<i/2)
			require.Less(t, pause, retryBase<<i)
		}
	})
	run("retries end", func(t *testing.T) {
		f := &fakeService{answer: failing(500, 99)}
		_, err := newFake(t, f, func(c *Config) { c.MaxRetries = 2 }).Embed(t.Context(), Query, one)
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, "status 500: out of order")
		require.Len(t, f.seen(), 3)
	})
	run("retry after seconds is obeyed", func(t *testing.T) {
		f := &fakeService{answer: func(n int, _ []string) fakeAnswer {
			return []fakeAnswer{{status: 429, retryAfter: "7"}, {}}[n]
		}}
		_, err := newFake(t, f, nil).Embed(t.Context(), Query, one)
		require.NoError(t, err)
		require.Equal(t, []time.Duration{7 * time.Second}, f.pauses())
	})
	run("retry after a date is obeyed", func(t *testing.T) {
		date := time.Now().Add(3 * time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
		f := &fakeService{answer: func(n int, _ []string) fakeAnswer {
			return []fakeAnswer{{status: 503, retryAfter: date}, {}}[n]
		}}
		_, err := newFake(t, f, nil).Embed(t.Context(), Query, one)
		require.NoError(t, err)
		require.Equal(t, []time.Duration{3 * time.Second}, f.pauses())
	})
	run("a pause beyond the deadline is not begun", func(t *testing.T) {
		f := &fakeService{answer: func(int, []string) fakeAnswer { return fakeAnswer{status: 429, retryAfter: "7"} }}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := newFake(t, f, nil).Embed(ctx, Query, one)
		require.ErrorIs(t, err, ErrUnavailable)
		require.Zero(t, time.Since(start))
	})
	run("permanent failures are not retried", func(t *testing.T) {
		for status, want := range map[int]error{
			400: ErrRejected, 413: ErrRejected, 422: ErrRejected, 418: ErrRejected,
			401: ErrUnavailable, 403: ErrUnavailable, 404: ErrUnavailable, 307: ErrUnavailable, 501: ErrUnavailable,
		} {
			f := &fakeService{answer: failing(status, 99)}
			_, err := newFake(t, f, nil).Embed(t.Context(), Passage, one)
			require.ErrorIs(t, err, want)
			require.ErrorContains(t, err, fmt.Sprint("status ", status))
			require.Len(t, f.seen(), 1, status)
		}
	})
	run("a malformed answer is not retried", func(t *testing.T) {
		f := &fakeService{answer: func(int, []string) fakeAnswer { return fakeAnswer{body: "<html>"} }}
		_, err := newFake(t, f, nil).Embed(t.Context(), Query, one)
		require.ErrorIs(t, err, ErrBadResponse)
		require.Len(t, f.seen(), 1)
	})
	run("a hanging service times out, and is asked again", func(t *testing.T) {
		f := &fakeService{answer: func(n int, _ []string) fakeAnswer {
			return []fakeAnswer{{after: time.Hour}, {}}[n]
		}}
		start := time.Now()
		_, err := newFake(t, f, nil).Embed(t.Context(), Query, one)
		require.NoError(t, err)
		require.InDelta(t, Default().QueryTimeout, time.Since(start), float64(retryBase))
	})
	run("retries are a tenth of the requests at most", func(t *testing.T) {
		flaky := func(_ int, texts []string) fakeAnswer { // fails often, never five times in a row
			if texts[0][0] == 'f' {
				return fakeAnswer{status: 503}
			}
			return fakeAnswer{}
		}
		f := &fakeService{answer: flaky}
		c := newFake(t, f, func(c *Config) { c.MaxRetries = 1 })
		for i := range 1000 {
			_, err := c.Embed(t.Context(), Passage, []string{fmt.Sprintf("%c%d", "fg"[i%2], i)})
			require.Equal(t, i%2 == 0, err != nil)
		}
		retries := len(f.seen()) - 1000
		require.InDelta(t, 50+retryReserve, retries, 2, "500 failed first attempts, 0.1 earned by each")
	})
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		f := &fakeService{answer: func(int, []string) fakeAnswer {
			if down {
				return fakeAnswer{err: ErrUnavailable}
			}
			return fakeAnswer{after: time.Second}
		}}
		reg := prometheus.NewRegistry()
		c := newFakeWith(t, f, func(c *Config) { c.MaxRetries = 0 }, reg)
		embed := func(text string) error {
			_, err := c.Embed(t.Context(), Query, []string{text})
			return err
		}
		for range breakerFailures {
			require.ErrorIs(t, embed("a"), ErrUnavailable)
		}
		require.InDelta(t, 2, value(t, c.metrics.breaker), 0)

		err := embed("a")
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, "circuit breaker open")
		require.Len(t, f.seen(), breakerFailures, "an open breaker sends nothing")

		time.Sleep(2 * breakerDelay)
		require.ErrorIs(t, embed("a"), ErrUnavailable)
		require.Len(t, f.seen(), breakerFailures+1, "one probe")
		require.ErrorContains(t, embed("a"), "circuit breaker open", "a failed probe opens it again")

		time.Sleep(2 * breakerDelay)
		down = false
		probe := make(chan error)
		go func() { probe <- embed("probe") }()
		synctest.Wait()
		require.InDelta(t, 1, value(t, c.metrics.breaker), 0)
		require.ErrorContains(t, embed("beside"), "circuit breaker open", "only one probe at a time")
		require.NoError(t, <-probe)
		require.InDelta(t, 0, value(t, c.metrics.breaker), 0)
		require.NoError(t, embed("a"))
		require.InDelta(t, 6, value(t, c.metrics.requests.WithLabelValues("query", "unavailable")), 0)
		require.InDelta(t, 3, value(t, c.metrics.requests.WithLabelValues("query", "breaker_open")), 0)
		require.InDelta(t, 2, value(t, c.metrics.requests.WithLabelValues("query", "ok")), 0)
	})
}

func TestRejectionsDoNotOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeService{answer: failing(400, 20)}
		c := newFake(t, f, nil)
		for range 20 {
			_, err := c.Embed(t.Context(), Query, []string{"x"})
			require.ErrorIs(t, err, ErrRejected)
		}
		_, err := c.Embed(t.Context(), Query, []string{"x"})
		require.NoError(t, err)
	})
}
