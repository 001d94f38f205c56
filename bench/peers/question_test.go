package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuestions(t *testing.T) {
	t.Run("a line of the protocol", func(t *testing.T) {
		require.Equal(t, "or\t10\t0\t-\ta b", (&question{kind: "or", k: 10, terms: []string{"a", "b"}}).line())
		require.Equal(t, "and\t0\t1\t50\ta", (&question{kind: "and", count: true, share: 50, terms: []string{"a"}}).line())
	})
	t.Run("queries of a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "queries")
		long := strings.Repeat("w ", maxTerms+1)
		require.NoError(t, os.WriteFile(path, []byte("+Red +fox\n\n...\n"+long+"\nfox\n"), 0o600))
		texts, err := readTexts(path)
		require.NoError(t, err)
		require.Equal(t, [][]string{{"red", "fox"}, {"fox"}}, texts)
		require.NoError(t, os.WriteFile(path, []byte("...\n"), 0o600))
		_, err = readTexts(path)
		require.ErrorContains(t, err, path+" has none")
	})
	t.Run("all kinds are asked", func(t *testing.T) {
		var names []string
		for _, s := range sets([][]string{{"red", "fox"}, {"fox"}}, 10) {
			names = append(names, s.name)
			for _, q := range s.questions {
				require.True(t, len(q.terms) > 1 || q.kind == "or" || q.kind == "term")
			}
		}
		require.Equal(t, []string{
			"term top-10", "and top-10", "or top-10", "phrase top-10", "or top-100", "or top-100 with count", "or count",
			"or top-10, filter 1 %", "or top-10, filter 10 %", "or top-10, filter 50 %",
		}, names)
	})
}
