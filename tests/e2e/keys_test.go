package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/tests/cluster"
)

// ask calls a node with a credential.
func ask(t *testing.T, key, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, string(data)
}

// write makes a file with a secret.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

func pepper(t *testing.T) string {
	t.Helper()
	secret := make([]byte, 32)
	_, err := rand.Read(secret)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(secret)
}

func TestFirstKey(t *testing.T) {
	dir := t.TempDir()
	admin := write(t, "admin", mustCLI(t, "key", "generate"))
	key := strings.TrimSpace(mustCLI(t, "key", "generate"))
	n := start(t, dir, "--admin-key-file", admin)
	adminKey, err := os.ReadFile(admin)
	require.NoError(t, err)
	status, body := ask(t, strings.TrimSpace(string(adminKey)), "GET", n.url+"/v1/whoami", "")
	require.Equal(t, 200, status, body)
	require.Contains(t, body, "file:")
	status, body = ask(t, key, "GET", n.url+"/v1/indexes", "")
	require.Equal(t, 401, status, body)
	require.NotContains(t, n.log.String(), "first key", "who brings a key is given none")
	n.stop()

	info, err := os.Stat(filepath.Join(dir, "pepper"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for _, name := range []string{"log of the node", "audit"} {
		text := n.log.String()
		if name == "audit" {
			data, err := os.ReadFile(filepath.Join(dir, "audit", "audit-000001.jsonl"))
			require.NoError(t, err)
			text = string(data)
		}
		require.NotContains(t, text, strings.TrimSpace(string(adminKey)), name)
		require.NotContains(t, text, key, name)
	}
	code, stdout, _ := cli(t, "", "audit", "verify", filepath.Join(dir, "audit", "audit-000001.jsonl"))
	require.Zero(t, code, stdout)
}

func mustCLI(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := cli(t, "", args...)
	require.Zero(t, code, stderr)
	return stdout
}

func TestRevocation(t *testing.T) {
	admin := strings.TrimSpace(mustCLI(t, "key", "generate"))
	c := startClusterWith(t, func(cfg *cluster.Config) {
		cfg.Coordinators, cfg.Shards, cfg.Gateways = 3, 0, 1
		cfg.Args = []string{
			"--key-pepper-file", write(t, "pepper", pepper(t)), "--admin-key-file", write(t, "admin", admin),
		}
	})
	nodes := c.Nodes()
	create := func() (id, key string) {
		status, body := ask(t, admin, "POST", nodes[0].URL()+"/v1/keys", `{"roles":["reader"]}`)
		require.Equal(t, 201, status, body)
		var made struct{ ID, Key string }
		require.NoError(t, json.Unmarshal([]byte(body), &made))
		return made.ID, made.Key
	}
	revoke := func(id string) (effective bool, pending []string) {
		status, body := ask(t, admin, "DELETE", nodes[0].URL()+"/v1/keys/"+id, "")
		require.Equal(t, 200, status, body)
		var end struct {
			Effective bool
			Pending   []string
		}
		require.NoError(t, json.Unmarshal([]byte(body), &end))
		return end.Effective, end.Pending
	}
	in := func(n *cluster.Node, key string) bool {
		status, _ := ask(t, key, "GET", n.URL()+"/v1/whoami", "")
		return status == 200
	}
	everywhere := func(key string) {
		for _, n := range nodes {
			require.Eventually(t, func() bool { return in(n, key) }, 5*time.Second, 10*time.Millisecond, n.ID())
		}
	}
	t.Run("when the answer says so, no node lets the key in", func(t *testing.T) {
		var longest time.Duration
		for range 10 {
			id, key := create()
			everywhere(key)
			began := time.Now()
			effective, pending := revoke(id)
			longest = max(longest, time.Since(began))
			require.True(t, effective, pending)
			for _, n := range nodes {
				require.False(t, in(n, key), n.ID())
			}
		}
		t.Log("revoked on", len(nodes), "nodes within", longest)
	})
	t.Run("a node that does not say so is named", func(t *testing.T) {
		id, key := create()
		everywhere(key)
		last := nodes[len(nodes)-1]
		require.NoError(t, last.Pause())
		effective, pending := revoke(id)
		require.NoError(t, last.Resume())
		require.False(t, effective)
		require.Equal(t, []string{last.ID()}, pending)
		require.Eventually(t, func() bool { return !in(last, key) }, 5*time.Second, 10*time.Millisecond)
	})
}
