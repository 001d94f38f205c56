package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// scriptedServer answers each "METHOD path" with a body, an operation that was asked for twice with its end.
func scriptedServer(t *testing.T, answers map[string]string) string {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.Method+" "+r.URL.RequestURI()]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"title":"Not found","status":404,"detail":"` + r.Method + " " + r.URL.RequestURI() + `"}`
		}
		if body == "operation" {
			body = `{"id":"op-1","state":"running","done":5,"total":10,"estimate_seconds":2.1}`
			if asked.Add(1) > 1 {
				body = answers["end"]
			}
		}
		if _, err := fmt.Fprint(w, body); err != nil {
			return
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestIndexModel(t *testing.T) {
	answers := map[string]string{
		"POST /v1/indexes/papers/model": `{"id":"op-1","state":"running"}`,
		"GET /v1/operations/op-1":       "operation",
		"end":                           `{"id":"op-1","state":"done","done":10,"total":10}`,
	}
	server := scriptedServer(t, answers)
	code, _, stderr := invoke(t, "", nil, "index", "model", "papers", "--model", "e5", "--dims", "4", "--wait",
		"--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "running 50%, about 2s left")
	require.Contains(t, stderr, `index papers has the vectors of model "e5"`)

	answers["end"] = `{"id":"op-1","state":"failed","error":"no memory"}`
	code, _, stderr = invoke(t, "", nil, "operations", "wait", "op-1", "--server", server)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "operation op-1 has failed: no memory")

	code, _, stderr = invoke(t, "", nil, "index", "model", "papers", "--server", server)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--model is not set")
}

func TestIndexVerify(t *testing.T) {
	answers := map[string]string{
		"POST /v1/indexes/papers/verify":             `{"id":"op-1","state":"running"}`,
		"POST /v1/indexes/papers/verify?repair=true": `{"id":"op-1","state":"running"}`,
		"GET /v1/operations/op-1":                    `{"id":"op-1","state":"done","done":10,"total":10}`,
		"GET /v1/indexes/papers/verify/op-1": `{"operation":"op-1","index":"papers","documents":10,"failed":1,` +
			`"stores":["milvus"],"differences":[]}`,
	}
	server := scriptedServer(t, answers)
	code, stdout, stderr := invoke(t, "", nil, "index", "verify", "papers", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "compared shards, milvus: 10 documents, of which 1 can't be embedded")
	require.Contains(t, stderr, "no difference")

	answers["GET /v1/indexes/papers/verify/op-1"] = `{"operation":"op-1","index":"papers","documents":10,` +
		`"stores":["milvus"],"differences":[{"kind":"milvus_missing","generation":2,"count":3,"ids":["a","b"]}]}`
	for _, format := range []string{"table", "json"} {
		code, stdout, stderr = invoke(t, "", nil, "index", "verify", "papers", "--repair", "--server", server, "-o", format)
		require.Equal(t, exitFailure, code)
		require.Contains(t, stderr, "the stores differ")
		require.Contains(t, stdout, "milvus_missing")
	}
	_, stdout, _ = invoke(t, "", nil, "index", "verify", "papers", "--server", server)
	require.Contains(t, stdout, "milvus_missing  2           3          a b and 1 more")
}

func TestOperations(t *testing.T) {
	server := scriptedServer(t, map[string]string{
		"GET /v1/operations": `{"operations":[{"id":"op-1","kind":"reembed","state":"running","reason":"model of papers",` +
			`"error":"the service is away","done":1,"total":4}]}`,
		"DELETE /v1/operations/op-1": `{"id":"op-1","state":"cancelling"}`,
	})
	code, stdout, stderr := invoke(t, "", nil, "operations", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "op-1       reembed  running        25%       model of papers: the service is away")
	code, _, stderr = invoke(t, "", nil, "operations", "cancel", "op-1", "--server", server)
	require.Equal(t, exitOK, code)
	require.Contains(t, stderr, "operation op-1 is cancelling")
	code, _, stderr = invoke(t, "", nil, "operations", "cancel", "op-2", "--server", server)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "DELETE /v1/operations/op-2 (404)")
}

func TestIndexFailures(t *testing.T) {
	server := scriptedServer(t, map[string]string{
		"GET /v1/indexes/papers/dense/failures": `{"generation":0,"failures":[{"id":"a","version":3,` +
			`"reason":"too long"}],"more":2}`,
		"POST /v1/indexes/papers/dense/retry": ``,
	})
	code, stdout, stderr := invoke(t, "", nil, "index", "failures", "papers", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "a           3        too long")
	require.Contains(t, stdout, "and 2 more")
	code, _, stderr = invoke(t, "", nil, "index", "failures", "papers", "--retry", "--server", server)
	require.Equal(t, exitOK, code, stderr)
}

func TestServices(t *testing.T) {
	services, err := parseServices("e5=http://a:1, large=https://b/v1")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"e5": "http://a:1", "large": "https://b/v1"}, services)
	for _, wrong := range []string{"e5", "=http://a", "e5=", "e5=ftp://a", "e5=http://a,e5=http://b", ","} {
		_, err := parseServices(wrong)
		require.Error(t, err, wrong)
		code, _, stderr := invoke(t, "", nil, "config", "check", "--data-dir", "x", "--embed-services", wrong)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, "embed-services")
	}
}
