package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAsked(t *testing.T) {
	schema, err := ParseSchema([]byte(`{"fields":{"text":{"type":"text"}}}`))
	require.NoError(t, err)
	long := strings.Repeat("日", MaxAskedBytes)
	for body, want := range map[string]string{
		`{"query":"early warning"}`:                                   "early warning",
		`{"query": {"match": {"text":"a"}} ,"size":1}`:                `{"match": {"text":"a"}}`,
		`{"query":"` + long + `"}`:                                    long[:MaxAskedBytes/3*3],
		`{"query":{"match":{"text":"` + long + `"}}}`:                 `{"match":{"text":"` + long[:(MaxAskedBytes-18)/3*3],
		`{"query":{"match_all":{}},"timeout":"1s"}`:                   `{"match_all":{}}`,
		`{"size":0,"query":"x","filter":{"exists":{"field":"text"}}}`: "x",
	} {
		r, err := ParseSearchRequest(&schema, []byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, r.Asked)
	}
}
