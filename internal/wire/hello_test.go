package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestGreeting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := greeting{
			Hello: Hello{
				Cluster: rapid.StringN(-1, -1, maxName).Draw(t, "cluster"),
				Node:    rapid.StringN(-1, -1, maxName).Draw(t, "node"),
			},
			low:     rapid.Uint16().Draw(t, "low"),
			refused: rapid.Bool().Draw(t, "refused"),
			reason:  rapid.StringN(-1, -1, maxReason).Draw(t, "reason"),
		}
		want.high = rapid.Uint16Min(want.low).Draw(t, "high")
		raw, err := appendGreeting(nil, want)
		require.NoError(t, err)
		got, err := readGreeting(bytes.NewReader(raw))
		require.NoError(t, err)
		want.reason = cut(want.reason, maxReason)
		require.Equal(t, want, got)
	})
	t.Run("what later versions add is ignored", func(t *testing.T) {
		raw, err := appendGreeting(nil, greet(Hello{Node: "n"}))
		require.NoError(t, err)
		raw[4] += 3
		got, err := readGreeting(bytes.NewReader(append(raw, 1, 2, 3)))
		require.NoError(t, err)
		require.Equal(t, "n", got.Node)
	})
	t.Run("a name that is too long is refused", func(t *testing.T) {
		_, err := appendGreeting(nil, greet(Hello{Node: strings.Repeat("n", 256)}))
		require.ErrorIs(t, err, ErrInvalidConfig)
	})
	t.Run("a reason that is too long is cut", func(t *testing.T) {
		raw, err := appendGreeting(nil, greeting{reason: strings.Repeat("é", maxReason)})
		require.NoError(t, err)
		got, err := readGreeting(bytes.NewReader(raw))
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("é", maxReason/2), got.reason)
	})
}

func TestVersion(t *testing.T) {
	for _, c := range []struct{ low, high, peerLow, peerHigh, want uint16 }{
		{1, 1, 1, 1, 1},
		{1, 2, 1, 1, 1},
		{1, 1, 1, 2, 1},
		{2, 3, 1, 2, 2},
		{1, 1, 2, 3, 0},
		{2, 3, 1, 1, 0},
	} {
		own, peer := greeting{low: c.low, high: c.high}, greeting{low: c.peerLow, high: c.peerHigh}
		got, err := own.version(&peer)
		require.Equal(t, c.want, got)
		if c.want == 0 {
			require.ErrorIs(t, err, ErrProtocol)
		} else {
			require.NoError(t, err)
		}
	}
}

// FuzzGreeting reads hellos; what can be read says the same when it is written again.
func FuzzGreeting(f *testing.F) {
	raw, err := appendGreeting(nil, greeting{
		Hello: Hello{Cluster: "c", Node: "n"}, low: 1, high: 2, refused: true, reason: "no",
	})
	require.NoError(f, err)
	f.Add(raw)
	f.Add(raw[:len(raw)-1])
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := readGreeting(bytes.NewReader(raw))
		if err != nil {
			require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrProtocol))
			return
		}
		again, err := appendGreeting(nil, g)
		require.NoError(t, err)
		if cut(g.reason, maxReason) == g.reason {
			require.True(t, bytes.HasPrefix(raw[helloHead:], again[helloHead:]))
		}
	})
}
