package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func TestIndexes(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "PUT", "/v1/indexes/new-1", schemaJSON)
	require.Equal(t, 201, resp.StatusCode, body)
	require.Contains(t, body, `"name":"new-1"`)
	resp, _ = f.do(t, "POST", "/v1/indexes/new-2", schemaJSON)
	require.Equal(t, 201, resp.StatusCode)
	resp, body = f.do(t, "PUT", "/v1/indexes/new-1", schemaJSON)
	requireProblem(t, resp, body, 409, "", "exists")
	resp, body = f.do(t, "GET", "/v1/indexes/papers", "")
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, body, `"analyzer":"english"`)
	resp, body = f.do(t, "GET", "/v1/indexes", "")
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, body, "papers")
	resp, _ = f.do(t, "DELETE", "/v1/indexes/papers", "")
	require.Equal(t, 204, resp.StatusCode)
	resp, body = f.do(t, "GET", "/v1/indexes/papers", "")
	requireProblem(t, resp, body, 404, "", "papers")
}

func TestDocuments(t *testing.T) {
	f := newFixture(t, nil)
	const base = "/v1/indexes/papers/documents"
	t.Run("put, get and delete with any id", func(t *testing.T) {
		path := base + "/a%2Fb%20%E5%9C%B0?if_version=0"
		resp, body := f.do(t, "PUT", path, `{"title":"x", "year": 2000}`)
		require.Equal(t, 201, resp.StatusCode, body)
		require.JSONEq(t, `{"id":"a/b 地","status":"created","version":1}`, body)
		resp, body = f.do(t, "GET", path, "")
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, `"1"`, resp.Header.Get("ETag"))
		require.JSONEq(t, `{"id":"a/b 地","version":1,"source":{"title":"x","year":2000}}`, body)
		resp, _ = f.do(t, "HEAD", path, "")
		require.Equal(t, 200, resp.StatusCode)
		resp, body = f.do(t, "PUT", path, `{"title":"y"}`)
		require.Equal(t, 409, resp.StatusCode)
		require.Contains(t, body, "is 0, the present version is 1")
		resp, _ = f.do(t, "DELETE", base+"/a%2Fb%20%E5%9C%B0", "")
		require.Equal(t, 200, resp.StatusCode)
		resp, _ = f.do(t, "DELETE", base+"/a%2Fb%20%E5%9C%B0", "")
		require.Equal(t, 404, resp.StatusCode)
		resp, body = f.do(t, "GET", path, "")
		requireProblem(t, resp, body, 404, "", "not found")
	})
	t.Run("one object", func(t *testing.T) {
		resp, body := f.do(t, "POST", base, `{"id":"one","title":"x"}`)
		require.Equal(t, 201, resp.StatusCode, body)
		resp, body = f.do(t, "POST", base, `{"id":"one","op":"create"}`)
		require.Equal(t, 409, resp.StatusCode)
		require.Contains(t, body, "exists already")
	})
	t.Run("an array", func(t *testing.T) {
		resp, body := f.do(t, "POST", base, ` [{"id":"p"}, {"id":"q","colour":1}, {"id":"p","op":"delete"}]`)
		require.Equal(t, 200, resp.StatusCode)
		var answer struct {
			Errors bool
			Items  []api.WriteResult
		}
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		require.True(t, answer.Errors)
		require.Equal(t, []string{"created", "error", "deleted"},
			[]string{answer.Items[0].Status, answer.Items[1].Status, answer.Items[2].Status})
		require.Equal(t, "[1].colour", answer.Items[1].Error.Field)
	})
	t.Run("wait for the dense leg", func(t *testing.T) {
		waited := false
		f.node.writeHook = func(_ context.Context, _ []api.Write, opts WriteOptions) error {
			waited = opts.WaitDense
			return nil
		}
		resp, _ := f.do(t, "POST", base+"?wait=dense", `{"id":"w"}`)
		require.Equal(t, 201, resp.StatusCode)
		require.True(t, waited)
		resp, body := f.do(t, "POST", base+"?wait=forever", `{"id":"w"}`)
		requireProblem(t, resp, body, 400, "wait", "dense")
	})
}

func TestSearch(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "POST", "/v1/indexes/papers/search", `{"query":"x","size":2}`, "X-Request-Id: mine-1")
	require.Equal(t, 200, resp.StatusCode, body)
	require.Equal(t, "mine-1", resp.Header.Get("X-Request-Id"))
	require.Equal(t, "sparse;dur=0.250, total;dur=1.500", resp.Header.Get("Server-Timing"))
	var answer api.SearchResponse
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Len(t, answer.Hits, 2)
	require.Equal(t, "rrf", string(answer.Fusion.Method))
	resp, body = f.do(t, "GET", "/v1/indexes/papers/search?q=early+%22w%22&mode=sparse&size=1&explain=true", "")
	require.Equal(t, 200, resp.StatusCode, body)
	require.NotEmpty(t, resp.Header.Get("X-Request-Id"))
	resp, body = f.do(t, "POST", "/v1/indexes/papers/count", "")
	require.Equal(t, 200, resp.StatusCode)
	require.JSONEq(t, `{"count":0}`, body)
	resp, body = f.do(t, "POST", "/v1/analyze", `{"index":"papers","field":"title","text":"Words"}`)
	require.Equal(t, 200, resp.StatusCode)
	require.JSONEq(t, `{"analyzer":"english","tokens":[{"term":"english:Words","start":0,"end":5,"position":0}]}`, body)
}

func TestHealthAndMetrics(t *testing.T) {
	f := newFixture(t, nil)
	resp, _ := f.do(t, "GET", "/health", "")
	require.Equal(t, 200, resp.StatusCode)
	resp, _ = f.do(t, "GET", "/health/ready", "")
	require.Equal(t, 200, resp.StatusCode)
	f.node.notReady = errors.New("index papers is replaying its log")
	resp, body := f.do(t, "GET", "/health/ready", "")
	requireProblem(t, resp, body, 503, "", "replaying")
	_, body = f.do(t, "GET", "/metrics", "")
	require.Contains(t, body, `http_requests_total{code="503",method="GET",route="/health/ready"} 1`)
	require.Contains(t, body, `http_request_duration_seconds_count{route="/health"} 1`)
}

func requireProblem(t *testing.T, resp *http.Response, body string, status int, field, detail string) {
	t.Helper()
	require.Equal(t, status, resp.StatusCode, body)
	require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
	var p api.Problem
	require.NoError(t, json.Unmarshal([]byte(body), &p), body)
	require.Equal(t, status, p.Status)
	require.Equal(t, field, p.Field)
	require.Contains(t, p.Detail, detail)
	require.NotEmpty(t, p.Type)
	require.NotEmpty(t, p.Title)
}

func TestBadInput(t *testing.T) {
	f := newFixture(t, nil)
	const search, docs = "/v1/indexes/papers/search", "/v1/indexes/papers/documents"
	long := strings.Repeat("x", 600)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		field, detail            string
	}{
		{"malformed JSON", "POST", search, `{"query":`, 400, "query", "malformed JSON"},
		{"no body", "POST", search, ``, 400, "", "malformed JSON"},
		{"an unknown key", "POST", search, `{"query":"x","top_k":3}`, 400, "top_k", "no part"},
		{"a wrong type", "POST", search, `{"query":"x","size":"ten"}`, 400, "size", "string"},
		{"size of a million", "POST", search, `{"query":"x","size":1000000}`, 400, "size", "10000"},
		{"fusion k of 0", "POST", search, `{"query":"x","fusion":{"k":0}}`, 400, "fusion.k", "more than 0"},
		{"a vector of other dimensions", "POST", search, `{"vector":[1,2,3]}`, 400, "vector", "the index has 2"},
		{"10,000 terms", "POST", search, `{"query":"` + strings.Repeat("x ", 10_000) + `"}`, 400, "query", "1024 terms"},
		{"invalid UTF-8", "POST", search, "{\"query\":\"\xff\"}", 400, "query", "invalid UTF-8"},
		{"a body over the limit", "POST", search, `{"query":"` + strings.Repeat("x", api.MaxSearchBody), 413, "", "1048576"},
		{"a bad size in the address", "GET", search + "?q=x&size=many", "", 400, "size", "whole number"},
		{"no words in the address", "GET", search, "", 400, "query", "empty"},
		{"an unknown field", "POST", docs, `{"id":"a","colour":"red"}`, 400, "colour", "no field"},
		{"a document without id", "POST", docs, `{"title":"a"}`, 400, "id", "missing"},
		{"a long id", "POST", docs, `{"id":"` + long + `"}`, 400, "id", "600 bytes, at most 512"},
		{"a long id in the address", "PUT", docs + "/" + long, `{}`, 400, "id", "600 bytes"},
		{"an id that is not UTF-8", "PUT", docs + "/%ff", `{}`, 400, "id", "UTF-8"},
		{"an empty if_version", "PUT", docs + "/a?if_version=", `{}`, 400, "if_version", "whole number"},
		{"two if_versions", "DELETE", docs + "/a?if_version=1&if_version=2", ``, 400, "if_version", "2 times"},
		{"a bad if_version", "PUT", docs + "/a?if_version=-1", `{}`, 400, "if_version", "whole number"},
		{"op delete by PUT", "PUT", docs + "/a", `{"op":"delete"}`, 400, "op", "DELETE"},
		{"a broken array", "POST", docs, `[{"id":"a"},`, 400, "[1]", "malformed"},
		{"an unknown index", "POST", "/v1/indexes/nope/search", `{"query":"x"}`, 404, "", "nope"},
		{"a bad name", "PUT", "/v1/indexes/No%20Way", schemaJSON, 400, "index", "a-z"},
		{"a bad schema", "PUT", "/v1/indexes/x", `{"fields":{"a":{"type":"blob"}}}`, 400, "fields.a.type", "blob"},
		{"an unknown analyzer", "POST", "/v1/analyze", `{"analyzer":"x","text":"y"}`, 400, "analyzer", "standard"},
		{
			"analysis of a number", "POST", "/v1/analyze", `{"index":"papers","field":"year","text":"y"}`,
			400, "field", "not text",
		},
		{"a bad count", "POST", "/v1/indexes/papers/count", `{"filter":"x"}`, 400, "filter", "object"},
		{"an unknown address", "GET", "/v1/nothing", "", 404, "path", "/v1/nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := f.do(t, c.method, c.path, c.body)
			requireProblem(t, resp, body, c.status, c.field, c.detail)
		})
	}
	t.Run("a method that is not allowed", func(t *testing.T) {
		resp, body := f.do(t, "PATCH", docs, "")
		requireProblem(t, resp, body, 405, "method", "PATCH")
		require.Equal(t, "GET, HEAD, POST", resp.Header.Get("Allow"))
	})
	t.Run("a compressed body", func(t *testing.T) {
		resp, body := f.do(t, "POST", docs, "x", "Content-Encoding: gzip")
		requireProblem(t, resp, body, 415, "Content-Encoding", "gzip")
	})
	t.Run("an announced length that does not come is not allocated", func(t *testing.T) {
		line := f.raw(t, "POST "+search+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n"+long+
			strings.Repeat("y", prefetchBytes))
		require.Contains(t, line, "413")
	})
	t.Run("what is not HTTP", func(t *testing.T) {
		require.Contains(t, f.raw(t, "NONSENSE\r\n\r\n"), "400")
	})
	t.Run("headers over the limit", func(t *testing.T) {
		require.Contains(t, f.raw(t, "GET / HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("x", 20<<10)+"\r\n\r\n"), "431")
	})
}

func TestErrorsOfTheNode(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		status int
	}{
		{"overloaded", api.ErrOverloaded, 429},
		{"unavailable", api.ErrUnavailable, 503},
		{"outcome unknown", api.ErrUnknownOutcome, 503},
		{"late", context.DeadlineExceeded, 504},
		{"anything else", errors.New("secret"), 500},
		{"a problem", api.NewProblem(api.ProblemRefused, 422, "", "refused"), 422},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, nil)
			f.node.searchHook = func(context.Context, *api.SearchRequest) error { return c.err }
			resp, body := f.do(t, "POST", "/v1/indexes/papers/search", `{"query":"x"}`)
			require.Equal(t, c.status, resp.StatusCode)
			require.NotContains(t, body, "secret")
			if c.status == 429 || c.status == 503 {
				require.Equal(t, "1", resp.Header.Get("Retry-After"))
			}
		})
	}
	t.Run("a panic", func(t *testing.T) {
		f := newFixture(t, nil)
		f.node.searchHook = func(context.Context, *api.SearchRequest) error { panic("broken") }
		resp, body := f.do(t, "POST", "/v1/indexes/papers/search", `{"query":"x"}`)
		requireProblem(t, resp, body, 500, "", "internal error")
	})
}

func TestSearchesBeyondTheLimitAreToldToComeLater(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Searches, c.Queue = 1, 0 })
	entered, release := make(chan struct{}), make(chan struct{})
	f.node.searchHook = func(context.Context, *api.SearchRequest) error {
		entered <- struct{}{}
		<-release
		return nil
	}
	first := make(chan int)
	go func() {
		resp, _ := f.do(t, "POST", "/v1/indexes/papers/search", `{"query":"x"}`)
		first <- resp.StatusCode
	}()
	<-entered
	resp, body := f.do(t, "POST", "/v1/indexes/papers/search", `{"query":"x"}`)
	requireProblem(t, resp, body, 429, "", "overloaded")
	close(release)
	require.Equal(t, 200, <-first)
}

func TestConfig(t *testing.T) {
	_, err := New(Default())
	require.ErrorIs(t, err, ErrConfig)
}

func BenchmarkSearch(b *testing.B) {
	f := newFixture(b, nil)
	for b.Loop() {
		f.do(b, "POST", "/v1/indexes/papers/search", `{"query":"x"}`)
	}
}
