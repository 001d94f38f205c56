package auth

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// chainOf makes a file of an audit log with so many lines beside the first.
func chainOf(t testing.TB, c *Chain, lines int) []byte {
	t.Helper()
	out, err := c.First(noon, "n1")
	require.NoError(t, err)
	for i := range lines {
		line, err := c.Line(Record{
			At: noon, Principal: "key:k1", Action: "index.delete", Target: strings.Repeat("x", i), Source: "10.0.0.1",
			Allowed: i%2 == 0, Outcome: "204", Detail: "quote \" and \n line", RequestID: "r",
		})
		require.NoError(t, err)
		out = append(out, line...)
	}
	return out
}

func TestChain(t *testing.T) {
	c := Begin(Tail{})
	first := chainOf(t, c, 5)
	t.Run("a file is whole", func(t *testing.T) {
		v, err := VerifyLog(bytes.NewReader(first))
		require.NoError(t, err)
		require.Equal(t, uint64(6), v.Records)
		require.Equal(t, c.Tail(), v.Tail)
		require.Zero(t, v.From)
		require.Equal(t, noon, v.Last)
	})
	t.Run("the next file follows from it", func(t *testing.T) {
		next := Begin(c.Tail())
		v, err := VerifyLog(bytes.NewReader(chainOf(t, next, 2)))
		require.NoError(t, err)
		require.Equal(t, c.Tail(), v.From)
		require.Equal(t, uint64(9), v.Tail.Sequence)
	})
	lines := bytes.SplitAfter(first, []byte("\n"))
	join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	t.Run("what was changed is found", func(t *testing.T) {
		other := Begin(Tail{})
		foreign := bytes.SplitAfter(chainOf(t, other, 6), []byte("\n"))
		for name, data := range map[string][]byte{
			"empty":         {},
			"a line gone":   join(lines[0], lines[1], lines[3], lines[4]),
			"first gone":    join(lines[1:]...),
			"two swapped":   join(lines[0], lines[2], lines[1], lines[3]),
			"one twice":     join(lines[0], lines[1], lines[1]),
			"one more":      join(lines[0], lines[1], foreign[5]),
			"edited":        bytes.Replace(first, []byte("index.delete"), []byte("index.create"), 1),
			"edited last":   bytes.Replace(first, []byte(`"target":"xxxx"`), []byte(`"target":"xxxy"`), 1),
			"allowed":       bytes.Replace(first, []byte(`"allowed":false`), []byte(`"allowed":true`), 1),
			"no hash":       join(lines[0], []byte("{}\n")),
			"text":          []byte("hello\n"),
			"first is torn": lines[0][:len(lines[0])-5],
			"long":          join(lines[0], bytes.Repeat([]byte("x"), MaxAuditLineBytes+1), []byte("\n")),
		} {
			_, err := VerifyLog(bytes.NewReader(data))
			require.ErrorIs(t, err, ErrChain, name)
		}
	})
	t.Run("a torn end is told of", func(t *testing.T) {
		v, err := VerifyLog(bytes.NewReader(first[:len(first)-4]))
		require.NoError(t, err)
		require.True(t, v.Torn)
		require.Equal(t, uint64(5), v.Records)
	})
	t.Run("long texts are cut", func(t *testing.T) {
		c := Begin(Tail{})
		out, err := c.First(noon, "n1")
		require.NoError(t, err)
		long := strings.Repeat("\x01", 1<<20)
		line, err := c.Line(Record{
			Principal: long, Action: long, Target: long, Source: long, Outcome: long, Detail: long, RequestID: long,
		})
		require.NoError(t, err)
		require.Less(t, len(line), MaxAuditLineBytes)
		_, err = VerifyLog(bytes.NewReader(append(out, line...)))
		require.NoError(t, err)
	})
}

func TestChainProperties(t *testing.T) {
	data := chainOf(t, Begin(Tail{}), 4)
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		changed := bytes.Clone(data)
		changed[at] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		v, err := VerifyLog(bytes.NewReader(changed))
		if err == nil && (at < len(data)-1 || !v.Torn) {
			t.Fatalf("bit flip at %d of %d is not found", at, len(data))
		}
	})
}

func FuzzVerifyLog(f *testing.F) {
	f.Add(chainOf(f, Begin(Tail{}), 3))
	f.Add([]byte("{\"hash\":\"\"}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := VerifyLog(bytes.NewReader(data)); err != nil {
			require.ErrorIs(t, err, ErrChain)
		}
	})
}
