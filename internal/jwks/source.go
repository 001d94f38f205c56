// Package jwks fetches the keys that an issuer of tokens publishes, from an address that is configured: never from one
// that a token names.
package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sagasu/internal/auth"
)

var (
	// ErrConfig is returned by New when something is missing or can't be.
	ErrConfig = errors.New("invalid source of keys")
	// ErrNoKeys is returned when the address never answered, or not for too long.
	ErrNoKeys = errors.New("the issuer's keys can't be had")
)

// Config configures a Source.
type Config struct {
	// URL is where the set of keys is: https, or http on this machine; anywhere with AllowHTTP, where nobody can put
	// keys of their own in between.
	URL       string
	AllowHTTP bool
	Client    *http.Client
	// Refresh is how old keys get before they are fetched again, in the background.
	Refresh time.Duration
	// MinRefresh is the least time between two fetches, whatever tokens name.
	MinRefresh time.Duration
	// Overlap is how long a key that is not published any more is good: tokens were signed with it just before.
	Overlap time.Duration
	// MaxAge is how long keys are good while the address does not answer.
	MaxAge time.Duration
	// Timeout bounds one fetch.
	Timeout time.Duration
	Now     func() time.Time
	Logger  *slog.Logger
}

// Default gives the defaults; URL and Logger are to be set.
func Default() Config {
	return Config{
		Client: newClient(), Refresh: 10 * time.Minute, MinRefresh: 30 * time.Second, Overlap: 5 * time.Minute,
		MaxAge: 24 * time.Hour, Timeout: 5 * time.Second, Now: time.Now,
	}
}

// newClient makes a client that goes nowhere else than it was told.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 4, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Validate returns ErrConfig naming what is missing or can't be.
func (c *Config) Validate() error {
	if c.Client == nil || c.Now == nil || c.Logger == nil {
		return fmt.Errorf("%w: client, clock and logger are required", ErrConfig)
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%w: %.200q is no https URL", ErrConfig, c.URL)
	}
	if u.Scheme == "http" && !c.AllowHTTP && !local(u.Hostname()) {
		return fmt.Errorf("%w: %.200q is http, over which anybody in between can put keys of their own", ErrConfig, c.URL)
	}
	if c.MinRefresh <= 0 || c.Refresh < c.MinRefresh || c.MaxAge < c.Refresh || c.Overlap < 0 || c.Timeout <= 0 {
		return fmt.Errorf("%w: MinRefresh %v, Refresh %v and MaxAge %v must ascend, Overlap %v and Timeout %v not be negative",
			ErrConfig, c.MinRefresh, c.Refresh, c.MaxAge, c.Overlap, c.Timeout)
	}
	return nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Source is an auth.KeySource of one address. It may be used concurrently.
type Source struct {
	cfg Config

	mu   sync.Mutex
	keys []published
	// succeeded and attempted are when keys were fetched last, and when that was tried.
	succeeded, attempted time.Time
	// fetching is closed when the fetch under way ends; nil if there is none.
	fetching chan struct{}
	err      error
}

var _ auth.KeySource = (*Source)(nil)

// published is a key and when the address had it last.
type published struct {
	auth.VerificationKey
	seen time.Time
}

// New makes a Source. It fetches nothing yet.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{cfg: cfg}, nil
}

// Keys implements auth.KeySource. A token that names a key which is not known has keys fetched again, at most once in
// MinRefresh; those that come meanwhile wait for the same fetch, or are refused.
func (s *Source) Keys(ctx context.Context, id string) ([]auth.VerificationKey, error) {
	found, wait := s.look(id)
	if len(found) > 0 || wait == nil {
		return s.answer(found)
	}
	select {
	case <-wait:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for keys of %s: %w", s.cfg.URL, ctx.Err())
	}
	found, _ = s.look(id)
	return s.answer(found)
}

func (s *Source) answer(found []auth.VerificationKey) ([]auth.VerificationKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) == 0 {
		return nil, fmt.Errorf("%w from %s: %w", ErrNoKeys, s.cfg.URL, s.err)
	}
	return found, nil
}

// look gives the known keys of an id, and the fetch to wait for if there are none. It begins a fetch if one is due.
func (s *Source) look(id string) (found []auth.VerificationKey, wait <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if !s.succeeded.IsZero() && now.Sub(s.succeeded) >= s.cfg.MaxAge {
		s.keys, s.err = nil, fmt.Errorf("the last fetch that succeeded was at %s", s.succeeded.Format(time.RFC3339))
	}
	var all []auth.VerificationKey
	for _, k := range s.keys {
		all = append(all, k.VerificationKey)
	}
	found = auth.KeysOf(all, id)
	stale := now.Sub(s.succeeded) >= s.cfg.Refresh
	if (stale || len(found) == 0) && s.fetching == nil && now.Sub(s.attempted) >= s.cfg.MinRefresh {
		s.attempted = now
		s.fetching = make(chan struct{})
		go s.fetch(now)
	}
	if len(found) > 0 || s.fetching == nil {
		return found, nil
	}
	return nil, s.fetching
}

// fetch gets the keys and takes them.
func (s *Source) fetch(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
	defer cancel()
	keys, err := s.get(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		close(s.fetching)
		s.fetching = nil
	}()
	if s.err = err; err != nil {
		s.cfg.Logger.Warn("fetch keys of an issuer", "url", s.cfg.URL, "error", err)
		return
	}
	s.succeeded = now
	kept := make([]published, 0, len(keys))
	for _, k := range keys {
		kept = append(kept, published{k, now})
	}
	for _, k := range s.keys {
		known := len(auth.KeysOf(keys, k.ID)) > 0 && k.ID != ""
		if !known && k.ID != "" && now.Sub(k.seen) < s.cfg.Overlap {
			kept = append(kept, k)
		}
	}
	s.keys = kept
}

func (s *Source) get(ctx context.Context) ([]auth.VerificationKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for keys: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for keys: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, auth.MaxKeySetBytes+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for keys: the answer was %s", resp.Status)
	}
	return auth.ParseKeySet(data)
}
