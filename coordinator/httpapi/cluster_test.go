package httpapi

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLayout(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "PUT", "/v1/indexes/spread?shards=4&replicas=2", schemaJSON)
	require.Equal(t, 201, resp.StatusCode, body)
	require.Contains(t, body, `"shards":4,"replicas":2`)
	for query, field := range map[string]string{
		"shards=0": "shards", "shards=x": "shards", "shards=1.5": "shards",
		"replicas=-1": "replicas", "replicas=": "replicas",
	} {
		resp, body := f.do(t, "PUT", "/v1/indexes/other?"+query, schemaJSON)
		requireProblem(t, resp, body, 400, field, "whole number")
	}
}

func TestCluster(t *testing.T) {
	f := newFixture(t, nil)
	for path, want := range map[string]string{
		"/v1/cluster":               `"health":"green"`,
		"/v1/cluster/nodes":         `"nodes":[{"id":"a"`,
		"/v1/cluster/shards":        `{"shards":[]}`,
		"/v1/cluster/settings":      `"rebuild_grace_seconds":"300"`,
		"/v1/operations":            `"operations":[{"id":"rebuild-1"`,
		"/v1/operations/rebuild-1":  `"kind":"rebuild"`,
		"/v1/aliases":               `{"aliases":[]}`,
		"/v1/cluster/shards?index=": `{"shards":[]}`,
	} {
		resp, body := f.do(t, "GET", path, "")
		require.Equal(t, 200, resp.StatusCode, path)
		require.Contains(t, body, want, path)
	}
	resp, body := f.do(t, "GET", "/v1/operations/other", "")
	requireProblem(t, resp, body, 404, "id", "no operation")
	resp, body = f.do(t, "GET", "/v1/cluster/shards?index=other", "")
	requireProblem(t, resp, body, 404, "", "other")
	resp, _ = f.do(t, "GET", "/v1/cluster/other", "")
	require.Equal(t, 404, resp.StatusCode)
}

func TestRemoveNode(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "DELETE", "/v1/cluster/nodes/a", "")
	requireProblem(t, resp, body, 409, "force", "still has replicas")
	resp, body = f.do(t, "DELETE", "/v1/cluster/nodes/a?force=perhaps", "")
	requireProblem(t, resp, body, 400, "force", "must be true or false")
	resp, _ = f.do(t, "DELETE", "/v1/cluster/nodes/a?force=true", "")
	require.Equal(t, 204, resp.StatusCode)
}

func TestAliases(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "PUT", "/v1/aliases/current", `{"index":"papers"}`)
	require.Equal(t, 200, resp.StatusCode, body)
	require.JSONEq(t, `{"name":"current","index":"papers"}`, body)
	resp, body = f.do(t, "PUT", "/v1/aliases/current", `{"index":"other"}`)
	requireProblem(t, resp, body, 404, "", "other")
	resp, body = f.do(t, "PUT", "/v1/aliases/current", `{}`)
	requireProblem(t, resp, body, 400, "index", "missing")
	resp, body = f.do(t, "PUT", "/v1/aliases/current", `{"index":"papers","since":1}`)
	requireProblem(t, resp, body, 400, "since", "no part")
	resp, body = f.do(t, "PUT", "/v1/aliases/Current", `{"index":"papers"}`)
	requireProblem(t, resp, body, 400, "index", "must be")
	resp, _ = f.do(t, "DELETE", "/v1/aliases/current", "")
	require.Equal(t, 204, resp.StatusCode)
}

func TestSettings(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "PUT", "/v1/cluster/settings", `{"rebuild_grace_seconds":"10"}`)
	require.Equal(t, 200, resp.StatusCode, body)
	resp, body = f.do(t, "PUT", "/v1/cluster/settings", `{"colour":"red"}`)
	requireProblem(t, resp, body, 400, "colour", "no setting")
	resp, body = f.do(t, "PUT", "/v1/cluster/settings", `{}`)
	requireProblem(t, resp, body, 400, "", "names no setting")
	resp, body = f.do(t, "PUT", "/v1/cluster/settings", `{"rebuild_grace_seconds":10}`)
	requireProblem(t, resp, body, 400, "rebuild_grace_seconds", "string")
}

func TestUnusedConnection(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.ReadTimeout = 20 * time.Millisecond })
	conn, err := f.dial()
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	// Go's client takes any other status on a connection in reserve for a fault, and logs it.
	require.Contains(t, string(answer), "HTTP/1.1 408 Request Timeout")
}
