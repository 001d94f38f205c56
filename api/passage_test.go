package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func passagesSchema() *Schema {
	schema := testSchema()
	schema.Passages = &PassageConfig{Field: "text", By: PassageBySentences, Unit: PassageCharacters, Size: 100}
	return schema
}

func TestCheckWriteID(t *testing.T) {
	schema := passagesSchema()
	for _, id := range []string{"a", "a#", "#1", "a#01", "a#x", strings.Repeat("x", MaxIDBytes-maxPassageSuffix)} {
		require.NoError(t, schema.CheckWriteID(id), id)
		_, err := ParseDocument(schema, []byte(`{"id":"`+id+`"}`))
		require.NoError(t, err, id)
	}
	requireProblem(t, schema.CheckWriteID("a#7"), "id", "passage 7 of document \"a\"")
	requireProblem(t, schema.CheckWriteID(strings.Repeat("x", MaxIDBytes)), "id", "at most 507")
	requireProblem(t, schema.CheckWriteID(""), "id", "is empty")
	require.NoError(t, testSchema().CheckWriteID("a#7"))
	for _, data := range []string{`{"id":"a#7","title":"x"}`, `{"title":"x","id":"a#7"}`, `{"id":"a#7","op":"delete"}`} {
		_, err := ParseDocument(schema, []byte(data))
		requireProblem(t, err, "id", "passage 7")
	}
	require.Len(t, PassageID("", MaxPassages-1), maxPassageSuffix)
}

func TestPassageMember(t *testing.T) {
	stored := `{"text":"b","_passage":{"parent":"a","position":1,"count":2,"start":1,"end":2}}`
	t.Run("is taken of a passage", func(t *testing.T) {
		w, err := ParseDocumentAs(passagesSchema(), "a#1", []byte(stored))
		require.NoError(t, err)
		require.Equal(t, stored, string(w.Doc.Source))
		require.Equal(t, []Value{{Field: "text", Strings: []string{"b"}}}, w.Doc.Values)
	})
	t.Run("is refused of anything else", func(t *testing.T) {
		_, err := ParseDocumentAs(passagesSchema(), "a", []byte(stored))
		requireProblem(t, err, "_passage", "is no field")
		_, err = ParseDocumentAs(testSchema(), "a#1", []byte(stored))
		requireProblem(t, err, "_passage", "is no field")
		_, err = ParseDocument(passagesSchema(), []byte(`{"id":"a",`+stored[1:]))
		requireProblem(t, err, "_passage", "is no field")
		_, err = ParseDocumentAs(passagesSchema(), "a#2", []byte(stored))
		requireProblem(t, err, "_passage", "but the id is \"a#2\"")
	})
	t.Run("a vector is refused", func(t *testing.T) {
		_, err := ParseDocument(passagesSchema(), []byte(`{"id":"a","text":"x","vector":[1,2,3]}`))
		requireProblem(t, err, "vector", "a vector of its own")
	})
	t.Run("is cut out", func(t *testing.T) {
		rest, raw := TakePassage([]byte(stored))
		require.JSONEq(t, `{"text":"b"}`, string(rest))
		p, err := ReadPassage(raw)
		require.NoError(t, err)
		require.Equal(t, Passage{Parent: "a", Position: 1, Count: 2, Start: 1, End: 2}, p)
		rest, raw = TakePassage([]byte(`{"_passage":{"parent":"a"}}`))
		require.Equal(t, `{}`, string(rest))
		require.Equal(t, `{"parent":"a"}`, string(raw))
		plain := `{"text":"\"_passage\":1","title":"_passage"}`
		rest, raw = TakePassage([]byte(plain))
		require.Equal(t, plain, string(rest))
		require.Nil(t, raw)
	})
	for _, bad := range []string{
		``, `{`, `[]`, `{"position":-1}`, `{"x":1}`, `{"position":1,"count":1}`, `{"count":1,"start":2,"end":1}`,
		`{"count":1}x`,
	} {
		_, err := ReadPassage(RawJSON(bad))
		require.Error(t, err, bad)
	}
}

// splitAnyhow makes passages of a document, cut wherever dice say, with overlaps.
func splitAnyhow(t *rapid.T, x *Splitter, parent string) [][]byte {
	var passages []Passage
	for i, text := range x.Texts() {
		runes := []rune(text)
		at := func(n int) int { return len(string(runes[:n])) }
		value := 0
		if x.Array() {
			value = i + 1
		}
		for from, to := 0, -1; to < len(runes); {
			to = rapid.IntRange(max(to, from), len(runes)).Draw(t, "to")
			passages = append(passages, Passage{Start: at(from), End: at(to), Value: value, Heading: "h\" > 見"})
			from = rapid.IntRange(max(from, to-2), to).Draw(t, "from")
		}
	}
	if len(passages) == 0 {
		passages = []Passage{{}}
	}
	sources := make([][]byte, len(passages))
	for i, p := range passages {
		p.Parent, p.Position, p.Count = parent, i, len(passages)
		doc := x.Document(p)
		require.Equal(t, PassageID(parent, i), doc.ID)
		sources[i] = doc.Source
		w, err := ParseDocumentAs(passagesSchema(), doc.ID, doc.Source)
		require.NoError(t, err, string(doc.Source))
		require.Equal(t, doc.Source, w.Doc.Source)
		require.Equal(t, doc.Values, w.Doc.Values)
	}
	return sources
}

func TestPassagesJoin(t *testing.T) {
	t.Run("what was split is put together", rapid.MakeCheck(func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringN(0, 20, -1), rapid.Just(`a "_passage":{} \`), rapid.Just("地震\n\t\"報\""))
		members := map[string]any{}
		if rapid.Bool().Draw(t, "has title") {
			members["title"] = text.Draw(t, "title")
		}
		if rapid.Bool().Draw(t, "has year") {
			members["year"] = rapid.IntRange(0, 3000).Draw(t, "year")
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			members["text"] = text.Draw(t, "text")
		case 1:
			members["text"] = rapid.SliceOfN(text, 0, 4).Draw(t, "texts")
		case 2:
			members["text"] = nil
		}
		members["id"] = "p"
		data, err := json.Marshal(members)
		require.NoError(t, err)
		w, err := ParseDocument(passagesSchema(), data)
		require.NoError(t, err)
		x, err := NewSplitter(&w.Doc, "text")
		require.NoError(t, err)
		sources := splitAnyhow(t, x, "p")
		whole, err := JoinPassages("text", sources)
		require.NoError(t, err)
		require.JSONEq(t, string(w.Doc.Source), string(whole))
		if len(sources) > 1 {
			_, err = JoinPassages("text", sources[1:])
			require.ErrorIs(t, err, ErrPassages)
			_, err = JoinPassages("text", sources[:len(sources)-1])
			require.ErrorIs(t, err, ErrPassages)
		}
	}))
	t.Run("none", func(t *testing.T) {
		_, err := JoinPassages("text", nil)
		require.ErrorIs(t, err, ErrPassages)
	})
}

func FuzzJoinPassages(f *testing.F) {
	f.Add([]byte(`{"text":"a","_passage":{"parent":"p","position":0,"count":2,"start":0,"end":1}}`),
		[]byte(`{"text":"b","_passage":{"parent":"p","position":1,"count":2,"start":1,"end":2}}`))
	f.Add([]byte(`{"text":["a"],"_passage":{"count":1,"value":1,"end":1}}`), []byte(`{`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, sources := range [][][]byte{{a}, {a, b}} {
			whole, err := JoinPassages("text", sources)
			if err == nil && json.Valid(a) && json.Valid(b) {
				require.True(t, json.Valid(whole), "%s", whole)
			}
		}
	})
}

func TestCollapseRequest(t *testing.T) {
	parse := func(collapse string) (*SearchRequest, error) {
		return ParseSearchRequest(passagesSchema(), []byte(`{"query":"x","size":50,"collapse":`+collapse+`}`))
	}
	r, err := parse(`{"by":"parent"}`)
	require.NoError(t, err)
	require.Equal(t, &Collapse{By: "parent", Passages: 3}, r.Collapse)
	r, err = parse(`{"by":"parent","passages":5,"neighbours":1}`)
	require.NoError(t, err)
	require.Equal(t, &Collapse{By: "parent", Passages: 5, Neighbours: 1}, r.Collapse)
	r, err = parse(`null`)
	require.NoError(t, err)
	require.Nil(t, r.Collapse)
	for _, c := range []struct{ collapse, field, detail string }{
		{`{}`, "collapse.by", "is missing"},
		{`{"by":"x"}`, "collapse.by", "must be parent"},
		{`{"by":"parent","passages":0}`, "collapse.passages", "must be 1 to"},
		{`{"by":"parent","neighbours":11}`, "collapse.neighbours", "must be 0 to"},
		{`{"by":"parent","size":1}`, "collapse.size", "is no part"},
		{`{"by":"parent","passages":100,"neighbours":1}`, "collapse", "would show 15000 passages"},
		{`7`, "collapse", "is a number"},
	} {
		_, err := parse(c.collapse)
		requireProblem(t, err, c.field, c.detail)
	}
	_, err = ParseSearchRequest(testSchema(), []byte(`{"query":"x","collapse":{"by":"parent"}}`))
	requireProblem(t, err, "collapse", "split into passages")
}

func TestPassageHitJSON(t *testing.T) {
	text := "before \"x\""
	r := &SearchResponse{Degraded: []Degraded{}, Hits: []SearchHit{{
		ID: "a", Source: RawJSON(`{}`), Passage: RawJSON(`{"parent":"a"}`), Legs: &Legs{},
		Passages: []PassageHit{
			{ID: "a#1", Position: 1, Score: 0.5, Legs: &Legs{Sparse: &LegShare{1, 2, 3}}, Before: &text, After: new(string)},
			{ID: "a#2", Source: RawJSON(`{"x":1}`), Passage: RawJSON(`{"parent":"a"}`)},
		},
	}}}
	want, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(r.AppendJSON(nil)))
	p := Passage{Parent: "a\"", Position: 2, Count: 9, Start: 5, End: 7, Heading: "x > y", Value: 3}
	want, err = json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(p.appendJSON(nil)))
	w := WriteResult{ID: "a", Status: StatusCreated, Passages: 3}
	want, err = json.Marshal(w)
	require.NoError(t, err)
	require.Equal(t, string(want), string(w.AppendJSON(nil)))
	d := StoredDocument{ID: "a", Version: 3, Passages: 2, Passage: RawJSON(`{}`), Source: RawJSON(`{"x":1}`)}
	require.JSONEq(t, `{"id":"a","version":3,"passages":2,"passage":{},"source":{"x":1}}`, string(d.AppendJSON(nil)))
}
