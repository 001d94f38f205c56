package coordinator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/sparse/analysis"
)

const passagesSchema = `{"fields":{"title":{"type":"text"},"text":{"type":"text"}},
	"passages":{"field":"text","by":"sentences","size":20}}`

// passageIndex is a node with an index of 2 shards whose documents are split.
func passageIndex(t *testing.T) (*Node, *api.Schema) {
	t.Helper()
	n := openNode(t, t.TempDir())
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	schema, err := api.ParseSchema([]byte(passagesSchema))
	require.NoError(t, err)
	_, err = n.CreateIndex(testContext(t), "notes", schema, api.Layout{Shards: 2})
	require.NoError(t, err)
	return n, &schema
}

func parseWrites(t *testing.T, schema *api.Schema, documents ...string) []api.Write {
	t.Helper()
	writes := make([]api.Write, len(documents))
	for i, d := range documents {
		var err error
		writes[i], err = api.ParseDocument(schema, []byte(d))
		require.NoError(t, err)
	}
	return writes
}

func TestPassages(t *testing.T) {
	n, schema := passageIndex(t)
	write := func(t *testing.T, documents ...string) []api.WriteResult {
		t.Helper()
		results, err := n.Write(testContext(t), "notes", parseWrites(t, schema, documents...), httpapi.WriteOptions{})
		require.NoError(t, err)
		require.Len(t, results, len(documents))
		return results
	}
	count := func(t *testing.T) int {
		t.Helper()
		c, err := n.Count(testContext(t), "notes", nil)
		require.NoError(t, err)
		return c
	}
	const long = `{"id":"a","title":"T","text":"One came first. Two came then. Three was last."}`

	t.Run("a document is written as passages and read whole", func(t *testing.T) {
		r := write(t, long, `{"id":"empty","title":"none"}`, `{"id":"b","text":["x. ","","One came first. Two came then."]}`)
		require.Equal(t, []int{3, 1, 4}, []int{r[0].Passages, r[1].Passages, r[2].Passages})
		require.Equal(t, api.StatusCreated, r[0].Status)
		require.NotEmpty(t, r[0].Sequence)
		require.Equal(t, 8, count(t))
		for id, want := range map[string]string{
			"a":     `{"title":"T","text":"One came first. Two came then. Three was last."}`,
			"empty": `{"title":"none"}`,
			"b":     `{"text":["x. ","","One came first. Two came then."]}`,
		} {
			got, err := n.Get(testContext(t), "notes", id)
			require.NoError(t, err)
			require.JSONEq(t, want, string(got.Source))
			require.Equal(t, id, got.ID)
		}
		got, err := n.Get(testContext(t), "notes", "a")
		require.NoError(t, err)
		require.Equal(t, r[0].Version, got.Version)
		require.Equal(t, 3, got.Passages)
		part, err := n.Get(testContext(t), "notes", "a#1")
		require.NoError(t, err)
		require.JSONEq(t, `{"title":"T","text":"Two came then. "}`, string(part.Source))
		require.JSONEq(t, `{"parent":"a","position":1,"count":3,"start":16,"end":31}`, string(part.Passage))
	})
	t.Run("a shorter version leaves nothing of a longer one", func(t *testing.T) {
		r := write(t, `{"id":"a","text":"Now short."}`)
		require.Equal(t, api.StatusUpdated, r[0].Status)
		require.Equal(t, 1, r[0].Passages)
		_, err := n.Get(testContext(t), "notes", "a#1")
		require.ErrorIs(t, err, api.ErrDocumentNotFound)
		require.Equal(t, 6, count(t))
	})
	t.Run("conditions hold for all of it", func(t *testing.T) {
		before := write(t, long)[0].Version
		r := write(t, `{"id":"a","text":"Other.","op":"create"}`, `{"id":"a","text":"Other.","if_version":1}`)
		for i := range r {
			require.Equal(t, api.StatusConflict, r[i].Status)
			require.Equal(t, before, r[i].Version)
			require.Zero(t, r[i].Passages)
		}
		got, err := n.Get(testContext(t), "notes", "a")
		require.NoError(t, err)
		require.Equal(t, before, got.Version)
		r = write(t, fmt.Sprintf(`{"id":"a","text":"Other.","if_version":%d}`, before))
		require.Equal(t, api.StatusUpdated, r[0].Status)
		require.Equal(t, api.StatusConflict, write(t, `{"id":"a","op":"delete","if_version":1}`)[0].Status)
	})
	t.Run("deleting a document deletes all of it", func(t *testing.T) {
		write(t, long)
		r := write(t, `{"id":"a","op":"delete"}`, `{"id":"a","op":"delete"}`, `{"id":"b","op":"delete"}`)
		require.Equal(t, []string{"deleted", "not_found", "deleted"}, []string{r[0].Status, r[1].Status, r[2].Status})
		require.Equal(t, "a", r[0].ID)
		require.Equal(t, 1, count(t))
		_, err := n.Get(testContext(t), "notes", "a")
		require.ErrorIs(t, err, api.ErrDocumentNotFound)
	})
	t.Run("what can't be is refused by itself", func(t *testing.T) {
		writes := []api.Write{
			{Kind: api.OpIndex, Doc: api.Document{ID: "x#1", Source: []byte(`{}`)}},
			{Kind: api.OpIndex, Doc: api.Document{ID: "x", Source: []byte(`{}`), Vector: []float32{1}}},
		}
		writes = append(writes, parseWrites(t, schema, `{"id":"fine","text":"x"}`,
			`{"id":"many","text":"`+strings.Repeat("0123456789. 0123456. ", api.MaxPassages)+`1234567890123456789"}`,
			`{"id":"wide","title":"`+strings.Repeat("w", 1<<20)+`","text":"`+
				strings.Repeat("0123456789. 0123456. ", 30)+`"}`)...)
		r, err := n.Write(testContext(t), "notes", writes, httpapi.WriteOptions{})
		require.NoError(t, err)
		require.Equal(t, 400, r[0].Error.Status)
		require.Equal(t, "vector", r[1].Error.Field)
		require.Equal(t, api.StatusCreated, r[2].Status)
		require.Equal(t, 413, r[3].Error.Status)
		require.Contains(t, r[3].Error.Detail, "a document may have 10000 at most")
		require.Equal(t, 413, r[4].Error.Status)
		require.Contains(t, r[4].Error.Detail, "more than 20971520 bytes")
	})
	t.Run("collapsed hits", func(t *testing.T) {
		write(t, long, `{"id":"c","text":"Two is here."}`)
		req, err := api.ParseSearchRequest(schema, []byte(`{"query":"two three","collapse":{"by":"parent","neighbours":1}}`))
		require.NoError(t, err)
		r, err := n.Search(testContext(t), "notes", req)
		require.NoError(t, err)
		require.Len(t, r.Hits, 2)
		require.Equal(t, "a", r.Hits[0].ID)
		require.Equal(t, "a#2", r.Hits[0].Passages[0].ID)
		require.Equal(t, "Two came then. ", *r.Hits[0].Passages[0].Before)
		require.Equal(t, "c", r.Hits[1].ID)
	})
}

// TestManyPassages writes as many as there may be, which is one entry of a log.
func TestManyPassages(t *testing.T) {
	n, schema := passageIndex(t)
	var text strings.Builder
	for i := range api.MaxPassages {
		_, _ = fmt.Fprintf(&text, "Sentence %08d. ", i)
	}
	document, err := json.Marshal(map[string]string{"id": "big", "text": text.String()})
	require.NoError(t, err)
	r, err := n.Write(testContext(t), "notes", parseWrites(t, schema, string(document)), httpapi.WriteOptions{})
	require.NoError(t, err)
	require.Equal(t, api.MaxPassages, r[0].Passages, r[0].Error)
	got, err := n.Get(testContext(t), "notes", "big")
	require.NoError(t, err)
	require.Equal(t, api.MaxPassages, got.Passages)
	var source struct{ Text string }
	require.NoError(t, json.Unmarshal(got.Source, &source))
	require.Equal(t, text.String(), source.Text)
}

// TestLargestPassages splits a document of about as many bytes as the API takes, without overlaps.
func TestLargestPassages(t *testing.T) {
	schema, err := api.ParseSchema([]byte(`{"fields":{"text":{"type":"text"}},
		"passages":{"field":"text","by":"length","size":2000}}`))
	require.NoError(t, err)
	p, err := passagesOf(&schema, analysis.NewRegistry())
	require.NoError(t, err)
	text := strings.Repeat("a line\n", api.MaxBulkLine/8-100)
	document := api.AppendString([]byte(`{"id":"i","text":`), text)
	writes := parseWrites(t, &schema, string(document)+"}")
	got, size, err := p.expand(&writes[0])
	require.NoError(t, err)
	require.Greater(t, len(got), 7000)
	require.Less(t, size, api.MaxPassageBytes)
	require.Greater(t, size, api.MaxBulkLine*9/10)
}

// TestPassagesOfTwoWriters has several clients write the same document at once, long and short by turns: at any time it
// is all of one.
func TestPassagesOfTwoWriters(t *testing.T) {
	n, schema := passageIndex(t)
	const writers, rounds = 4, 20
	texts := map[string]bool{}
	documents := make([][]string, writers)
	for w := range writers {
		for i := range rounds {
			text := strings.Repeat(fmt.Sprintf("By %d in round %d. ", w, i), 1+(w*7+i*3)%30)
			texts[text] = true
			documents[w] = append(documents[w], fmt.Sprintf(`{"id":"a","text":%q}`, text))
		}
	}
	read := func() {
		got, err := n.Get(testContext(t), "notes", "a")
		require.NoError(t, err)
		var source struct{ Text string }
		require.NoError(t, json.Unmarshal(got.Source, &source))
		require.True(t, texts[source.Text], "a mixture: %s", source.Text)
	}
	first, err := n.Write(testContext(t), "notes", parseWrites(t, schema, documents[0][0]), httpapi.WriteOptions{})
	require.NoError(t, err)
	require.Nil(t, first[0].Error)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for _, d := range documents[w] {
				write, err := api.ParseDocument(schema, []byte(d))
				if err == nil {
					_, err = n.Write(t.Context(), "notes", []api.Write{write}, httpapi.WriteOptions{})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 {
		read()
	}
	group.Wait()
	read()
	got, err := n.Get(testContext(t), "notes", "a")
	require.NoError(t, err)
	c, err := n.Count(testContext(t), "notes", nil)
	require.NoError(t, err)
	require.Equal(t, got.Passages, c, "nothing of another version is left")
}

// TestPassageBatches writes more passages than one call has.
func TestPassageBatches(t *testing.T) {
	n, schema := passageIndex(t)
	var documents []string
	for i := range 300 {
		documents = append(documents, fmt.Sprintf(`{"id":"d%d","text":%q}`, i, strings.Repeat("A sentence of it. ", 1+i%12)))
	}
	documents = slices.Insert(documents, 150, `{"id":"d0","text":"again"}`)
	r, err := n.Write(testContext(t), "notes", parseWrites(t, schema, documents...), httpapi.WriteOptions{})
	require.NoError(t, err)
	total := 0
	for i, result := range r {
		require.Nil(t, result.Error)
		require.Positive(t, result.Passages)
		if i > 0 {
			total += result.Passages
		}
	}
	require.Equal(t, api.StatusUpdated, r[150].Status)
	c, err := n.Count(testContext(t), "notes", nil)
	require.NoError(t, err)
	require.Equal(t, total, c)
}

func TestPassagesByTokens(t *testing.T) {
	schema, err := api.ParseSchema([]byte(`{"fields":{"text":{"type":"text","analyzer":"japanese"}},
		"passages":{"field":"text","by":"sentences","unit":"tokens","size":16}}`))
	require.NoError(t, err)
	p, err := passagesOf(&schema, analysis.NewRegistry())
	require.NoError(t, err)
	writes := parseWrites(t, &schema, `{"id":"a","text":"`+strings.Repeat("緊急地震速報は揺れが届く前に知らせる。", 4)+`"}`)
	got, _, err := p.expand(&writes[0])
	require.NoError(t, err)
	require.Greater(t, len(got), 2)
	require.Equal(t, api.OpTrim, got[len(got)-1].Kind)
	for i, w := range got[:len(got)-1] {
		require.Equal(t, i > 0, w.Follows)
		require.Truef(t, strings.HasSuffix(w.Doc.Value("text").Strings[0], "。"), "%s", w.Doc.Source)
	}
}
