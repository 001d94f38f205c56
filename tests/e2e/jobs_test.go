package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/catalog/postgres/postgrestest"
)

// creations are lines that are refused where the document exists.
func creations(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"id":"d%d","text":"document number%d of the collection","year":%d,"op":"create"}`+"\n", i, i, i)
	}
	return b.String()
}

// hand hands lines to a node that writes them in the background, and gives the job's id.
func (n *node) hand(index, lines string) string {
	n.t.Helper()
	var o api.Operation
	out := n.mustCLI(lines, "bulk", "-", "--index", index, "--async", "-o", "json")
	require.NoError(n.t, json.Unmarshal([]byte(out), &o))
	require.Equal(n.t, "bulk", o.Kind)
	return o.ID
}

// get calls the node and reads the answer.
func get[A any](n *node, path string) A {
	n.t.Helper()
	status, answer := n.call(http.MethodGet, path, "")
	require.Equal(n.t, http.StatusOK, status, "%v", answer)
	data, err := json.Marshal(answer)
	require.NoError(n.t, err)
	var out A
	require.NoError(n.t, json.Unmarshal(data, &out))
	return out
}

func (n *node) operation(id string) api.Operation {
	n.t.Helper()
	return get[api.Operation](n, "/v1/operations/"+id)
}

func (n *node) count(index string) int {
	n.t.Helper()
	return get[struct {
		Count int `json:"count"`
	}](n, "/v1/indexes/"+index+"/count").Count
}

func TestJobIsKilled(t *testing.T) {
	const documents = 40_000
	dir := t.TempDir()
	n := start(t, dir)
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	id := n.hand("papers", creations(0, documents)+"{bad\n")
	kills := 0
	for i := 1; i <= 3; i++ {
		// Each time it has come a little further.
		require.Eventually(t, func() bool {
			o := n.operation(id)
			return o.State == "done" || o.Job.Items > int64(i*documents/5)
		}, startTimeout, 5*time.Millisecond)
		if o := n.operation(id); o.State != "done" {
			require.Less(t, o.Job.Items, int64(documents))
			kills++
		}
		n.kill()
		n = start(t, dir)
	}
	require.NotZero(t, kills, "the job was over before it could be killed")
	code, _, messages := cli(t, "", "jobs", id, "--wait", "--server", n.url)
	require.Equal(t, 4, code, messages)
	o := n.operation(id)
	require.Equal(t, "done", o.State)
	require.EqualValues(t, 1, o.Job.Failed, "a document that was written before a kill is no conflict")
	require.EqualValues(t, documents+1, o.Job.Items)
	require.Equal(t, documents, n.count("papers"))
	errors := get[api.JobErrors](n, "/v1/operations/"+id+"/errors")
	require.Len(t, errors.Errors, 1)
	require.EqualValues(t, documents+1, errors.Errors[0].Line)
	require.Contains(t, n.mustCLI("", "jobs", id, "--errors"), fmt.Sprintf("line %d", documents+1))
	require.Contains(t, n.mustCLI("", "jobs"), id)
	n.stop()
}

func TestJobIsCancelled(t *testing.T) {
	n := start(t, t.TempDir())
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	id := n.hand("papers", creations(0, 60_000))
	require.Eventually(t, func() bool { return n.operation(id).Job.Items > 0 }, startTimeout, 2*time.Millisecond)
	code, out, messages := cli(t, "", "jobs", id, "--cancel", "--wait", "--server", n.url)
	require.Equal(t, 0, code, messages)
	require.Contains(t, out, "cancelled")
	o := n.operation(id)
	require.Equal(t, "cancelled", o.State)
	require.EqualValues(t, o.Job.Items, n.count("papers"), "what was written stays")
	require.Less(t, o.Job.Items, int64(60_000))
	status, problem := n.call(http.MethodDelete, "/v1/operations/"+id, "")
	require.Equal(t, http.StatusConflict, status, "%v", problem)
	n.stop()
}

// documentsIn counts the catalog's documents of the index papers in a state.
func (n *node) documentsIn(state string) int64 {
	n.t.Helper()
	status, answer := n.call(http.MethodGet, "/v1/indexes/papers/catalog", "")
	if status != http.StatusOK {
		return -1
	}
	counts, _ := answer["documents"].(map[string]any)
	count, _ := counts[state].(float64)
	return int64(count)
}

func TestEmbeddedCatalog(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir)
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	n.mustCLI(lines(0, 500), "bulk", "-", "--index", "papers")
	status, _ := n.call(http.MethodDelete, "/v1/indexes/papers/documents/d7", "")
	require.Equal(t, http.StatusOK, status)
	require.Eventually(t, func() bool { return n.documentsIn("indexed") == 499 && n.documentsIn("deleted") == 1 },
		startTimeout, 20*time.Millisecond)
	page := get[api.DocumentList](n, "/v1/indexes/papers/documents?q=d49&order=id&limit=4")
	require.Len(t, page.Documents, 4)
	require.Equal(t, "d49", page.Documents[0].ID)
	require.NotEmpty(t, page.Next)
	require.NotEmpty(t, page.Documents[0].Checksum)
	one := get[api.DocumentStatus](n, "/v1/indexes/papers/documents/d8/status")
	require.NotZero(t, one.Version)
	require.Equal(t, one.Version, one.Catalog.Version)
	gone := get[api.DocumentStatus](n, "/v1/indexes/papers/documents/d7/status")
	require.Zero(t, gone.Version)
	require.Equal(t, "deleted", gone.Catalog.State)
	require.Contains(t, n.mustCLI("", "documents", "list", "papers", "--state", "deleted"), "d7")

	n.search("papers", "number8", "sparse")
	n.search("papers", "number8", "sparse")
	n.search("papers", "nothing at hand", "sparse")
	require.Eventually(t, func() bool {
		top := get[api.Report](n, "/v1/analytics/top-queries?index=papers").Queries
		return len(top) == 2 && top[0].Query == "number8" && top[0].Count == 2
	}, startTimeout, 50*time.Millisecond)
	events := func() []api.AuditEvent { return get[api.AuditList](n, "/v1/audit?action=index.create").Events }
	require.Eventually(t, func() bool { return len(events()) == 1 }, startTimeout, 50*time.Millisecond)
	require.Equal(t, "papers", events()[0].Target)

	n.kill()
	n = start(t, dir)
	n.mustCLI(lines(500, 600), "bulk", "-", "--index", "papers")
	require.Eventually(t, func() bool { return n.documentsIn("indexed") == 599 }, startTimeout, 20*time.Millisecond)
	n.stop()
	n = start(t, dir, "--catalog", "none")
	status, problem := n.call(http.MethodGet, "/v1/indexes/papers/documents", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, problem["detail"], "no catalog is configured")
	require.Equal(t, 599, n.count("papers"))
	n.stop()
}

func TestCatalogIsAway(t *testing.T) {
	server := postgrestest.Start(t)
	dsn := server.Database(t, "life")
	require.NoError(t, server.Stop())

	// A node starts and writes without it.
	n := start(t, t.TempDir(), "--catalog", dsn)
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	n.mustCLI(lines(0, 300), "bulk", "-", "--index", "papers")
	status, problem := n.call(http.MethodGet, "/v1/indexes/papers/documents", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, problem["detail"], "connection")
	require.Equal(t, []string{"d7"}, n.search("papers", "number7", "sparse"))

	require.NoError(t, server.Restart())
	require.Eventually(t, func() bool { return n.documentsIn("indexed") == 300 }, startTimeout, 50*time.Millisecond)

	// It goes while a job writes, and comes back.
	id := n.hand("papers", lines(300, 20_000))
	require.NoError(t, server.Kill())
	code, _, messages := cli(t, "", "jobs", id, "--wait", "--server", n.url)
	require.Equal(t, 0, code, messages)
	require.Equal(t, 20_000, n.count("papers"))
	require.Equal(t, []string{"d19999"}, n.search("papers", "number19999", "sparse"))
	require.NoError(t, server.Restart())
	require.Eventually(t, func() bool { return n.documentsIn("indexed") == 20_000 }, startTimeout, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		return server.SQL(t, "life", "SELECT state, done, total FROM sagasu.jobs WHERE id = '"+id+"'") == "done|19700|19700"
	}, startTimeout, 100*time.Millisecond)
	n.stop()
}
