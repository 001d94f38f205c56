package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const textSchema = `{"fields":{"text":{"type":"text"},"year":{"type":"int"}}}`

func lines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"id":"d%d","text":"document number%d of the collection","year":%d}`+"\n", i, i, i)
	}
	return b.String()
}

// longLines is enough text for a flush by size; the documents are d0 to d2499.
func longLines() string {
	filler := strings.Repeat("word ", 3000)
	var b strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&b, `{"id":"d%d","text":"%s number%d"}`+"\n", i, filler, i)
	}
	return b.String()
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir)
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	n.mustCLI(lines(0, 3000), "bulk", "-", "--index", "papers")
	status, _ := n.call("DELETE", "/v1/indexes/papers/documents/d7", "")
	require.Equal(t, 200, status)
	n.kill()

	n = start(t, dir)
	require.Empty(t, n.search("papers", "number7", "sparse"))
	require.Equal(t, []string{"d2999"}, n.search("papers", "number2999", "sparse"))
	_, answer := n.call("GET", "/v1/indexes/papers", "")
	require.InDelta(t, 2999, answer["documents"], 0)
	n.stop()
}

func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir)
	messages := failToStart(t, dir)
	require.Contains(t, messages, dir)
	require.Contains(t, messages, "in use by another process")
	n.stop()
}

func TestNewerVersion(t *testing.T) {
	dir := t.TempDir()
	start(t, dir).stop()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "VERSION"), []byte("99\n"), 0o600))
	require.Contains(t, failToStart(t, dir), "version 99, this build reads up to 2")
}

func TestDamagedSegment(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir)
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	n.mustCLI(longLines(), "bulk", "-", "--index", "papers")
	n.stop()
	segments, err := filepath.Glob(filepath.Join(dir, "indexes", "*", "sparse", "*.seg"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	good, err := os.ReadFile(segments[0])
	require.NoError(t, err)

	t.Run("cut short", func(t *testing.T) {
		require.NoError(t, os.WriteFile(segments[0], good[:len(good)/2], 0o600))
		require.Contains(t, failToStart(t, dir), filepath.Base(segments[0]))
	})
	t.Run("with a flipped bit", func(t *testing.T) {
		bad := append([]byte(nil), good...)
		bad[len(bad)/2] ^= 1
		require.NoError(t, os.WriteFile(segments[0], bad, 0o600))
		require.Contains(t, failToStart(t, dir), filepath.Base(segments[0])+": corrupt segment: checksum of ")
	})
	t.Run("as it was", func(t *testing.T) {
		require.NoError(t, os.WriteFile(segments[0], good, 0o600))
		again := start(t, dir)
		require.Equal(t, []string{"d2499"}, again.search("papers", "number2499", "sparse"))
		again.stop()
	})
}

func TestBadInput(t *testing.T) {
	n := start(t, t.TempDir())
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	longID := strings.Repeat("a", 513)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		field              string
	}{
		"malformed document":   {"POST", "/v1/indexes/papers/documents", `{"id":`, 400, ""},
		"unknown field":        {"POST", "/v1/indexes/papers/documents", `{"id":"a","nope":1}`, 400, "nope"},
		"wrong type":           {"POST", "/v1/indexes/papers/documents", `{"id":"a","year":"x"}`, 400, "year"},
		"vector without a leg": {"POST", "/v1/indexes/papers/documents", `{"id":"a","vector":[1]}`, 400, "vector"},
		"long id":              {"POST", "/v1/indexes/papers/documents", `{"id":"` + longID + `"}`, 400, "id"},
		"size of a million":    {"POST", "/v1/indexes/papers/search", `{"query":"a","size":1000000}`, 400, "size"},
		"unknown query":        {"POST", "/v1/indexes/papers/search", `{"query":{"nope":{}}}`, 400, "query.nope"},
		"dense without a leg":  {"POST", "/v1/indexes/papers/search", `{"query":"a","mode":"dense"}`, 400, "mode"},
		"unknown index":        {"POST", "/v1/indexes/others/search", `{"query":"a"}`, 404, ""},
		"existing index":       {"PUT", "/v1/indexes/papers", textSchema, 409, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, problem := n.call(c.method, c.path, c.body)
			require.Equal(t, c.status, status, "%v", problem)
			require.NotEmpty(t, problem["title"])
			if c.field != "" {
				require.Contains(t, problem["field"], c.field, "%v", problem)
			}
		})
	}
	_, count := n.call("GET", "/v1/indexes/papers/count", "")
	require.InDelta(t, 0, count["count"], 0)
	n.stop()
}
