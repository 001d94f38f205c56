package keyring

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/coordinator/state"
	"sagasu/internal/auth"
)

// ring is a keyring over metadata that a test changes, at a time that it sets.
type ring struct {
	*Keyring
	t      testing.TB
	state  *state.State
	pepper auth.Pepper
	now    time.Time
	log    strings.Builder
}

func newRing(t testing.TB, change func(*Config)) *ring {
	t.Helper()
	pepper, _, err := auth.NewPepper(rand.Reader)
	require.NoError(t, err)
	r := &ring{t: t, state: state.New(), pepper: pepper, now: time.UnixMilli(1_000_000)}
	cfg := Config{
		View: r.state.View, Pepper: &pepper, Now: func() time.Time { return r.now },
		Logger: slog.New(slog.NewTextHandler(&r.log, nil)), Registry: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&cfg)
	}
	r.Keyring, err = New(cfg)
	require.NoError(t, err)
	r.apply(state.FoundCluster{ClusterID: "c1", Level: state.Level})
	return r
}

func (r *ring) apply(c state.Change) {
	r.t.Helper()
	payload, err := state.Encode(c)
	require.NoError(r.t, err)
	typ, version := state.Kind(c)
	result, err := r.state.Apply(state.Command{
		Index: r.state.View().Applied() + 1, Type: typ, Version: version, Payload: payload,
	})
	require.NoError(r.t, err)
	require.NoError(r.t, result.Err)
}

// add makes a key of a grant.
func (r *ring) add(g auth.Grant, change func(*state.Key)) auth.Credential {
	r.t.Helper()
	c, err := auth.NewCredential(rand.Reader)
	require.NoError(r.t, err)
	k := state.Key{
		ID: c.ID, Hash: r.pepper.Hash(c), Pepper: r.pepper.Fingerprint(), Access: StateAccess(g), CreatedMillis: 1,
	}
	if change != nil {
		change(&k)
	}
	r.apply(state.PutKey{Key: k})
	return c
}

func (r *ring) refused(text, why string) {
	r.t.Helper()
	_, err := r.Authenticate(context.Background(), text)
	require.ErrorIs(r.t, err, auth.ErrUnauthenticated)
	require.ErrorContains(r.t, err, why)
}

func reader() auth.Grant { return auth.Grant{Roles: []string{auth.RoleReader}} }

func TestKeyring(t *testing.T) {
	ctx := context.Background()
	t.Run("a key lets in until it ends", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(reader(), func(k *state.Key) { k.ExpiresMillis, k.Name = 2_000_000, "ci" })
		for range 2 {
			p, err := r.Authenticate(ctx, c.Text())
			require.NoError(t, err)
			require.Equal(t, "key:"+c.ID, p.String())
			require.Equal(t, "ci", p.Name)
			require.True(t, auth.Decide(p, auth.IndexRead, "papers").Allowed)
			require.False(t, auth.Decide(p, auth.IndexWrite, "papers").Allowed)
		}
		r.now = time.UnixMilli(1_999_999)
		_, err := r.Authenticate(ctx, c.Text())
		require.NoError(t, err)
		r.now = time.UnixMilli(2_000_000)
		r.refused(c.Text(), "expired")
	})
	t.Run("revoking takes effect with the metadata, also for who is known", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(reader(), nil)
		_, err := r.Authenticate(ctx, c.Text())
		require.NoError(t, err)
		r.apply(state.RevokeKey{ID: c.ID, Millis: 5})
		r.refused(c.Text(), "revoked")
	})
	t.Run("rotated, the one before is good for a while", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(reader(), nil)
		next, err := c.Renew(rand.Reader)
		require.NoError(t, err)
		r.apply(state.RotateKey{
			ID: c.ID, From: r.pepper.Hash(c), Hash: r.pepper.Hash(next), Pepper: r.pepper.Fingerprint(),
			PreviousUntilMillis: 1_500_000,
		})
		for _, x := range []auth.Credential{c, next} {
			_, err = r.Authenticate(ctx, x.Text())
			require.NoError(t, err)
		}
		r.now = time.UnixMilli(1_500_000)
		r.refused(c.Text(), "rotated")
		_, err = r.Authenticate(ctx, next.Text())
		require.NoError(t, err)
	})
	t.Run("roles are those of the moment", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(auth.Grant{Roles: []string{"own"}}, nil)
		may := func() bool {
			p, err := r.Authenticate(ctx, c.Text())
			require.NoError(t, err)
			return auth.Decide(p, auth.IndexRead, "papers").Allowed
		}
		require.False(t, may(), "a role that does not exist gives nothing")
		r.apply(state.PutRole{Role: StateRole(auth.Role{Name: "own", Permissions: []auth.Permission{
			{Actions: []auth.Action{auth.IndexRead}, Indexes: []string{"papers"}},
		}})})
		require.True(t, may())
		own, ok := r.Role("own")
		require.True(t, ok)
		require.NoError(t, own.Check())
	})
	t.Run("who is refused", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(reader(), nil)
		other, err := auth.NewCredential(rand.Reader)
		require.NoError(t, err)
		forged, err := c.Renew(rand.Reader)
		require.NoError(t, err)
		r.refused("", "nothing")
		r.refused("sgs_x", "malformed")
		r.refused(other.Text(), "unknown")
		r.refused(forged.Text(), "another secret")
		r.refused("a.b.c", "no issuer")
		r.refused(strings.Repeat("x", auth.MaxTokenBytes+1), "bytes")
		for _, x := range []auth.Credential{other, forged} {
			_, err := r.Authenticate(ctx, x.Text())
			require.NotContains(t, err.Error(), x.Text()[20:])
		}
	})
	t.Run("a key of another cluster or pepper is told of, once", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(reader(), func(k *state.Key) { k.Pepper = "other" })
		r.refused(c.Text(), "another pepper")
		r.refused(c.Text(), "another pepper")
		require.Equal(t, 1, strings.Count(r.log.String(), "another pepper"))
		require.NotContains(t, r.log.String(), c.Text())
		none := newRing(t, func(cfg *Config) { cfg.Pepper = nil })
		none.refused(c.Text(), "no pepper")
	})
	t.Run("the key of the file may do everything, without metadata", func(t *testing.T) {
		admin, err := auth.NewCredential(rand.Reader)
		require.NoError(t, err)
		r := newRing(t, func(cfg *Config) { cfg.AdminKey, cfg.Pepper = &admin, nil })
		p, err := r.Authenticate(ctx, admin.Text())
		require.NoError(t, err)
		require.Equal(t, auth.KindFile, p.Kind)
		require.True(t, auth.Decide(p, auth.KeysAdmin, "").Allowed)
		forged, err := admin.Renew(rand.Reader)
		require.NoError(t, err)
		r.refused(forged.Text(), "no pepper")
	})
	t.Run("last use is gathered", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(reader(), nil)
		require.Empty(t, r.Uses(0))
		_, err := r.Authenticate(ctx, c.Text())
		require.NoError(t, err)
		require.Equal(t, []state.KeyUse{{ID: c.ID, Millis: 1_000_000}}, r.Uses(0))
		r.apply(state.NoteKeyUse{Uses: r.Uses(0)})
		require.Empty(t, r.Uses(0))
		r.now = r.now.Add(time.Second)
		_, err = r.Authenticate(ctx, c.Text())
		require.NoError(t, err)
		require.Empty(t, r.Uses(time.Minute))
		require.Len(t, r.Uses(0), 1)
	})
	t.Run("what is remembered is bounded", func(t *testing.T) {
		r := newRing(t, nil)
		c := r.add(reader(), nil)
		for i := range maxKnown {
			r.known[[32]byte{byte(i), byte(i >> 8), 1}] = &caller{}
		}
		_, err := r.Authenticate(ctx, c.Text())
		require.NoError(t, err)
		require.Len(t, r.known, 1)
	})
	_, err := New(Config{})
	require.ErrorIs(t, err, ErrConfig)
}

func BenchmarkAuthenticate(b *testing.B) {
	ctx := context.Background()
	r := newRing(b, nil)
	c := r.add(auth.Grant{
		Roles: []string{auth.RoleReader}, Filter: `{"term":{"tenant":"${tenant}"}}`,
		Attributes: map[string][]string{"tenant": {"red"}},
	}, nil)
	for i := range 1000 {
		r.add(reader(), func(k *state.Key) { k.Name = fmt.Sprint(i) })
	}
	text := c.Text()
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := r.Authenticate(ctx, text)
			if err != nil || !auth.Decide(p, auth.IndexRead, "papers").Allowed {
				b.Fatal(err)
			}
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(r.known)
			if _, err := r.Authenticate(ctx, text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
