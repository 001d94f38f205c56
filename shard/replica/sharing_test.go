package replica

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSharing(t *testing.T) {
	t.Run("strings of a field are found in their order", func(t *testing.T) {
		var s Sharing
		s.Begin([]byte(`{"a":["same words","same words"]}`))
		first, ok := s.Find("same words")
		require.True(t, ok)
		second, ok := s.Find("same words")
		require.True(t, ok)
		require.Greater(t, second, first)
		_, ok = s.Find("same words")
		require.False(t, ok)
		s.Field()
		again, ok := s.Find("same words")
		require.True(t, ok)
		require.Equal(t, first, again)
	})
	t.Run("very many strings that are not found cost a bounded search", func(t *testing.T) {
		var s Sharing
		source := bytes.Repeat([]byte(`"tab\tbed text",`), 20_000)
		s.Begin(source)
		for range 20_000 {
			_, ok := s.Find("tab\tbed text")
			require.False(t, ok)
		}
		require.Greater(t, s.budget, -len(source), "no search was begun after the budget was spent")
	})
}
