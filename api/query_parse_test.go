package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseQuery(t *testing.T) {
	year := func(n int64) *Scalar { return &Scalar{Type: TypeInt, Int: n} }
	two := 2
	for _, c := range []struct {
		name, data string
		want       Query
	}{
		{"a text", `"early warning"`, &Match{Text: "early warning", Operator: OperatorOr, Boost: 1}},
		{
			"a long match", `{"match":{"query":"a b","fields":["title^2","text"],"operator":"AND","boost":3}}`,
			&Match{
				Fields: []FieldBoost{{"title", 2}, {"text", 1}}, Text: "a b", Operator: OperatorAnd, Boost: 3,
			},
		},
		{
			"a short match", `{"match":{"title":"x"}}`,
			&Match{Fields: []FieldBoost{{"title", 1}}, Text: "x", Operator: OperatorOr, Boost: 1},
		},
		{
			"a match with options in the field", `{"match":{"title":{"query":"x y z","minimum":2}}}`,
			&Match{Fields: []FieldBoost{{"title", 1}}, Text: "x y z", Operator: OperatorOr, Minimum: 2, Boost: 1},
		},
		{"a phrase", `{"phrase":{"text":"a b"}}`, &Phrase{Fields: []FieldBoost{{"text", 1}}, Text: "a b", Boost: 1}},
		{"a term", `{"term":{"lang":"ja"}}`, &Term{"lang", Scalar{Type: TypeKeyword, Str: "ja"}, 1}},
		{
			"a term with a boost", `{"term":{"ok":{"value":true,"boost":0.5}}}`,
			&Term{"ok", Scalar{Type: TypeBool, Int: 1}, 0.5},
		},
		{
			"terms", `{"terms":{"year":[1,2],"boost":2}}`,
			&Terms{Field: "year", Values: []Scalar{*year(1), *year(2)}, Boost: 2},
		},
		{
			"a range", `{"range":{"year":{"gte":2000,"lt":2010}}}`,
			&Range{Field: "year", GTE: year(2000), LT: year(2010), Boost: 1},
		},
		{"exists", `{"exists":{"field":"s"}}`, &Exists{"s", 1}},
		{"a prefix", `{"prefix":{"lang":"j"}}`, &Prefix{"lang", "j", 1}},
		{"ids", `{"ids":{"values":["a","b"]}}`, &IDs{[]string{"a", "b"}, 1}},
		{"match_all", `{"match_all":{}}`, &MatchAll{1}},
		{
			"a sparse vector", `{"sparse_vector":{"vector":{"12":0.5}}}`,
			&SparseVector{"s", []SparseEntry{{12, 0.5}}, 1},
		},
		{
			"a bool", `{"bool":{"must":{"match_all":{}},"should":[{"exists":{"field":"s"}},{"exists":{"field":"ok"}}],` +
				`"minimum_should":2}}`,
			&Bool{
				Must: []Query{&MatchAll{1}}, Should: []Query{&Exists{"s", 1}, &Exists{"ok", 1}},
				MinimumShould: &two, Boost: 1,
			},
		},
		{
			"only must_not", `{"bool":{"must_not":[{"exists":{"field":"s"}}]}}`,
			&Bool{MustNot: []Query{&Exists{"s", 1}}, Filter: []Query{&MatchAll{1}}, Boost: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := ParseQuery(testSchema(), []byte(c.data))
			require.NoError(t, err)
			require.Equal(t, c.want, q)
		})
	}
}

func TestParseQueryRefuses(t *testing.T) {
	deep := strings.Repeat(`{"bool":{"must":`, 21) + `{"match_all":{}}` + strings.Repeat(`}}`, 21)
	ids := make([]string, 1100)
	for i := range ids {
		ids[i] = fmt.Sprintf("%q", fmt.Sprint(i))
	}
	list := strings.Join(ids, ",")
	for _, c := range []struct{ name, data, field, detail string }{
		{"nothing", ``, "", "malformed JSON"},
		{"a number", `7`, "", "is a number, must be an object"},
		{"an empty text", `"  "`, "", "is empty"},
		{"an empty object", `{}`, "", "empty object"},
		{"two kinds", `{"match_all":{},"exists":{"field":"s"}}`, "exists", "exactly one"},
		{"an unknown kind", `{"fuzzy":{}}`, "fuzzy", "no kind of query"},
		{"an unknown field", `{"term":{"colour":"red"}}`, "term.colour", `"colour"`},
		{"a fraction on an int", `{"term":{"year":1.5}}`, "term.year", "whole number"},
		{"a text on an int", `{"range":{"year":{"gte":"x"}}}`, "range.year.gte", "is a string"},
		{"a range on text", `{"range":{"title":{"gte":"x"}}}`, "range.title", "type text"},
		{"a range without bounds", `{"range":{"year":{}}}`, "range.year", "no bound"},
		{"a range with gt and gte", `{"range":{"year":{"gt":1,"gte":2}}}`, "range.year", "both"},
		{"a match on a keyword", `{"match":{"lang":"ja"}}`, "match.lang", "type keyword"},
		{"a match without query", `{"match":{}}`, "match.query", "missing"},
		{"an unknown operator", `{"match":{"query":"a","operator":"xor"}}`, "match.operator", "or, and"},
		{"minimum with and", `{"match":{"query":"a","operator":"and","minimum":1}}`, "match.minimum", "contradicts"},
		{"two fields", `{"match":{"title":"a","text":"b"}}`, "match.text", "second field"},
		{"a bad boost", `{"match":{"query":"a","fields":["title^x"]}}`, "match.fields[0]", `boost "x"`},
		{"a negative boost", `{"exists":{"field":"s","boost":-1}}`, "exists.boost", "0 to"},
		{"an empty bool", `{"bool":{}}`, "bool", "no clauses"},
		{
			"a deep path", `{"bool":{"must":[{"match_all":{}},{"match_all":{}},{"term":{"year":"x"}}]}}`,
			"bool.must[2].term.year", "is a string",
		},
		{"too deep", deep, strings.TrimSuffix(strings.Repeat("bool.must.", 20), "."), "deeper than 20"},
		{"10,000 words", `"` + strings.Repeat("x ", 10_000) + `"`, "", "1024 terms"},
		{"too many ids", `{"ids":{"values":[` + list + `]}}`, "ids.values[1023]", "1024 terms"},
		{"too many terms", `{"terms":{"lang":[` + list + `]}}`, "terms.lang[1023]", "1024 terms"},
		{
			"minimum_should beyond", `{"bool":{"should":[{"match_all":{}}],"minimum_should":2}}`,
			"bool.minimum_should", "1 should",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseQuery(testSchema(), []byte(c.data))
			requireProblem(t, err, c.field, c.detail)
		})
	}
	t.Run("a text as a filter", func(t *testing.T) {
		_, err := ParseFilter(testSchema(), []byte(`"x"`))
		requireProblem(t, err, "", "must be an object")
	})
	t.Run("too many clauses of a filter", func(t *testing.T) {
		clauses := strings.Repeat(`{"bool":{"must":{"match_all":{}}}},`, 600)
		_, err := ParseFilter(testSchema(), []byte(`{"bool":{"must":[`+strings.TrimSuffix(clauses, ",")+`]}}`))
		requireProblem(t, err, "bool.must[511].bool.must", "1024 filter clauses")
	})
}

func FuzzParseQuery(f *testing.F) {
	f.Add([]byte(`{"bool":{"must":[{"match":{"title":"x"}}],"filter":{"range":{"day":{"gt":"2020-01-01"}}}}}`))
	f.Add([]byte(`{"sparse_vector":{"field":"s","vector":{"1":2}}}`))
	f.Add([]byte(`{"terms":{"lang":["a"],"boost":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func(*Schema, []byte) (Query, error){ParseQuery, ParseFilter} {
			q, err := parse(testSchema(), data)
			if err == nil {
				require.NotNil(t, q)
				continue
			}
			var p *Problem
			require.ErrorAs(t, err, &p)
			require.Equal(t, 400, p.Status)
		}
	})
}
