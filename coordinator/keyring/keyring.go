// Package keyring tells who a caller is: it holds what a request brings against the keys and roles in the metadata, and
// against the issuers of tokens that the node believes.
package keyring

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sagasu/coordinator/state"
	"sagasu/internal/auth"
	"sagasu/internal/obs"
)

// ErrConfig is returned by New when something is missing.
var ErrConfig = errors.New("incomplete configuration of the keyring")

const (
	// maxKnown bounds the callers that are remembered: more make every one of them be looked at anew, which costs
	// microseconds for a key.
	maxKnown = 16_384
	// warnEvery is how often a key of another pepper is told of.
	warnEvery = time.Minute
)

// Config configures a Keyring.
type Config struct {
	// View gives the newest metadata.
	View func() *state.View
	// Pepper is what keys are recognised with; nil takes no keys.
	Pepper *auth.Pepper
	// AdminKey is a key that may do everything whatever the metadata say; nil for none.
	AdminKey *auth.Credential
	// Tokens verifies tokens; nil takes none.
	Tokens   *auth.Tokens
	Now      func() time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Keyring tells who callers are. It may be used concurrently.
type Keyring struct {
	cfg      Config
	outcomes *prometheus.CounterVec
	adminSum [sha256.Size]byte

	mu sync.RWMutex
	// known are callers that were verified, by the digest of what they brought: the secret itself is not kept.
	known map[[sha256.Size]byte]*caller
	// used has for the id of a key when it was used last, in milliseconds, as *atomic.Int64.
	used sync.Map
	// warned is when a key of another pepper was told of, in nanoseconds.
	warned atomic.Int64
}

// caller is somebody who was verified, as long as the metadata stay as they are.
type caller struct {
	principal *auth.Principal
	version   uint64
	// until is when it must be looked at anew, zero for never.
	until time.Time
	used  *atomic.Int64
}

// New makes a Keyring.
func New(cfg Config) (*Keyring, error) {
	if cfg.View == nil || cfg.Now == nil || cfg.Logger == nil {
		return nil, fmt.Errorf("%w: view, clock and logger are required", ErrConfig)
	}
	k := &Keyring{
		cfg: cfg, known: map[[sha256.Size]byte]*caller{},
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "auth_requests_total", Help: "Requests by what became of their credential: known, key, file, token, refused.",
		}, []string{"outcome"}),
	}
	if cfg.AdminKey != nil {
		k.adminSum = sha256.Sum256([]byte(cfg.AdminKey.Text()))
	}
	if err := obs.Register(cfg.Registry, []prometheus.Collector{k.outcomes}); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return k, nil
}

// Authenticate tells who brings a credential, a key or a token. Errors are auth.ErrUnauthenticated, with a reason that is
// for logs only and does not have the credential.
func (k *Keyring) Authenticate(ctx context.Context, credential string) (*auth.Principal, error) {
	if len(credential) > auth.MaxTokenBytes {
		k.outcomes.WithLabelValues("refused").Inc()
		return nil, fmt.Errorf("%w: credential of %d bytes", auth.ErrUnauthenticated, len(credential))
	}
	sum := sha256.Sum256([]byte(credential))
	view, now := k.cfg.View(), k.cfg.Now()
	k.mu.RLock()
	c := k.known[sum]
	k.mu.RUnlock()
	if c != nil && c.version == view.Version() && (c.until.IsZero() || now.Before(c.until)) {
		c.use(now)
		return c.principal, nil
	}
	c, outcome, err := k.verify(ctx, credential, sum, view, now)
	k.outcomes.WithLabelValues(outcome).Inc()
	if err != nil {
		return nil, err
	}
	c.version = view.Version()
	k.mu.Lock()
	if len(k.known) >= maxKnown {
		clear(k.known)
	}
	k.known[sum] = c
	k.mu.Unlock()
	c.use(now)
	return c.principal, nil
}

func (c *caller) use(now time.Time) {
	if c.used != nil {
		c.used.Store(now.UnixMilli())
	}
}

// verify looks at a credential without knowing it.
func (k *Keyring) verify(ctx context.Context, text string, sum [sha256.Size]byte, view *state.View, now time.Time) (
	c *caller, outcome string, err error,
) {
	switch {
	case text == "":
		return nil, "refused", fmt.Errorf("%w: nothing was brought", auth.ErrUnauthenticated)
	case k.cfg.AdminKey != nil && subtle.ConstantTimeCompare(sum[:], k.adminSum[:]) == 1:
		return &caller{principal: auth.Admin(auth.KindFile, k.cfg.AdminKey.ID)}, "file", nil
	case auth.IsKey(text):
		if c, err = k.key(text, view, now); err != nil {
			return nil, "refused", err
		}
		return c, "key", nil
	case k.cfg.Tokens == nil:
		return nil, "refused", fmt.Errorf("%w: it is no key, and no issuer of tokens is configured", auth.ErrUnauthenticated)
	}
	token, err := k.cfg.Tokens.Verify(ctx, text)
	if err != nil {
		return nil, "refused", err
	}
	p := auth.NewPrincipal(auth.KindToken, token.ID, "", token.Grant, roles(view))
	p.Expires = token.Expires
	return &caller{principal: p, until: token.Expires}, "token", nil
}

// key looks a key up and holds it against what it is recognised by. That takes as long for a key that does not exist as
// for one that does.
func (k *Keyring) key(text string, view *state.View, now time.Time) (*caller, error) {
	credential, err := auth.ParseCredential(text)
	if err != nil {
		return nil, err
	}
	refuse := func(why string) (*caller, error) {
		return nil, fmt.Errorf("%w: key %s %s", auth.ErrUnauthenticated, credential.ID, why)
	}
	if k.cfg.Pepper == nil {
		return refuse("can't be recognised: this node has no pepper")
	}
	known, ok := view.Key(credential.ID)
	present := k.cfg.Pepper.Is(credential, known.Hash)
	previous := k.cfg.Pepper.Is(credential, known.PreviousHash)
	millis := now.UnixMilli()
	switch {
	case !ok:
		return refuse("is unknown")
	case known.Pepper != k.cfg.Pepper.Fingerprint():
		k.warnPepper(&known, now)
		return refuse("was made with another pepper")
	case !present && !previous:
		return refuse("has another secret")
	case !present && millis >= known.PreviousUntilMillis:
		return refuse("was rotated, and its time is over")
	case known.RevokedMillis > 0:
		return refuse("is revoked")
	case known.ExpiresMillis > 0 && millis >= known.ExpiresMillis:
		return refuse("has expired")
	}
	p := auth.NewPrincipal(auth.KindKey, known.ID, known.Name, GrantOf(&known.Access), roles(view))
	c := &caller{principal: p}
	for _, end := range []int64{known.ExpiresMillis, known.PreviousUntilMillis} {
		ends := time.UnixMilli(end)
		if end > 0 && (end == known.ExpiresMillis || !present) && (c.until.IsZero() || ends.Before(c.until)) {
			c.until = ends
		}
	}
	p.Expires = c.until
	used, _ := k.used.LoadOrStore(known.ID, &atomic.Int64{})
	c.used, _ = used.(*atomic.Int64)
	return c, nil
}

// warnPepper tells that a node's pepper is not that of a key, which somebody must bring right.
func (k *Keyring) warnPepper(known *state.Key, now time.Time) {
	last := k.warned.Load()
	if now.UnixNano()-last < int64(warnEvery) || !k.warned.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	k.cfg.Logger.Error("a key was made with another pepper than this node has: all nodes must have the same",
		"key", known.ID, "pepper_of_key", known.Pepper, "pepper_of_node", k.cfg.Pepper.Fingerprint())
}

// Role gives a role by its name, in the newest metadata.
func (k *Keyring) Role(name string) (auth.Role, bool) { return roles(k.cfg.View())(name) }

// Uses gives the keys whose last use here is newer than what the metadata say by more than lag.
func (k *Keyring) Uses(lag time.Duration) []state.KeyUse {
	view := k.cfg.View()
	var out []state.KeyUse
	k.used.Range(func(key, value any) bool {
		id, _ := key.(string)
		at, _ := value.(*atomic.Int64)
		known, ok := view.Key(id)
		if !ok {
			k.used.Delete(id)
			return true
		}
		if used := at.Load(); used > known.UsedMillis+lag.Milliseconds() {
			out = append(out, state.KeyUse{ID: id, Millis: used})
		}
		return true
	})
	return out
}
