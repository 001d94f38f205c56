package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/coordinator/keyring"
	"sagasu/coordinator/state"
	"sagasu/internal/auth"
)

// BenchmarkAuthorize is a search that costs nothing, asked by anybody and by callers that are known: the difference is
// what authentication adds.
func BenchmarkAuthorize(b *testing.B) {
	pepper, _, err := auth.NewPepper(rand.Reader)
	require.NoError(b, err)
	metadata := state.New()
	apply := func(c state.Change) {
		payload, err := state.Encode(c)
		require.NoError(b, err)
		typ, version := state.Kind(c)
		r, err := metadata.Apply(state.Command{
			Index: metadata.View().Applied() + 1, Type: typ, Version: version, Payload: payload,
		})
		require.NoError(b, err)
		require.NoError(b, r.Err)
	}
	apply(state.FoundCluster{ClusterID: "c1", Level: state.Level})
	key := func(g auth.Grant) string {
		c, err := auth.NewCredential(rand.Reader)
		require.NoError(b, err)
		apply(state.PutKey{Key: state.Key{
			ID: c.ID, Hash: pepper.Hash(c), Pepper: pepper.Fingerprint(), Access: keyring.StateAccess(g),
		}})
		return c.Text()
	}
	plain := key(auth.Grant{Roles: []string{auth.RoleReader}, Indexes: []string{"pap*"}})
	bound := key(auth.Grant{
		Roles: []string{auth.RoleReader}, Filter: `{"bool":{"should":[{"term":{"year":2000}},{"term":{"year":2001}}]}}`,
	})
	ring, err := keyring.New(keyring.Config{
		View: metadata.View, Pepper: &pepper, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Registry: prometheus.NewRegistry(),
	})
	require.NoError(b, err)
	schema, err := api.ParseSchema([]byte(schemaJSON))
	require.NoError(b, err)
	for _, c := range []struct {
		name, key string
		auth      Authenticator
	}{{"anyone", "", NewAnyone()}, {"key", plain, ring}, {"filtered key", bound, ring}} {
		cfg := Default()
		registry := prometheus.NewRegistry()
		cfg.Node, cfg.Auth = &fakeNode{schemas: map[string]*api.Schema{"papers": &schema}}, c.auth
		cfg.Registry, cfg.Gatherer, cfg.Logger = registry, registry, slog.New(slog.DiscardHandler)
		server, err := New(cfg)
		require.NoError(b, err)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var ctx fasthttp.RequestCtx
				ctx.Request.Header.SetMethod("POST")
				ctx.Request.SetRequestURI("/v1/indexes/papers/search")
				ctx.Request.Header.Set("Authorization", "Bearer "+c.key)
				ctx.Request.SetBodyString(`{"query":"x","size":1}`)
				server.handle(&ctx)
				if ctx.Response.StatusCode() != 200 {
					b.Fatal(ctx.Response.StatusCode(), string(ctx.Response.Body()))
				}
			}
		})
		require.NoError(b, server.Shutdown(context.Background()))
	}
}
