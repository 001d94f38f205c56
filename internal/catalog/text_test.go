package catalog

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// odd draws texts of few letters, those that are escaped among them.
func odd() *rapid.Generator[string] {
	return rapid.StringOf(rapid.SampledFrom([]rune{0, 1, 2, 3, 'a', 'b', 0xD7FF, 0xE000, utf8.MaxRune}))
}

func TestEscapeID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := odd().Draw(t, "a"), odd().Draw(t, "b")
		require.Equal(t, a, UnescapeID(EscapeID(a)))
		require.NotContains(t, EscapeID(a), "\x00")
		require.Equal(t, strings.Compare(a, b), strings.Compare(EscapeID(a), EscapeID(b)))
	})
}

func TestPrefixEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix, text := odd().Draw(t, "prefix"), odd().Draw(t, "text")
		end := PrefixEnd(prefix)
		require.True(t, utf8.ValidString(end))
		require.Equal(t, strings.HasPrefix(text, prefix), text >= prefix && (end == "" || text < end), "%q %q", prefix, text)
	})
	require.Equal(t, "b", PrefixEnd("a"))
	require.Equal(t, "b", PrefixEnd("a\U0010FFFF"))
	require.Equal(t, "\uE000", PrefixEnd("\uD7FF"))
	require.Empty(t, PrefixEnd("\U0010FFFF"))
}

func FuzzClean(f *testing.F) {
	f.Add("地震", 4)
	f.Add("\x00\xff", 10)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 {
			return
		}
		got := clean(text, limit)
		require.True(t, utf8.ValidString(got))
		require.NotContains(t, got, "\x00")
		if utf8.ValidString(text) && !strings.Contains(text, "\x00") {
			require.LessOrEqual(t, len(got), limit)
			require.True(t, strings.HasPrefix(text, got))
			require.Less(t, min(limit, len(text))-len(got), utf8.UTFMax, "no more is cut than must be")
		}
	})
}
