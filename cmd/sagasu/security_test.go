package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"sagasu/coordinator"
	"sagasu/internal/auditlog"
	"sagasu/internal/auth"
)

// resolveArgs gives the configuration of flags and an environment.
func resolveArgs(t *testing.T, env []string, args ...string) *configuration {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addSettings(flags)
	require.NoError(t, flags.Parse(args))
	conf, err := resolve(flags, env)
	require.NoError(t, err)
	return conf
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestPepper(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(make([]byte, 32))
	cluster := []string{"--rpc-addr", "127.0.0.1:0"}
	configure := func(t *testing.T, env []string, args ...string) (coordinator.Config, error) {
		t.Helper()
		args = append([]string{"--data-dir", filepath.Join(t.TempDir(), "data")}, args...)
		conf := resolveArgs(t, env, args...)
		cfg := coordinator.Default()
		var err error
		cfg.Cluster, err = clusterConfig(conf)
		require.NoError(t, err)
		p := &process{logger: slog.New(slog.DiscardHandler)}
		return cfg, configureSecurity(conf, p, &cfg, func(string) {})
	}
	t.Run("a node on its own makes one, and finds it again", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		for range 2 {
			cfg, err := configure(t, nil, "--data-dir", dir)
			require.NoError(t, err)
			require.NotNil(t, cfg.Pepper)
			require.NotNil(t, cfg.FirstKey)
			data, err := os.ReadFile(filepath.Join(dir, coordinator.PepperFile))
			require.NoError(t, err)
			want, err := auth.ParsePepper(string(data))
			require.NoError(t, err)
			require.Equal(t, want.Fingerprint(), cfg.Pepper.Fingerprint())
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, coordinator.PepperFile), []byte("x"), 0o600))
		_, err := configure(t, nil, "--data-dir", dir)
		require.ErrorIs(t, err, auth.ErrPepper)
	})
	t.Run("a cluster needs one", func(t *testing.T) {
		_, err := configure(t, nil, cluster...)
		require.ErrorContains(t, err, "key-pepper-file")
		require.ErrorContains(t, err, "head -c 32")
		cfg, err := configure(t, nil, append(cluster, "--insecure")...)
		require.NoError(t, err)
		require.Nil(t, cfg.Pepper)
		require.Nil(t, cfg.FirstKey)
		cfg, err = configure(t, []string{pepperVariable + "=" + good}, cluster...)
		require.NoError(t, err)
		require.NotNil(t, cfg.Pepper)
		cfg, err = configure(t, nil, append(cluster, "--key-pepper-file", writeFile(t, "p", good+"\n"))...)
		require.NoError(t, err)
		require.NotNil(t, cfg.Pepper)
	})
	t.Run("bad ones are refused without being told", func(t *testing.T) {
		short := base64.StdEncoding.EncodeToString([]byte("too short a secret"))
		for _, c := range []struct {
			env  []string
			args []string
			want string
		}{
			{[]string{pepperVariable + "=" + short}, nil, pepperVariable},
			{nil, []string{"--key-pepper-file", writeFile(t, "p", short)}, "32"},
			{nil, []string{"--key-pepper-file", "/nowhere/p"}, "/nowhere/p"},
			{[]string{pepperVariable + "=" + good}, []string{"--key-pepper-file", "/x"}, "both"},
			{nil, []string{"--key-pepper-file", writeFile(t, "p", strings.Repeat("x", maxSecretBytes+1))}, "bytes"},
			{nil, []string{"--admin-key-file", writeFile(t, "k", "sgs_nonsense")}, "admin-key-file"},
			{nil, []string{"--token-issuers-file", "/nowhere"}, "token-issuers-file"},
		} {
			_, err := configure(t, c.env, c.args...)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), short)
			require.NotContains(t, err.Error(), "nonsense")
		}
	})
	t.Run("who brings an admin key is given no first one", func(t *testing.T) {
		key, err := auth.NewCredential(rand.Reader)
		require.NoError(t, err)
		cfg, err := configure(t, nil, "--admin-key-file", writeFile(t, "k", key.Text()+"\n"))
		require.NoError(t, err)
		require.Equal(t, key, *cfg.AdminKey)
		require.Nil(t, cfg.FirstKey)
	})
	t.Run("secrets are in no explanation of the configuration", func(t *testing.T) {
		code, stdout, stderr := invoke(t, "", []string{pepperVariable + "=" + good, keyVariable + "=sgs_secret"}, "config", "check",
			"--data-dir", "x")
		require.Zero(t, code, stderr)
		require.NotContains(t, stdout+stderr, good)
		require.NotContains(t, stdout+stderr, "sgs_secret")
	})
}

func TestIssuers(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	const good = `
issuers:
  - issuer: https://sso.example/realms/search
    audiences: [sagasu]
    algorithms: [RS256, ES256]
    jwks: https://sso.example/realms/search/protocol/openid-connect/certs
    roles: realm_access.roles
    role_map: {search-user: [reader]}
    attributes: {tenant: tenant_id, group: ["https://example.com/groups"]}
    filter: {term: {tenant: "${tenant}"}}
`
	tokens, err := readIssuers(writeFile(t, "issuers.yaml", good), logger)
	require.NoError(t, err)
	require.NotNil(t, tokens)
	tokens, err = readIssuers("", logger)
	require.NoError(t, err)
	require.Nil(t, tokens)
	secret := writeFile(t, "secret", strings.Repeat("s", 32))
	_, err = readIssuers(writeFile(t, "issuers.yaml", `{"issuers":[{"issuer":"i","audiences":["a"],"algorithms":["HS256"],`+
		`"secret_file":"`+secret+`","roles":["scope"],"skew":"1m"}]}`), logger)
	require.NoError(t, err)
	for name, c := range map[string]struct{ from, to, want string }{
		"nothing":     {good, "issuers: []", "no issuers"},
		"no YAML":     {good, "\t{", "yaml"},
		"a misspelt":  {"audiences", "audience", "audience"},
		"http":        {"jwks: https", "jwks: http", "http"},
		"two sources": {"roles:", "keys_file: x\n    roles:", "one of"},
		"no source":   {"jwks:", "skew: 1s #", "one of"},
		"skew":        {"roles:", "skew: long\n    roles:", "skew"},
		"path":        {"realm_access.roles", "{a: b}", "claim"},
		"algorithm":   {"RS256", "none", "none"},
		"filter":      {"term: {tenant", "match: {tenant", "match"},
		"attribute":   {"tenant: tenant_id,", "", "tenant"},
		"keys file":   {"jwks: https", "keys_file: /nowhere #", "/nowhere"},
		"secret file": {"jwks: https", "secret_file: /nowhere #", "/nowhere"},
	} {
		_, err := readIssuers(writeFile(t, "issuers.yaml", strings.Replace(good, c.from, c.to, 1)), logger)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, "token-issuers-file", name)
	}
}

func TestKeyCommands(t *testing.T) {
	var method, path, body, credential string
	answer := `{"id":"k1","key":"sgs_a_b","state":"active","created":"2026-01-02T03:04:05Z","effective":true}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		method, path, body, credential = r.Method, r.URL.Path, string(data), r.Header.Get("Authorization")
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	env := []string{serverVariable + "=" + server.URL, keyVariable + "=secret-1"}
	t.Run("create", func(t *testing.T) {
		code, stdout, stderr := invoke(t, "", env, "key", "create", "--role", "reader,monitor", "--name", "ci", "--index", "a*",
			"--action", "index.write", "--filter", `{"term":{"tenant":"${tenant}"}}`, "--attribute", "tenant=red",
			"--attribute", "tenant=blue", "--expires-in", "2d")
		require.Zero(t, code, stderr)
		require.Equal(t, "sgs_a_b\n", stdout)
		require.NotContains(t, stderr, "sgs_a_b")
		require.Equal(t, "POST /v1/keys Bearer secret-1", method+" "+path+" "+credential)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		require.Equal(t, []any{"reader", "monitor"}, got["roles"])
		require.Equal(t, map[string]any{"tenant": []any{"red", "blue"}}, got["attributes"])
		expires, err := time.Parse(time.RFC3339, got["expires"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(48*time.Hour), expires, time.Minute)
	})
	t.Run("into a file, once", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "key")
		code, stdout, _ := invoke(t, "", env, "key", "create", "--role", "reader", "--output-file", file)
		require.Zero(t, code)
		require.Empty(t, stdout)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		code, _, stderr := invoke(t, "", env, "key", "rotate", "k1", "--output-file", file)
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr, "exists")
		code, _, _ = invoke(t, "", env[:1], "key", "whoami", "--key-file", file)
		require.Zero(t, code)
		require.Equal(t, "Bearer sgs_a_b", credential)
	})
	t.Run("rotate and revoke", func(t *testing.T) {
		code, _, _ := invoke(t, "", env, "key", "rotate", "k1", "--overlap", "0")
		require.Zero(t, code)
		require.Equal(t, `POST /v1/keys/k1/rotate {"overlap_seconds":0}`, method+" "+path+" "+body)
		code, _, _ = invoke(t, "", env, "key", "revoke", "../x")
		require.Zero(t, code)
		require.Equal(t, "DELETE /v1/keys/../x", method+" "+path, "it was escaped on the way")
		answer = `{"id":"k1","effective":false,"pending":["n3"]}`
		code, _, stderr := invoke(t, "", env, "key", "revoke", "k1")
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr, "n3")
	})
	t.Run("lists", func(t *testing.T) {
		answer = `{"keys":[{"id":"k1","name":"ci","state":"active","roles":["reader"],"created":"2026-01-02T03:04:05Z"}],` +
			`"roles":[{"name":"reader","permissions":[{"actions":["index.read"],"indexes":["*"]}]}]}`
		code, stdout, _ := invoke(t, "", env, "key", "list")
		require.Zero(t, code)
		require.Contains(t, stdout, "never")
		code, stdout, _ = invoke(t, "", env, "role", "list")
		require.Zero(t, code)
		require.Contains(t, stdout, "index.read")
	})
	t.Run("what can't be is not sent", func(t *testing.T) {
		for _, args := range [][]string{
			{"key", "create"}, {"key", "create", "--role", "reader", "--filter", "{"},
			{"key", "create", "--role", "reader", "--attribute", "x"}, {"key", "create", "--role", "reader", "--expires-in", "-1h"},
			{"key", "rotate", "k1", "--overlap", "long"}, {"role", "put", "r"}, {"role", "put", "r", "--file", "/nowhere"},
			{"key", "list", "--key-file", "/nowhere"}, {"key", "list", "--key-file", writeFile(t, "k", "a\nb\n")}, {"audit", "verify"},
		} {
			method = ""
			code, _, stderr := invoke(t, "", env, args...)
			require.Equal(t, exitUsage, code, "%v %s", args, stderr)
			require.Empty(t, method)
		}
	})
	t.Run("generate", func(t *testing.T) {
		code, stdout, _ := invoke(t, "", nil, "key", "generate")
		require.Zero(t, code)
		_, err := auth.ParseCredential(strings.TrimSpace(stdout))
		require.NoError(t, err)
	})
}

func TestAuditVerify(t *testing.T) {
	dir := t.TempDir()
	cfg := auditlog.Default()
	cfg.Dir, cfg.Node, cfg.Logger = dir, "n1", slog.New(slog.DiscardHandler)
	cfg.Registry = prometheus.NewRegistry()
	var tail auth.Tail
	for range 2 {
		l, err := auditlog.Open(cfg)
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, l.Append(auth.Record{Action: "index.delete", Outcome: "204"}, true))
		}
		tail = l.Tail()
		require.NoError(t, l.Close())
	}
	first, second := filepath.Join(dir, "audit-000001.jsonl"), filepath.Join(dir, "audit-000002.jsonl")
	code, stdout, stderr := invoke(t, "", nil, "audit", "verify", first, second, "--expect", tail.Hash)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, tail.Hash)
	code, _, stderr = invoke(t, "", nil, "audit", "verify", first, "--expect", tail.Hash)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "cut off")
	code, _, stderr = invoke(t, "", nil, "audit", "verify", second, first)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "follows on")
	data, err := os.ReadFile(first)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(first, []byte(strings.Replace(string(data), "204", "200", 1)), 0o600))
	code, stdout, stderr = invoke(t, "", nil, "audit", "verify", first, second)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stdout, "BROKEN")
	require.Contains(t, stderr, "line 2")
	code, _, _ = invoke(t, "", nil, "audit", "verify", filepath.Join(dir, "none"))
	require.Equal(t, exitUsage, code)
}
