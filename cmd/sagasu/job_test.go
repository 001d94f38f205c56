package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJobs(t *testing.T) {
	job := `{"id":"bulk-1","kind":"bulk","state":"%s","index":"papers","node":"n1","done":9,"total":10,"error":"%s",` +
		`"job":{"items":9,"total_items":10,"failed":%d,"bytes":1,"total_bytes":2,"items_per_second":5,` +
		`"estimate_seconds":61,"trouble":"no leader","from":"catalog"}}`
	answers := map[string]string{
		"GET /v1/operations": `{"operations":[{"id":"bulk-1","kind":"bulk","state":"running"},` +
			`{"id":"re-1","kind":"rebuild"}]}`,
		"GET /v1/operations/bulk-1":    "operation",
		"end":                          fmt.Sprintf(job, "done", "", 1),
		"GET /v1/operations/bulk-2":    fmt.Sprintf(job, "running", "", 0),
		"GET /v1/operations/bulk-3":    fmt.Sprintf(job, "cancelled", "cancelled", 0),
		"GET /v1/operations/bulk-4":    fmt.Sprintf(job, "failed", "index was deleted", 0),
		"DELETE /v1/operations/bulk-3": `{"id":"bulk-3","kind":"bulk","state":"cancelling"}`,
		"GET /v1/operations/bulk-1/errors?limit=1000&after=0": `{"errors":[{"line":3,"id":"a",` +
			`"error":{"title":"t","field":"line 3.x","detail":"bad"}}],"next":3,"dropped":7}`,
		"GET /v1/operations/bulk-1/errors?limit=1000&after=3": `{"errors":[{"line":9,` +
			`"error":{"title":"t","detail":"worse"}}],"dropped":7}`,
	}
	server := scriptedServer(t, answers)
	run := func(args ...string) (int, string, string) {
		return invoke(t, "", nil, append(append([]string{"jobs"}, args...), "--server", server)...)
	}
	t.Run("all of them", func(t *testing.T) {
		code, out, _ := run()
		require.Equal(t, exitOK, code)
		require.Contains(t, out, "bulk-1")
		require.NotContains(t, out, "re-1")
	})
	t.Run("waiting for one with errors", func(t *testing.T) {
		code, out, stderr := run("bulk-1", "--wait", "--errors")
		require.Equal(t, exitPartial, code)
		require.Contains(t, out, "9 of 10, 1 failed")
		require.Contains(t, out, `line 3, id "a": line 3.x: bad`)
		require.Contains(t, out, `line 9, id "": worse`)
		require.Contains(t, stderr, "7 more items failed")
	})
	t.Run("one that runs", func(t *testing.T) {
		code, out, _ := run("bulk-2")
		require.Equal(t, exitOK, code)
		require.Contains(t, out, "5/s, 1m1s left")
		require.Contains(t, out, "no leader")
		require.Contains(t, out, "from the catalog")
	})
	t.Run("cancel", func(t *testing.T) {
		code, out, stderr := run("bulk-3", "--cancel", "--wait")
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, "cancelled")
		code, _, _ = run("bulk-3", "--wait")
		require.Equal(t, exitFailure, code)
	})
	t.Run("one that failed", func(t *testing.T) {
		code, _, stderr := run("bulk-4", "--wait")
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr, "index was deleted")
	})
	t.Run("wrong use", func(t *testing.T) {
		for _, args := range [][]string{{"--wait"}, {"a", "b"}} {
			code, _, _ := run(args...)
			require.Equal(t, exitUsage, code)
		}
		code, _, _ := run("none", "--wait")
		require.Equal(t, exitFailure, code)
	})
}

func TestBulkAsync(t *testing.T) {
	var got string
	refuse := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse {
			w.WriteHeader(http.StatusInsufficientStorage)
			_, _ = io.WriteString(w, `{"title":"No room","status":507,"detail":"the disk is full"}`)
			return
		}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		got = r.URL.RequestURI() + "\n" + string(data)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"bulk-1","kind":"bulk","state":"pending","total":2}`)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "papers.jsonl")
	require.NoError(t, os.WriteFile(file, []byte("{\"id\":\"a\"}\n\n{\"id\":\"b\"}"), 0o600))
	code, out, stderr := invoke(t, "", nil, "bulk", file, "--index", "papers", "--async", "--server", server.URL)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "bulk-1 takes 2 lines")
	require.Equal(t, "/v1/indexes/papers/documents?async=1\n{\"id\":\"a\"}\n\n{\"id\":\"b\"}\n", got)

	code, _, stderr = invoke(t, "", nil, "bulk", file, "--index", "papers", "--async", "--wait-dense",
		"--server", server.URL)
	require.Equal(t, exitUsage, code, stderr)
	refuse = true
	code, _, stderr = invoke(t, strings.Repeat(`{"id":"a"}`+"\n", 100_000), nil, "bulk", "-", "--index", "papers",
		"--async", "--server", server.URL)
	require.NotEqual(t, exitOK, code)
	require.NotContains(t, stderr, "closed pipe")
	code, _, stderr = invoke(t, "", nil, "bulk", file, "--index", "papers", "--async", "--server", "http://127.0.0.1:1")
	require.Equal(t, exitUnreachable, code, stderr)
}

func TestDocuments(t *testing.T) {
	server := scriptedServer(t, map[string]string{
		"GET /v1/indexes/papers/documents?limit=2&q=a&source=&state=failed": `{"documents":[{"id":"a1",` +
			`"version":3,"state":"failed","error":"too long"}],"next":"x"}`,
		"GET /v1/indexes/papers/documents?after=x&limit=1&q=a&source=&state=failed": `{"documents":[{"id":"a2",` +
			`"version":4,"state":"failed"}]}`,
		"GET /v1/indexes/papers/documents/a%2F1/status": `{"id":"a/1","version":3,"shard":"s","vectors":[{"generation":0,` +
			`"version":2,"state":"failed","error":"too long"}],"catalog":{"state":"failed","version":3,"error":"too long"}}`,
		"GET /v1/indexes/papers/documents/b/status": `{"id":"b","version":3,"shard":"s","catalog_trouble":"it is away"}`,
	})
	code, out, stderr := invoke(t, "", nil, "documents", "list", "papers", "--state", "failed", "--id", "a", "--limit",
		"2", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "a1")
	require.Contains(t, out, "a2")
	code, out, _ = invoke(t, "", nil, "documents", "status", "papers", "a/1", "--server", server)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "failed, of version 2: too long")
	code, out, _ = invoke(t, "", nil, "documents", "status", "papers", "b", "--server", server)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "it is away")
	code, _, _ = invoke(t, "", nil, "documents", "list", "papers", "--limit", "0", "--server", server)
	require.Equal(t, exitUsage, code)
}
