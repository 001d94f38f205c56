package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// StartJob keeps the body in the fake; one that holds "refuse" is too large.
func (n *fakeNode) StartJob(_ context.Context, index, requestID string, body io.Reader) (api.Operation, error) {
	data, err := io.ReadAll(body)
	switch {
	case err != nil:
		return api.Operation{}, api.NewProblem(api.ProblemRequest, 400, "", "the body breaks off: %v", err)
	case strings.Contains(string(data), "refuse"):
		return api.Operation{}, api.NewProblem(api.ProblemTooLarge, 413, "", "too large")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bodies = append(n.bodies, string(data))
	return api.Operation{ID: "bulk-1", Kind: "bulk", State: "pending", Index: index, Reason: requestID}, nil
}

func (n *fakeNode) Operation(_ context.Context, id string) (api.Operation, error) {
	if id != "rebuild-1" {
		return api.Operation{}, api.NewProblem(api.ProblemNotFound, 404, "id", "there is no operation %q", id)
	}
	return api.Operation{ID: id, Kind: "rebuild"}, nil
}

func (n *fakeNode) OperationErrors(_ context.Context, id string, after int64, limit int) (api.JobErrors, error) {
	if id != "bulk-1" {
		return api.JobErrors{}, fmt.Errorf("%w: no answer", api.ErrUnavailable)
	}
	return api.JobErrors{Next: after + int64(limit), From: api.FromNode}, nil
}

func (n *fakeNode) CancelOperation(ctx context.Context, id string) (api.Operation, error) {
	return n.Operation(ctx, id)
}

func (n *fakeNode) ListDocuments(_ context.Context, _ string, f api.DocumentFilter) (api.DocumentList, error) {
	n.filter = f
	return api.DocumentList{}, nil
}

func (n *fakeNode) DocumentStatus(_ context.Context, _, id string) (api.DocumentStatus, error) {
	return api.DocumentStatus{ID: id}, nil
}

func (n *fakeNode) CatalogStatus(context.Context, string) (api.CatalogStatus, error) {
	return api.CatalogStatus{}, api.NewProblem(api.ProblemUnavailable, 503, "", "the catalog is away")
}

func (n *fakeNode) Report(_ context.Context, req api.ReportRequest) (api.Report, error) {
	n.report = req
	return api.Report{From: req.From, To: req.To}, nil
}

func (n *fakeNode) Audits(_ context.Context, f api.AuditFilter) (api.AuditList, error) {
	n.audit = f
	return api.AuditList{}, nil
}

func (n *fakeNode) Audit(event api.AuditEvent) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.audited = append(n.audited, event)
}

const ndjson = "Content-Type: application/x-ndjson"

func TestStartJob(t *testing.T) {
	f := newFixture(t, nil)
	const path = "/v1/indexes/papers/documents?async=1"
	t.Run("answers with the operation", func(t *testing.T) {
		resp, body := f.do(t, "POST", path, `{"id":"a"}`+"\n", ndjson, "X-Request-Id: r1")
		require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
		require.Equal(t, "/v1/operations/bulk-1", resp.Header.Get("Location"))
		require.Contains(t, body, `"state":"pending"`)
		require.Contains(t, body, `"r1"`)
		require.Equal(t, []string{`{"id":"a"}` + "\n"}, f.node.bodies)
		require.Empty(t, f.node.docs)
	})
	t.Run("async=false is none", func(t *testing.T) {
		resp, body := f.do(t, "POST", "/v1/indexes/papers/documents?async=false", `{"id":"b"}`, ndjson)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.Contains(t, body, `"created"`)
	})
	for name, c := range map[string]struct {
		path, kind, body string
		status           int
		field            string
	}{
		"another type":     {path, "Content-Type: application/json", `[]`, 415, "Content-Type"},
		"waiting for it":   {path + "&wait=dense", ndjson, ``, 400, "wait"},
		"no truth value":   {"/v1/indexes/papers/documents?async=2", ndjson, ``, 400, "async"},
		"an unknown index": {"/v1/indexes/none/documents?async=1", ndjson, ``, 404, ""},
		"too large":        {path, ndjson, strings.Repeat("refuse\n", 1<<17), 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := f.do(t, "POST", c.path, c.body, c.kind)
			require.Equal(t, c.status, resp.StatusCode, body)
			require.Contains(t, body, c.field)
		})
	}
	t.Run("a body that breaks off", func(t *testing.T) {
		line := f.raw(t, "POST "+path+" HTTP/1.1\r\nHost: x\r\n"+ndjson+"\r\nTransfer-Encoding: chunked\r\n\r\n"+
			"5\r\n{\"id\r\nzz")
		require.Contains(t, line, "400")
	})
	t.Run("compressed", func(t *testing.T) {
		resp, _ := f.do(t, "POST", path, "x", ndjson, "Content-Encoding: gzip")
		require.Equal(t, 415, resp.StatusCode)
	})
}

func TestOperations(t *testing.T) {
	f := newFixture(t, nil)
	for name, c := range map[string]struct {
		method, path string
		status       int
		text         string
	}{
		"one":                  {"GET", "/v1/operations/rebuild-1", 200, `"kind":"rebuild"`},
		"none of that id":      {"GET", "/v1/operations/other", 404, "other"},
		"cancel":               {"DELETE", "/v1/operations/rebuild-1", 202, `"rebuild-1"`},
		"cancel none":          {"DELETE", "/v1/operations/other", 404, "other"},
		"errors":               {"GET", "/v1/operations/bulk-1/errors?after=7&limit=3", 200, `"errors":[],"next":10`},
		"errors by default":    {"GET", "/v1/operations/bulk-1/errors", 200, `"next":100`},
		"errors, node is away": {"GET", "/v1/operations/bulk-2/errors", 503, "no answer"},
		"too many errors":      {"GET", "/v1/operations/bulk-1/errors?limit=1001", 400, "limit"},
		"a negative line":      {"GET", "/v1/operations/bulk-1/errors?after=-1", 400, "after"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := f.do(t, c.method, c.path, "")
			require.Equal(t, c.status, resp.StatusCode, body)
			require.Contains(t, body, c.text)
		})
	}
}

func TestCatalog(t *testing.T) {
	f := newFixture(t, nil)
	t.Run("list", func(t *testing.T) {
		resp, body := f.do(t, "GET", "/v1/indexes/papers/documents?state=failed&q=a%2Fb&source=s&parent=p&order=id"+
			"&from=2024-02-29&to=2024-03-01T12:00:00%2B09:00&after=x&limit=7", "")
		require.Equal(t, 200, resp.StatusCode, body)
		require.JSONEq(t, `{"documents":[]}`, body)
		require.Equal(t, api.DocumentFilter{
			State: "failed", Text: "a/b", Source: "s", Parent: "p", ByID: true, After: "x", Limit: 7,
			UpdatedFrom: time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
			UpdatedTo:   time.Date(2024, 3, 1, 3, 0, 0, 0, time.UTC),
		}, f.node.filter)
	})
	t.Run("report on a span", func(t *testing.T) {
		resp, body := f.do(t, "GET", "/v1/analytics/volume?index=papers&from=2024-01-01&to=2024-02-01&by=day&limit=5", "")
		require.Equal(t, 200, resp.StatusCode, body)
		require.Equal(t, api.ReportRequest{
			Kind: api.ReportVolume, Index: "papers", Limit: 5, Daily: true,
			From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC),
		}, f.node.report)
	})
	t.Run("report on the last day", func(t *testing.T) {
		resp, body := f.do(t, "GET", "/v1/analytics/latency", "")
		require.Equal(t, 200, resp.StatusCode)
		require.Contains(t, body, `"latency":[]`)
		require.NotContains(t, body, "queries")
		require.Equal(t, 24*time.Hour, f.node.report.To.Sub(f.node.report.From))
	})
	for name, c := range map[string]struct {
		path   string
		status int
		text   string
	}{
		"status of a document": {"/v1/indexes/papers/documents/a%2Fb/status", 200, `"id":"a/b"`},
		"catalog away":         {"/v1/indexes/papers/catalog", 503, "the catalog is away"},
		"unknown order":        {"/v1/indexes/papers/documents?order=size", 400, "order"},
		"no time":              {"/v1/indexes/papers/documents?from=yesterday", 400, "from"},
		"page of none":         {"/v1/indexes/papers/documents?limit=0", 400, "limit"},
		"unknown report":       {"/v1/analytics/weather", 404, "weather"},
		"span of nothing":      {"/v1/analytics/volume?from=2024-02-01&to=2024-01-01", 400, "from"},
		"unknown bucket":       {"/v1/analytics/volume?by=week", 400, "by"},
		"name of no index":     {"/v1/analytics/volume?index=A", 400, ""},
		"audit":                {"/v1/audit?action=index.create&limit=3", 200, `"events":[]`},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := f.do(t, "GET", c.path, "")
			require.Equal(t, c.status, resp.StatusCode, body)
			require.Contains(t, body, c.text)
		})
	}
}

func TestAudit(t *testing.T) {
	f := newFixture(t, nil)
	f.do(t, "PUT", "/v1/indexes/notes", schemaJSON, "X-Request-Id: r7")
	f.do(t, "PUT", "/v1/indexes/notes", schemaJSON)
	f.do(t, "GET", "/v1/indexes/notes", "")
	f.do(t, "POST", "/v1/indexes/notes/documents", `{"id":"a"}`)
	f.do(t, "POST", "/v1/indexes/notes/search", `{"query":"a"}`)
	f.do(t, "DELETE", "/v1/cluster/nodes/n2?force=true", "")
	f.do(t, "DELETE", "/v1/operations/other", "")
	var got []string
	for _, e := range f.node.audited {
		require.False(t, e.At.IsZero())
		require.NotEmpty(t, e.RequestID)
		got = append(got, strings.Join([]string{e.Action, e.Target, e.Outcome}, " "))
	}
	require.Equal(t, []string{
		"index.create notes 201", "index.create notes 409", "node.remove n2 204", "operation.cancel other 404",
	}, got)
	require.Equal(t, "r7", f.node.audited[0].RequestID)
	require.Contains(t, f.node.audited[1].Detail, "exists already")
	require.Equal(t, "from 0.0.0.0: force=true", f.node.audited[2].Detail)
}
