package auth

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func testSchema(t testing.TB) *api.Schema {
	t.Helper()
	schema, err := api.ParseSchema([]byte(`{"fields":{"title":{"type":"text"},"tenant":{"type":"keyword"},` +
		`"level":{"type":"int"},"score":{"type":"float"},"day":{"type":"date"},"open":{"type":"bool"},` +
		`"weights":{"type":"sparse_vector"}}}`))
	require.NoError(t, err)
	return &schema
}

func TestParseFilter(t *testing.T) {
	t.Run("bad filters", func(t *testing.T) {
		deep := strings.Repeat(`{"bool":{"must":[`, 9) + `{"match_all":{}}` + strings.Repeat(`]}}`, 9)
		for _, text := range []string{
			"", "null", "1", `"x"`, "[]", "{}", `{"term":1}`, `{"term":{"a":1},"terms":{}}`, `{"match":{"title":"x"}}`,
			`{"ids":["1"]}`, `{"phrase":{"title":"x"}}`, `{"sparse_vector":{}}`, `{"bool":{"must":[1]}}`, `{"bool":[]}`,
			`{"term":{"a":1}} x`, `{"term":{"a":1}}{}`, `{"term":{"a":"${}"}}`, `{"term":{"a":"${A B}"}}`, deep,
			`{"term":{"a":"` + strings.Repeat("x", MaxFilterBytes) + `"}}`,
		} {
			_, err := ParseFilter(text)
			require.ErrorIs(t, err, ErrFilter, "%.80s", text)
		}
	})
	t.Run("attributes", func(t *testing.T) {
		f, err := ParseFilter(`{"bool":{"should":[{"terms":{"tenant":["x","${group}"]}},{"term":{"tenant":"${tenant}"}},` +
			`{"prefix":{"tenant":"${tenant}"}}],"must_not":{"term":{"open":false}}}}`)
		require.NoError(t, err)
		require.Equal(t, []string{"group", "tenant"}, f.Attributes())
		bound, err := f.Bind(map[string][]string{"group": {"b", `"},{"`}, "tenant": {"red"}})
		require.NoError(t, err)
		require.JSONEq(t, `{"bool":{"should":[{"terms":{"tenant":["x","b","\"},{\""]}},{"term":{"tenant":"red"}},`+
			`{"prefix":{"tenant":"red"}}],"must_not":[{"term":{"open":false}}]}}`, bound)
		_, err = compileFilter(testSchema(t), bound)
		require.NoError(t, err)
		_, err = f.Bind(map[string][]string{"group": {"b"}})
		require.ErrorIs(t, err, ErrFilter)
		_, err = f.Bind(map[string][]string{"group": {"b"}, "tenant": {"a", "b"}})
		require.ErrorIs(t, err, ErrFilter, "a prefix of two")
	})
	t.Run("a term of several values is one of them", func(t *testing.T) {
		f, err := ParseFilter(`{"term":{"tenant":"${tenant}"}}`)
		require.NoError(t, err)
		bound, err := f.Bind(map[string][]string{"tenant": {"a", "b"}})
		require.NoError(t, err)
		require.Equal(t, `{"terms":{"tenant":["a","b"]}}`, bound)
	})
	t.Run("what a value holds is no variable", func(t *testing.T) {
		f, err := ParseFilter(`{"term":{"tenant":"${tenant}"}}`)
		require.NoError(t, err)
		bound, err := f.Bind(map[string][]string{"tenant": {"${other}"}, "other": {"red"}})
		require.NoError(t, err)
		require.Equal(t, `{"term":{"tenant":"${other}"}}`, bound)
	})
}

func TestDocumentsQuery(t *testing.T) {
	schema := testSchema(t)
	t.Run("what does not fit the index is refused", func(t *testing.T) {
		for _, text := range []string{
			`{"term":{"owner":"x"}}`, `{"term":{"title":"x"}}`, `{"exists":{"field":"weights"}}`, `{"term":{"level":"x"}}`,
			`{"prefix":{"title":"x"}}`, `{"bool":{"must_not":[{"exists":{"field":"title"}}]}}`,
		} {
			_, err := (&Documents{parts: [][]string{{text}}}).Query(schema)
			require.ErrorIs(t, err, ErrFilter, text)
		}
	})
	t.Run("an alternative that does not fit lets nothing through", func(t *testing.T) {
		q, err := (&Documents{parts: [][]string{{`{"term":{"owner":"x"}}`, `{"term":{"tenant":"a"}}`}}}).Query(schema)
		require.NoError(t, err)
		require.IsType(t, &api.Term{}, q)
	})
	t.Run("all parts hold", func(t *testing.T) {
		d := &Documents{parts: [][]string{{`{"term":{"tenant":"a"}}`}, {`{"term":{"level":1}}`, `{"term":{"level":2}}`}}}
		q, err := d.Query(schema)
		require.NoError(t, err)
		for _, c := range []struct {
			doc  string
			want bool
		}{
			{`{"tenant":"a","level":1}`, true}, {`{"tenant":"a","level":2}`, true}, {`{"tenant":"a","level":3}`, false},
			{`{"tenant":"b","level":1}`, false}, {`{"level":1}`, false}, {`{"tenant":["b","a"],"level":[7,2]}`, true},
		} {
			require.Equal(t, c.want, Matches(q, parse(t, schema, c.doc)), c.doc)
		}
		require.NotEqual(t, d.Digest(), (&Documents{parts: [][]string{d.parts[1], d.parts[0]}}).Digest())
		require.Empty(t, (*Documents)(nil).Digest())
	})
}

func parse(t testing.TB, schema *api.Schema, source string) *api.Document {
	t.Helper()
	w, err := api.ParseDocumentAs(schema, "d", []byte(source))
	require.NoError(t, err)
	return &w.Doc
}

func TestMatches(t *testing.T) {
	schema := testSchema(t)
	doc := parse(t, schema, `{"tenant":["red","blue"],"level":3,"score":0.5,"day":"2024-02-29T00:00:00Z","open":true}`)
	for filter, want := range map[string]bool{
		`{"term":{"tenant":"blue"}}`: true, `{"term":{"tenant":"green"}}`: false, `{"term":{"open":true}}`: true,
		`{"terms":{"level":[1,3]}}`: true, `{"terms":{"score":[1,3]}}`: false, `{"range":{"level":{"gt":3}}}`: false,
		`{"range":{"level":{"gte":3,"lt":4}}}`: true, `{"range":{"tenant":{"gte":"c","lt":"s"}}}`: true,
		`{"range":{"score":{"lte":0.5}}}`: true, `{"exists":{"field":"day"}}`: true, `{"match_all":{}}`: true,
		`{"prefix":{"tenant":"bl"}}`:                                                                                      true,
		`{"bool":{"must_not":[{"term":{"tenant":"red"}}]}}`:                                                               false,
		`{"bool":{"must_not":[{"term":{"tenant":"green"}}]}}`:                                                             true,
		`{"bool":{"should":[{"term":{"level":1}}]}}`:                                                                      false,
		`{"bool":{"filter":[{"term":{"level":3}}],"should":[{"term":{"level":1}}]}}`:                                      true,
		`{"bool":{"should":[{"term":{"level":3}},{"term":{"open":true}},{"term":{"level":9}}],"minimum_should_match":3}}`: false,
		`{"bool":{"should":[{"term":{"level":3}},{"term":{"open":true}},{"term":{"level":9}}],"minimum_should_match":2}}`: true,
	} {
		q, err := compileFilter(schema, filter)
		require.NoError(t, err, filter)
		require.Equal(t, want, Matches(q, doc), filter)
	}
	t.Run("the opposite of an unknown clause selects nothing", func(t *testing.T) {
		require.False(t, Matches(&api.Bool{MustNot: []api.Query{&api.IDs{Values: []string{"x"}}}}, doc))
		require.False(t, Matches(&api.Bool{Should: []api.Query{&api.IDs{}, &api.MatchAll{}}}, doc))
	})
}

func FuzzParseFilter(f *testing.F) {
	f.Add(`{"bool":{"should":[{"term":{"tenant":"${tenant}"}}],"minimum_should_match":1}}`, "red")
	f.Add(`{"terms":{"tenant":["${tenant}"]}}`, "${tenant}")
	schema := testSchema(f)
	f.Fuzz(func(t *testing.T, text, value string) {
		filter, err := ParseFilter(text)
		if err != nil {
			require.ErrorIs(t, err, ErrFilter)
			return
		}
		attributes := map[string][]string{}
		for _, name := range filter.Attributes() {
			attributes[name] = []string{value, value + "2"}
		}
		bound, err := filter.Bind(attributes)
		if err != nil {
			require.ErrorIs(t, err, ErrFilter)
			return
		}
		again, err := filter.Bind(attributes)
		require.NoError(t, err)
		require.Equal(t, bound, again, "the same attributes give the same text")
		if q, err := compileFilter(schema, bound); err == nil {
			Matches(q, &api.Document{})
		}
	})
}

func TestRoleCheck(t *testing.T) {
	good := Permission{Actions: []Action{IndexRead}, Indexes: []string{"papers"}}
	change := func(f func(*Permission)) Role {
		p := Permission{Actions: slices.Clone(good.Actions), Indexes: slices.Clone(good.Indexes)}
		f(&p)
		return Role{Name: "r", Permissions: []Permission{p}}
	}
	require.NoError(t, change(func(*Permission) {}).Check())
	require.NoError(t, change(func(p *Permission) { p.Actions, p.Indexes = []Action{ClusterRead}, nil }).Check())
	for name, r := range map[string]Role{
		"name":        {Name: "R", Permissions: []Permission{good}},
		"none":        {Name: "r"},
		"no actions":  change(func(p *Permission) { p.Actions = nil }),
		"action":      change(func(p *Permission) { p.Actions = []Action{"index.dance"} }),
		"public":      change(func(p *Permission) { p.Actions = []Action{Public} }),
		"no indexes":  change(func(p *Permission) { p.Indexes = nil }),
		"pattern":     change(func(p *Permission) { p.Indexes = []string{"a*b"} }),
		"path":        change(func(p *Permission) { p.Indexes = []string{"../x"} }),
		"filter":      change(func(p *Permission) { p.Filter = "{" }),
		"unfiltered":  change(func(p *Permission) { p.Actions, p.Filter = []Action{IndexAdmin}, `{"match_all":{}}` }),
		"permissions": {Name: "r", Permissions: slices.Repeat([]Permission{good}, MaxPermissions+1)},
	} {
		require.Error(t, r.Check(), name)
	}
}
