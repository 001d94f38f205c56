package query

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
)

// fill sets every member of v to something drawn.
func fill(t *rapid.T, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "float"))
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Slice:
		n := rapid.IntRange(-1, 3).Draw(t, "length")
		if n < 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), depth+1)
		}
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), depth+1)
		}
	default:
		t.Fatalf("no way to fill %s", v.Type())
	}
}

func TestAnswersComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newAnswerCodec()
		var want, got api.SearchResponse
		fill(t, reflect.ValueOf(&want).Elem(), 0)
		data := c.append(nil, reflect.ValueOf(want))
		r := reader{codec: c, data: data}
		require.NoError(t, r.read(reflect.ValueOf(&got).Elem()))
		require.Empty(t, r.data)
		want.TookMS, want.TimingsMS, want.Cached = 0, api.Timings{}, false
		require.True(t, equalValues(reflect.ValueOf(want), reflect.ValueOf(got)), "%#v\n%#v", want, got)
		// What is cut off is no answer.
		for range min(len(data), 5) {
			r := reader{codec: c, data: data[:rapid.IntRange(0, len(data)-1).Draw(t, "cut")]}
			require.ErrorIs(t, r.read(reflect.ValueOf(&api.SearchResponse{}).Elem()), errCodec)
		}
	})
}

// equalValues is reflect.DeepEqual that takes a NaN for itself.
func equalValues(a, b reflect.Value) bool {
	return string((&codec{}).append(nil, a)) == string((&codec{}).append(nil, b))
}

// testRequest has something in every member, and every kind of query.
func testRequest() *api.SearchRequest {
	five, text := 5, api.Scalar{Type: api.TypeKeyword, Str: "v", Int: 1, Float: 2}
	bound := func() *api.Scalar { copied := text; return &copied }
	return &api.SearchRequest{
		Query: &api.Bool{
			Must: []api.Query{
				&api.Match{
					Fields: []api.FieldBoost{{Field: "title", Boost: 2}}, Text: "a b", Operator: api.OperatorAnd, Minimum: 1,
					Boost: 1,
				},
				&api.Phrase{Fields: []api.FieldBoost{{Field: "title", Boost: 2}}, Text: "a b", Boost: 1},
			},
			Should: []api.Query{
				&api.SparseVector{Field: "s", Vector: []api.SparseEntry{{Dim: 7, Weight: 0.5}}, Boost: 1},
			},
			MustNot:       []api.Query{&api.Terms{Field: "f", Values: []api.Scalar{text}, Boost: 1}},
			Filter:        []api.Query{&api.Range{Field: "f", GT: bound(), GTE: bound(), LT: bound(), LTE: bound(), Boost: 1}},
			MinimumShould: &five, Boost: 1,
		},
		Text: "a b", Mode: api.ModeHybrid, From: 1, Size: 2,
		Filter: &api.Bool{Filter: []api.Query{
			&api.Term{Field: "f", Value: text, Boost: 1}, &api.Exists{Field: "f", Boost: 1},
			&api.Prefix{Field: "f", Value: "v", Boost: 1}, &api.IDs{Values: []string{"a"}, Boost: 1},
			&api.MatchAll{Boost: 1},
		}, Boost: 1},
		Only:    &api.Term{Field: "tenant", Value: text, Boost: 1},
		Vector:  []float32{1, 2},
		Fusion:  api.Fusion{Method: "rrf", K: 60, Window: 10, Weights: api.Weights{Sparse: 1, Dense: 1}},
		Explain: true, Count: 100, Timeout: time.Second, Sequence: []string{"s"}, AllowPartial: true, NoCache: true,
		Asked: "a b", Collapse: &api.Collapse{},
	}
}

// change changes every leaf of v in turn, and calls f with its path while it is changed.
func change(v reflect.Value, path string, f func(path string)) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return
		}
		change(v.Elem(), path, f)
		if v.CanSet() {
			old := reflect.ValueOf(v.Interface())
			v.SetZero()
			f(path + " nil")
			v.Set(old)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			change(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			change(v.Index(i), fmt.Sprintf("%s[%d]", path, i), f)
		}
		if v.Len() == 0 {
			return
		}
		old := reflect.ValueOf(v.Interface())
		v.Set(v.Slice(0, v.Len()-1))
		f(path + " shorter")
		v.Set(old)
	case reflect.Bool:
		v.SetBool(!v.Bool())
		f(path)
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
		f(path)
		v.SetString(v.String()[:v.Len()-1])
	case reflect.Float32, reflect.Float64:
		v.SetFloat(v.Float() + 1)
		f(path)
		v.SetFloat(v.Float() - 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
		f(path)
		v.SetInt(v.Int() - 1)
	case reflect.Uint32:
		v.SetUint(v.Uint() + 1)
		f(path)
		v.SetUint(v.Uint() - 1)
	default:
		panic("no way to change " + v.Type().String())
	}
}

func TestEveryMemberIsPartOfTheQuestion(t *testing.T) {
	f := newFixture(t)
	a := f.searcher.answers
	req := testRequest()
	none := reflect.ValueOf(*req)
	for i := range none.NumField() {
		require.False(t, none.Field(i).IsZero(), "the test's request has no %s", none.Type().Field(i).Name)
	}
	before := a.ask(&f.target, req)
	require.Equal(t, before, a.ask(&f.target, req))
	answers := map[digest]string{before.answer: "unchanged"}
	same := map[string]bool{
		".Timeout": true, ".Sequence[0]": true, ".Sequence shorter": true, ".AllowPartial": true, ".NoCache": true,
		".Asked": true,
	}
	change(reflect.ValueOf(req).Elem(), "", func(path string) {
		q := a.ask(&f.target, req)
		if same[path] {
			require.Equal(t, before.answer, q.answer, path)
			return
		}
		require.Empty(t, answers[q.answer], "%s is as", path)
		answers[q.answer] = path
	})
	require.Equal(t, before, a.ask(&f.target, req))
	require.Greater(t, len(answers), 60)

	t.Run("so are index, generation and access", func(t *testing.T) {
		target := f.target
		target.ID = "0002"
		require.NotEqual(t, before.answer, a.ask(&target, req).answer)
		target = f.target
		target.Access = "somebody"
		require.NotEqual(t, before.answer, a.ask(&target, req).answer)
		target = f.target
		schema, vectors := *f.target.Schema, *f.target.Schema.Dense
		vectors.Generation++
		schema.Dense, target.Schema = &vectors, &schema
		require.NotEqual(t, before.answer, a.ask(&target, req).answer)
	})
	t.Run("those who wait differently, or must see more, share no run", func(t *testing.T) {
		longer := *req
		longer.Timeout++
		require.NotEqual(t, before.flight, a.ask(&f.target, &longer).flight)
		strict := *req
		strict.AllowPartial = false
		require.NotEqual(t, before.flight, a.ask(&f.target, &strict).flight)
		target := f.target
		target.Seen = []uint64{7}
		q := a.ask(&target, req)
		require.NotEqual(t, before.flight, q.flight)
		require.Equal(t, before.answer, q.answer)
	})
	t.Run("kinds of query with the same members are told apart", func(t *testing.T) {
		exists, all := *req, *req
		exists.Query, all.Query = &api.Exists{Boost: 1}, &api.MatchAll{Boost: 1}
		prefix, phrase := *req, *req
		prefix.Query, phrase.Query = &api.Prefix{}, &api.Exists{}
		require.NotEqual(t, a.ask(&f.target, &exists).answer, a.ask(&f.target, &all).answer)
		require.NotEqual(t, a.ask(&f.target, &prefix).answer, a.ask(&f.target, &phrase).answer)
	})
	t.Run("positions are part of the place", func(t *testing.T) {
		keys := map[string]bool{}
		for _, positions := range [][]Position{{{1, 2}}, {{2, 1}}, {{1, 2}, {0, 0}}, {{0, 0}, {1, 2}}, {{12, 0}}} {
			keys[newPlace(&before, positions).key] = true
		}
		require.Len(t, keys, 5)
	})
}

func FuzzReadAnswer(f *testing.F) {
	c := newAnswerCodec()
	f.Add([]byte{})
	f.Add(c.append(nil, reflect.ValueOf(api.SearchResponse{
		Hits: []api.SearchHit{{
			ID: "a", Score: math.Pi, Source: api.RawJSON(`{}`), Legs: &api.Legs{Sparse: &api.LegShare{}},
		}},
		Degraded: []api.Degraded{},
	})))
	f.Fuzz(func(t *testing.T, data []byte) {
		var response api.SearchResponse
		r := reader{codec: c, data: data}
		if err := r.read(reflect.ValueOf(&response).Elem()); err != nil {
			require.ErrorIs(t, err, errCodec)
			return
		}
		// What can be read can be written, and is then the same.
		again := c.append(nil, reflect.ValueOf(response))
		var second api.SearchResponse
		last := reader{codec: c, data: again}
		require.NoError(t, last.read(reflect.ValueOf(&second).Elem()))
		require.True(t, equalValues(reflect.ValueOf(response), reflect.ValueOf(second)))
	})
}

func BenchmarkAsk(b *testing.B) {
	a := newAnswers(&Config{}, nil)
	target := Target{ID: "0001", Seen: []uint64{1}}
	const words = "early warning of earthquakes"
	small := &api.SearchRequest{Query: match(words), Text: words, Size: 10}
	vector := *small
	vector.Vector = make([]float32, 384)
	for name, req := range map[string]*api.SearchRequest{
		"text": small, "vector of 384": &vector, "every kind": testRequest(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.ask(&target, req)
			}
		})
	}
}

func BenchmarkCodec(b *testing.B) {
	response := &api.SearchResponse{Degraded: []api.Degraded{}}
	for i := range 10 {
		response.Hits = append(response.Hits, api.SearchHit{
			ID: fmt.Sprint("document ", i), Score: 1 / float64(i+1), Source: make(api.RawJSON, 1500),
			Legs: &api.Legs{Sparse: &api.LegShare{Rank: 1}, Dense: &api.LegShare{Rank: 2}},
		})
	}
	c := newAnswerCodec()
	data := c.append(nil, reflect.ValueOf(response).Elem())
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.append(nil, reflect.ValueOf(response).Elem())
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := reader{codec: c, data: data}
			if err := r.read(reflect.ValueOf(&api.SearchResponse{}).Elem()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
