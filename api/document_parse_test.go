package api

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func testSchema() *Schema {
	return &Schema{
		Fields: map[string]Field{
			"title": {Type: TypeText, Analyzer: "english"}, "text": {Type: TypeText},
			"lang": {Type: TypeKeyword}, "year": {Type: TypeInt}, "price": {Type: TypeFloat},
			"day": {Type: TypeDate}, "ok": {Type: TypeBool}, "s": {Type: TypeSparseVector},
		},
		Dense: &DenseConfig{Dims: 3, Fields: []string{"title"}},
	}
}

func requireProblem(t *testing.T, err error, field, detail string) {
	t.Helper()
	var p *Problem
	require.True(t, errors.As(err, &p), "error %v is no problem", err)
	require.Equal(t, field, p.Field, p.Detail)
	require.Contains(t, p.Detail, detail)
	require.NotEmpty(t, p.Type)
	require.NotEmpty(t, p.Title)
	require.Equal(t, 400, p.Status)
}

func TestParseDocument(t *testing.T) {
	w, err := ParseDocument(testSchema(), []byte(`{ "id":"a\u00e9", "title" : "Early \"warning\"\n",
		"text":["one", null, "two"], "lang":"日本", "year":2e3, "price":-1.5, "vector":[1,0,-0.5],
		"day":["2024-02-29","1969-12-31T23:59:59.5Z"], "ok":[true,false], "s":{"7":0.5,"3": 1}, "if_version":4}`))
	require.NoError(t, err)
	require.Equal(t, OpIndex, w.Kind)
	require.Equal(t, "aé", w.Doc.ID)
	require.Equal(t, uint64(4), *w.IfVersion)
	require.Equal(t, []float32{1, 0, -0.5}, w.Doc.Vector)
	require.Equal(t, []Value{
		{Field: "day", Ints: []int64{1709164800000, -500}},
		{Field: "lang", Strings: []string{"日本"}},
		{Field: "ok", Ints: []int64{1, 0}},
		{Field: "price", Floats: []float64{-1.5}},
		{Field: "s", Sparse: []SparseEntry{{3, 1}, {7, 0.5}}},
		{Field: "text", Strings: []string{"one", "two"}},
		{Field: "title", Strings: []string{"Early \"warning\"\n"}},
		{Field: "year", Ints: []int64{2000}},
	}, w.Doc.Values)
	require.Equal(t, `{"title":"Early \"warning\"\n","text":["one",null,"two"],"lang":"日本","year":2e3,`+
		`"price":-1.5,"day":["2024-02-29","1969-12-31T23:59:59.5Z"],"ok":[true,false],"s":{"7":0.5,"3":1}}`,
		string(w.Doc.Source))
}

func TestParseDocumentEnvelope(t *testing.T) {
	t.Run("vector in base64", func(t *testing.T) {
		w, err := ParseDocument(testSchema(), []byte(`{"id":"a","vector":"`+floats64(1, 2, 3)+`"}`))
		require.NoError(t, err)
		require.Equal(t, []float32{1, 2, 3}, w.Doc.Vector)
		require.Equal(t, "{}", string(w.Doc.Source))
	})
	t.Run("null and empty fields are absent", func(t *testing.T) {
		w, err := ParseDocument(testSchema(), []byte(`{"id":"a","title":null,"lang":[],"s":{},"vector":null}`))
		require.NoError(t, err)
		require.Empty(t, w.Doc.Values)
	})
	t.Run("delete", func(t *testing.T) {
		w, err := ParseDocument(testSchema(), []byte(`{"op":"delete","id":"a","if_version":3}`))
		require.NoError(t, err)
		require.Equal(t, OpDelete, w.Kind)
		require.Nil(t, w.Doc.Source)
	})
	t.Run("id from the address", func(t *testing.T) {
		w, err := ParseDocumentAs(testSchema(), "x", []byte(`{"title":"t"}`))
		require.NoError(t, err)
		require.Equal(t, "x", w.Doc.ID)
		_, err = ParseDocumentAs(testSchema(), "x", []byte(`{"id":"y"}`))
		requireProblem(t, err, "id", `"y"`)
	})
}

func floats64(values ...float32) string {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func TestParseDocumentRefuses(t *testing.T) {
	nan := floats64(1, float32(math.NaN()), 2)
	for _, c := range []struct{ name, data, field, detail string }{
		{"nothing", ``, "", "malformed JSON"},
		{"a truncated object", `{"id":"a"`, "", "malformed JSON"},
		{"an array", `[]`, "", "is an array"},
		{"trailing garbage", `{"id":"a"} x`, "", "end of the input"},
		{"a trailing comma", `{"id":"a",}`, "", "a key"},
		{"an unknown field", `{"id":"a","colour":"red"}`, "colour", "no field of the index"},
		{"a duplicate key", `{"id":"a","id":"b"}`, "id", "twice"},
		{"no id", `{"title":"a"}`, "id", "missing"},
		{"an empty id", `{"id":""}`, "id", "empty"},
		{"a numeric id", `{"id":7}`, "id", "is a number, must be a string"},
		{"a long id", `{"id":"` + strings.Repeat("x", 513) + `"}`, "id", "513 bytes, at most 512"},
		{"a number for a text", `{"id":"a","title":1}`, "title", "is a number, must be a string"},
		{"a fraction for an int", `{"id":"a","year":1.5}`, "year", "whole number"},
		{"an int out of range", `{"id":"a","year":9223372036854775808}`, "year", "64-bit integer"},
		{"a text for an int", `{"id":"a","year":["1"]}`, "year[0]", "is a string"},
		{"a float out of range", `{"id":"a","price":1e999}`, "price", "64-bit float"},
		{"NaN", `{"id":"a","price":NaN}`, "price", "malformed JSON"},
		{"a leading zero", `{"id":"a","year":01}`, "", "malformed JSON"},
		{"a bad date", `{"id":"a","day":"29.2.2024"}`, "day", "must be a date"},
		{"an impossible date", `{"id":"a","day":"2023-02-29"}`, "day", "must be a date"},
		{"nested arrays", `{"id":"a","lang":[["x"]]}`, "lang[0]", "array inside an array"},
		{"an object", `{"id":"a","lang":{"x":1}}`, "lang", "is an object"},
		{"invalid UTF-8", "{\"id\":\"a\",\"title\":\"x\xff\"}", "title", "invalid UTF-8"},
		{"half a surrogate pair", `{"id":"a","title":"\ud800"}`, "title", "surrogate"},
		{"a bad escape", `{"id":"a","title":"\x"}`, "title", "escape"},
		{"a control character", "{\"id\":\"a\",\"title\":\"\x01\"}", "title", "control character"},
		{"a long keyword", `{"id":"a","lang":"` + strings.Repeat("x", 8192) + `"}`, "lang", "8192 bytes"},
		{"too few dimensions", `{"id":"a","vector":[1,2]}`, "vector", "has 2 dimensions, the index has 3"},
		{"too many dimensions", `{"id":"a","vector":[1,2,3,4]}`, "vector", "has 4 dimensions, the index has 3"},
		{"a text in a vector", `{"id":"a","vector":[1,"2",3]}`, "vector[1]", "is a string"},
		{"a vector out of range", `{"id":"a","vector":[1,1e39,3]}`, "vector[1]", "32-bit float"},
		{"a vector of zeros", `{"id":"a","vector":[0,0,0]}`, "vector", "all zeros"},
		{"bad base64", `{"id":"a","vector":"***"}`, "vector", "base64"},
		{"NaN in base64", `{"id":"a","vector":"` + nan + `"}`, "vector", "NaN at position 1"},
		{"an unknown op", `{"id":"a","op":"upsert"}`, "op", "index, create or delete"},
		{"a delete with fields", `{"id":"a","op":"delete","title":"x"}`, "op", "takes no fields"},
		{"a negative version", `{"id":"a","if_version":-1}`, "if_version", "negative"},
		{"create with a version", `{"id":"a","op":"create","if_version":2}`, "if_version", "contradicts"},
		{"a bad dimension", `{"id":"a","s":{"x":1}}`, "s.x", "no dimension"},
		{"a weight of 0", `{"id":"a","s":{"1":0}}`, "s.1", "greater than 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseDocument(testSchema(), []byte(c.data))
			requireProblem(t, err, c.field, c.detail)
		})
	}
	t.Run("a vector without a dense leg", func(t *testing.T) {
		_, err := ParseDocument(&Schema{}, []byte(`{"id":"a","vector":[1]}`))
		requireProblem(t, err, "vector", "no dense leg")
	})
}

func TestSourceRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{
			"title": rapid.String().Draw(t, "title"),
			"lang":  rapid.SliceOf(rapid.String()).Draw(t, "lang"),
			"price": rapid.Float64().Draw(t, "price"),
			"ok":    rapid.Bool().Draw(t, "ok"),
		}
		indent := strings.Repeat(" ", rapid.IntRange(0, 2).Draw(t, "indent"))
		wanted, err := json.Marshal(doc)
		require.NoError(t, err)
		doc["id"] = "x"
		data, err := json.MarshalIndent(doc, indent, indent)
		require.NoError(t, err)
		w, err := ParseDocument(testSchema(), data)
		require.NoError(t, err)
		require.Equal(t, string(wanted), string(w.Doc.Source))
		require.Equal(t, doc["title"], w.Doc.Value("title").Strings[0])
	})
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"id":"a","title":"t\u00e9","s":{"1":0.5},"vector":[1,2,3],"day":"2024-01-01"}`))
	f.Add([]byte(`{"id":"a","lang":["x",null],"year":1e2,"op":"create"}`))
	f.Add([]byte(`{"id":"a","vector":"` + floats64(1, 2, 3) + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := ParseDocument(testSchema(), data)
		if err != nil {
			var p *Problem
			require.ErrorAs(t, err, &p)
			return
		}
		require.True(t, json.Valid(data))
		if w.Kind == OpDelete {
			return
		}
		require.True(t, json.Valid(w.Doc.Source), "source %q", w.Doc.Source)
		again, err := ParseDocumentAs(testSchema(), w.Doc.ID, w.Doc.Source)
		require.NoError(t, err)
		require.Equal(t, w.Doc.Source, again.Doc.Source)
		require.Equal(t, w.Doc.Values, again.Doc.Values)
	})
}

func BenchmarkParseDocument(b *testing.B) {
	text := strings.Repeat("Alterations of the architecture of cerebral white matter. ", 26)
	plain := []byte(fmt.Sprintf(`{"id":"4983","title":"Microstructural development","text":%q}`, text))
	numbers := make([]string, 1024)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("%.8f", math.Sin(float64(i)))
	}
	vector := []byte(`{"id":"a","vector":[` + strings.Join(numbers, ",") + `]}`)
	for name, data := range map[string][]byte{"abstract": plain, "1024 floats": vector} {
		schema := testSchema()
		schema.Dense.Dims = 1024
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseDocument(schema, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
