package httpapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPassageIDs(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "PUT", "/v1/indexes/split", strings.TrimSuffix(schemaJSON, "}")+
		`,"passages":{"field":"title","size":100}}`)
	require.Equal(t, 201, resp.StatusCode, body)
	const base = "/v1/indexes/split/documents"
	resp, body = f.do(t, "PUT", base+"/a%231", `{"title":"x"}`)
	requireProblem(t, resp, body, 400, "id", "names passage 1 of document")
	resp, body = f.do(t, "DELETE", base+"/a%231", "")
	requireProblem(t, resp, body, 400, "id", "are written and deleted with their document")
	resp, body = f.do(t, "POST", base, `{"id":"a#1","title":"x"}`)
	requireProblem(t, resp, body, 400, "id", "names passage 1")
	resp, body = f.do(t, "PUT", base+"/a", `{"title":"x","_passage":{"parent":"a"}}`)
	requireProblem(t, resp, body, 400, "_passage", "is no field of the index")
	resp, body = f.do(t, "PUT", base+"/a", `{"title":"x","vector":[1,2]}`)
	requireProblem(t, resp, body, 400, "vector", "a vector of its own")
	resp, body = f.do(t, "POST", base, `{"id":"a#1","title":"x"}`+"\n"+`{"id":"a","title":"x"}`,
		"Content-Type: application/x-ndjson")
	require.Equal(t, 200, resp.StatusCode)
	lines := results(t, body)
	require.Contains(t, lines[0], `"field":"line 1.id"`)
	require.Contains(t, lines[1], `"status":"created"`)
	// Where documents are kept whole, the id is like any other.
	resp, body = f.do(t, "PUT", "/v1/indexes/papers/documents/a%231", `{"title":"x"}`)
	require.Equal(t, 201, resp.StatusCode, body)
	resp, body = f.do(t, "POST", "/v1/indexes/papers/search", `{"query":"x","collapse":{"by":"parent"}}`)
	requireProblem(t, resp, body, 400, "collapse", "split into passages")
}
