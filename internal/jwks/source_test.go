package jwks

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/auth"
)

// issuer publishes keys.
type issuer struct {
	mu     sync.Mutex
	body   string
	status int
	asked  atomic.Int64
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.asked.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Header().Set("Location", "http://127.0.0.1:1/")
	w.WriteHeader(i.status)
	_, _ = w.Write([]byte(i.body))
}

func (i *issuer) publish(t *testing.T, status int, ids ...string) {
	t.Helper()
	var keys []string
	for _, id := range ids {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		keys = append(keys, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, id,
			base64.RawURLEncoding.EncodeToString(public)))
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status, i.body = status, `{"keys":[`+strings.Join(keys, ",")+`]}`
}

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type fixture struct {
	*Source
	issuer *issuer
	clock  *clock
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{issuer: &issuer{}, clock: &clock{now: time.Unix(1_000_000, 0)}}
	server := httptest.NewServer(f.issuer)
	t.Cleanup(server.Close)
	cfg := Default()
	cfg.URL, cfg.Now, cfg.Logger = server.URL, f.clock.Now, slog.New(slog.DiscardHandler)
	var err error
	f.Source, err = New(cfg)
	require.NoError(t, err)
	return f
}

func (f *fixture) count(t *testing.T, id string) int {
	t.Helper()
	keys, err := f.Keys(context.Background(), id)
	require.NoError(t, err)
	return len(keys)
}

// settle waits for the fetch under way.
func (f *fixture) settle() {
	f.mu.Lock()
	fetching := f.fetching
	f.mu.Unlock()
	if fetching != nil {
		<-fetching
	}
}

func TestSource(t *testing.T) {
	t.Run("keys are fetched once, and again in the background when they are old", func(t *testing.T) {
		f := newFixture(t)
		f.issuer.publish(t, 200, "a", "b")
		require.Equal(t, 1, f.count(t, "a"))
		require.Equal(t, 2, f.count(t, ""))
		require.Equal(t, int64(1), f.issuer.asked.Load())
		f.clock.pass(f.cfg.Refresh)
		require.Equal(t, 1, f.count(t, "b"), "nobody waits")
		f.settle()
		require.Equal(t, int64(2), f.issuer.asked.Load())
	})
	t.Run("a storm of unknown keys is one fetch", func(t *testing.T) {
		f := newFixture(t)
		f.issuer.publish(t, 200, "a")
		require.Equal(t, 1, f.count(t, "a"))
		f.clock.pass(f.cfg.MinRefresh)
		var group sync.WaitGroup
		for i := range 200 {
			group.Go(func() {
				keys, err := f.Keys(context.Background(), fmt.Sprint("x", i))
				if err != nil || len(keys) > 0 {
					panic(fmt.Sprint(keys, err))
				}
			})
		}
		group.Wait()
		require.Equal(t, int64(2), f.issuer.asked.Load())
		require.Equal(t, 1, f.count(t, "a"))
	})
	t.Run("a new key is found at once, the old one is good for the overlap", func(t *testing.T) {
		f := newFixture(t)
		f.issuer.publish(t, 200, "a")
		require.Equal(t, 1, f.count(t, "a"))
		f.issuer.publish(t, 200, "b")
		f.clock.pass(f.cfg.MinRefresh)
		require.Equal(t, 1, f.count(t, "b"))
		require.Equal(t, 1, f.count(t, "a"))
		f.clock.pass(f.cfg.Refresh)
		require.Equal(t, 1, f.count(t, "b"))
		f.settle()
		require.Zero(t, f.count(t, "a"))
	})
	t.Run("while the address is away the keys stay, until they are too old", func(t *testing.T) {
		f := newFixture(t)
		f.issuer.publish(t, 200, "a")
		require.Equal(t, 1, f.count(t, "a"))
		f.issuer.publish(t, 503, "a")
		f.clock.pass(f.cfg.Refresh)
		require.Equal(t, 1, f.count(t, "a"))
		f.settle()
		require.Equal(t, 1, f.count(t, "a"))
		f.clock.pass(f.cfg.MaxAge)
		_, err := f.Keys(context.Background(), "a")
		require.ErrorIs(t, err, ErrNoKeys)
		f.issuer.publish(t, 200, "a")
		f.clock.pass(f.cfg.MinRefresh)
		require.Equal(t, 1, f.count(t, "a"))
	})
	t.Run("what is no set of keys is none", func(t *testing.T) {
		for _, c := range []struct {
			status int
			body   string
		}{{200, "x"}, {200, `{"keys":[]}`}, {302, "{}"}, {200, strings.Repeat(" ", auth.MaxKeySetBytes+1)}} {
			f := newFixture(t)
			f.issuer.status, f.issuer.body = c.status, c.body
			_, err := f.Keys(context.Background(), "a")
			require.ErrorIs(t, err, ErrNoKeys)
			require.Equal(t, int64(1), f.issuer.asked.Load(), "no redirect is followed")
		}
	})
	t.Run("who waits may leave", func(t *testing.T) {
		f := newFixture(t)
		f.issuer.mu.Lock()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := f.Keys(ctx, "a")
		require.ErrorIs(t, err, context.Canceled)
		f.issuer.status = 200
		f.issuer.mu.Unlock()
		f.settle()
	})
	t.Run("configurations that can't be", func(t *testing.T) {
		for _, change := range []func(*Config){
			func(c *Config) { c.URL = "" }, func(c *Config) { c.URL = "file:///etc/passwd" },
			func(c *Config) { c.URL = "http://sso.example/keys" }, func(c *Config) { c.MinRefresh = 0 },
			func(c *Config) { c.Client = nil }, func(c *Config) { c.MaxAge = 0 },
		} {
			cfg := Default()
			cfg.URL, cfg.Logger = "https://sso.example/keys", slog.New(slog.DiscardHandler)
			require.NoError(t, cfg.Validate())
			change(&cfg)
			_, err := New(cfg)
			require.ErrorIs(t, err, ErrConfig)
		}
	})
}
