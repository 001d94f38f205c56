package catalog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCursor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Cursor{
			Kind: rapid.SampledFrom([]byte{CursorNewest, CursorByID, CursorJobs, CursorAudit}).Draw(t, "kind"),
			At:   time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "at")).UTC(),
			Key:  EscapeID(rapid.StringN(0, 100, 500).Draw(t, "key")),
		}
		got, err := ParseCursor(c.String(), c.Kind)
		require.NoError(t, err)
		require.Equal(t, c, got)
		_, err = ParseCursor(c.String(), c.Kind+1)
		require.ErrorIs(t, err, ErrInvalid)
	})
	_, err := (&Cursor{Key: "12x"}).Number()
	require.ErrorIs(t, err, ErrInvalid)
	n, err := (&Cursor{Key: "12"}).Number()
	require.NoError(t, err)
	require.Equal(t, int64(12), n)
}

func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{Kind: CursorNewest, At: time.Unix(1, 0), Key: "a"}.String())
	f.Add("")
	f.Add("bgAAAAAAAAAA_w")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text, CursorNewest)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			return
		}
		require.Equal(t, text, c.String(), "a cursor is written in one way only")
	})
}
