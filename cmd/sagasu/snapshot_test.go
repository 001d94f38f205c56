package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator"
)

// snapshotServer answers as a node would, and remembers what it was asked.
func snapshotServer(t *testing.T) (url string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*asked = append(*asked, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		var answer any
		switch {
		case r.URL.Path == "/v1/snapshots/s1/restore":
			answer = map[string]any{"restores": []api.RestorePlan{{Index: "papers", As: "copy", Operation: "restore-1"}}}
		case r.URL.Path == "/v1/snapshots" && r.Method == http.MethodGet:
			answer = map[string]any{"snapshots": []api.SnapshotInfo{{ID: "s1", State: "failed", Error: "store is full"}}}
		case r.URL.Path == "/v1/snapshots":
			answer = api.SnapshotInfo{ID: "s1", State: "running", Operation: "snapshot-s1"}
		case r.URL.Path == "/v1/operations/restore-1", r.URL.Path == "/v1/operations/snapshot-s1":
			answer = api.Operation{ID: "o", State: "done"}
		case r.URL.Path == "/v1/operations/verify-1":
			answer = api.Operation{ID: "verify-1", State: "failed", Error: "1 faults: object is not what it should be"}
		case r.URL.Path == "/v1/snapshots/s1/verify":
			answer = api.Operation{ID: "verify-1", State: "running"}
		case r.URL.Path == "/v1/snapshots/s1":
			answer = api.SnapshotInfo{ID: "s1", State: "done", Detail: &api.SnapshotDetail{
				Indexes: []api.SnapshotIndex{{Name: "papers", Applied: []uint64{7}, Documents: 5}},
			}}
		default:
			answer = map[string]any{}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestSnapshotCommands(t *testing.T) {
	url, asked := snapshotServer(t)
	run := func(args ...string) (int, string, string) {
		*asked = nil
		var out, messages bytes.Buffer
		code := run(t.Context(), append(args, "--server", url), nil, strings.NewReader("no\n"), &out, &messages)
		return code, out.String(), messages.String()
	}
	t.Run("create waits", func(t *testing.T) {
		code, out, _ := run("snapshot", "create", "r", "--index", "papers", "--watch")
		require.Zero(t, code)
		require.Contains(t, out, "s1")
		require.Equal(t, `POST /v1/snapshots {"repository":"r","indexes":["papers"]}`, (*asked)[0])
	})
	t.Run("list tells of failures", func(t *testing.T) {
		code, out, _ := run("snapshot", "list", "--repository", "r")
		require.Zero(t, code)
		require.Contains(t, out, "store is full")
		require.Equal(t, "GET /v1/snapshots?repository=r ", (*asked)[0])
	})
	t.Run("show tells of positions", func(t *testing.T) {
		_, out, _ := run("snapshot", "show", "s1")
		require.Contains(t, out, "[7]")
	})
	t.Run("verify fails with what is wrong", func(t *testing.T) {
		code, _, errs := run("snapshot", "verify", "s1", "--deep")
		require.NotZero(t, code)
		require.Contains(t, errs, "1 faults")
		require.Contains(t, (*asked)[0], "deep=true")
	})
	t.Run("restore", func(t *testing.T) {
		code, out, _ := run("snapshot", "restore", "s1", "--index", "papers", "--as", "copy", "--watch")
		require.Zero(t, code)
		require.Contains(t, out, "restore-1")
		require.Equal(t, `POST /v1/snapshots/s1/restore {"index":"papers","as":"copy"}`, (*asked)[0])
	})
	t.Run("delete asks first", func(t *testing.T) {
		code, _, errs := run("snapshot", "delete", "s1")
		require.NotZero(t, code)
		require.Contains(t, errs, "not confirmed")
		require.Empty(t, *asked)
		code, _, _ = run("snapshot", "delete", "s1", "--yes")
		require.Zero(t, code)
		require.Equal(t, "DELETE /v1/snapshots/s1 ", (*asked)[0])
	})
	t.Run("repositories and schedules", func(t *testing.T) {
		code, _, _ := run("snapshot", "repository", "put", "r", "--path", "/backup")
		require.Zero(t, code)
		require.Contains(t, (*asked)[0], `PUT /v1/repositories/r {"name":"","kind":"dir","path":"/backup"}`)
		code, _, _ = run("snapshot", "schedule", "put", "daily", "--repository", "r", "--every-minutes", "1440", "--keep-last", "7")
		require.Zero(t, code)
		require.Contains(t, (*asked)[0], `PUT /v1/snapshot-schedules/daily`)
		code, _, _ = run("snapshot", "schedule", "delete", "daily")
		require.Zero(t, code)
	})
}

func TestConfigureSnapshots(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		path := filepath.Join(dir, "credentials")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	configure := func(file string) (coordinator.Config, error) {
		cfg := coordinator.Default()
		conf := &configuration{values: []resolved{
			{Key: "snapshot-dirs", Value: "/a, /b/c"}, {Key: "s3-credentials-file", Value: file},
		}}
		err := configureSnapshots(conf, &cfg)
		return cfg, err
	}
	cfg, err := configure(write(`{"main":{"access_key":"a","secret_key":"s"}}`))
	require.NoError(t, err)
	require.Equal(t, "s", cfg.S3Credentials["main"].SecretKey)
	require.Equal(t, "map[main:credentials]", fmt.Sprint(cfg.S3Credentials), "secrets are not printed")
	require.Equal(t, []string{"/a", "/b/c"}, cfg.SnapshotDirs)
	for _, bad := range []string{`{"main":{"access_key":"secret-value"}}`, `secret-value`, `{"main":"secret-value"}`} {
		_, err := configure(write(bad))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret-value")
	}
	_, err = configure(filepath.Join(dir, "absent"))
	require.Error(t, err)
	require.NoError(t, checkDirs("/a,/b"))
	for _, bad := range []string{"a", "/a/../b", "/a/"} {
		require.Error(t, checkDirs(bad))
	}
}
