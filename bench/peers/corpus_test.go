package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	into := filepath.Join(dir, "corpus.tsv")
	lines := `{"id":"a","title":"The Fox","text":"jumps, 2 times"}` + "\n" + `{"id":"b","text":"日本 ÉTÉ x"}` + "\n"
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	tokens := func(t *testing.T) []string {
		t.Helper()
		data, err := os.ReadFile(into)
		require.NoError(t, err)
		var out []string
		for i, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
			part := strings.Split(line, "\t")
			require.Len(t, part, 3)
			require.Equal(t, shareNames(i), part[1])
			out = append(out, part[0]+":"+part[2])
		}
		return out
	}
	t.Run("plain lines", func(t *testing.T) {
		n, err := prepare(write("plain.jsonl", []byte(lines)), into, 0)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Equal(t, []string{"0:the fox jumps 2 times", "1:t x"}, tokens(t))
	})
	t.Run("packed lines up to a limit", func(t *testing.T) {
		packer, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		n, err := prepare(write("packed.zst", packer.EncodeAll([]byte(lines), nil)), into, 1)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, []string{"0:the fox jumps 2 times"}, tokens(t))
	})
	t.Run("a broken line is named", func(t *testing.T) {
		_, err := prepare(write("broken.jsonl", []byte(lines+"{\n")), into, 0)
		require.ErrorContains(t, err, "line 3")
		require.ErrorContains(t, err, "broken.jsonl")
	})
	t.Run("a missing file is named", func(t *testing.T) {
		_, err := prepare(filepath.Join(dir, "nothing"), into, 0)
		require.ErrorContains(t, err, "nothing")
	})
}

func TestShares(t *testing.T) {
	t.Run("filters select what they say", func(t *testing.T) {
		const n = 100_000
		counts := map[string]int{}
		for i := range n {
			for _, name := range strings.Fields(shareNames(i)) {
				counts[name]++
			}
		}
		require.InDelta(t, n/100, counts["1"], n/1000)
		require.InDelta(t, n/10, counts["10"], n/200)
		require.InDelta(t, n/2, counts["50"], n/100)
	})
}
