package quality

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestReadCorpus(t *testing.T) {
	t.Run("in order, blank lines passed over", func(t *testing.T) {
		path := write(t, "c.jsonl", `{"id":"b","title":"梅雨","text":"雨\n季"}`+"\n\n"+`{"text":"t","id":"a","title":""}`)
		got, err := ReadCorpus(path)
		require.NoError(t, err)
		require.Equal(t, []Document{{ID: "b", Title: "梅雨", Text: "雨\n季"}, {ID: "a", Text: "t"}}, got)
	})
	good := `{"id":"a","title":"","text":""}` + "\n"
	for _, c := range []struct{ name, content, want string }{
		{"malformed JSON", good + `{"id":`, "c.jsonl:2: bad collection"},
		{"an array", good + "\n[]", "c.jsonl:3"},
		{"a missing key", `{"id":"a","title":"x"}`, `c.jsonl:1: bad collection: "text" is missing`},
		{"an unknown key", `{"id":"a","title":"x","text":"","url":""}`, `unknown field "url"`},
		{"an empty id", `{"id":"","title":"x","text":""}`, `"id" is empty`},
		{"a number as id", `{"id":1,"title":"x","text":""}`, "c.jsonl:1"},
		{"an id twice", good + good, `c.jsonl:2: bad collection: id "a" is on line 1 already`},
		{"two objects on a line", `{"id":"a","title":"","text":""} {}`, "text after the JSON object"},
		{"invalid UTF-8", good + "{\"id\":\"\xff\"}", "c.jsonl:2: bad collection: not valid UTF-8"},
		{"an endless line", good + strings.Repeat("x", maxLineBytes+1), "c.jsonl:2: bad collection: the line is longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadCorpus(write(t, "c.jsonl", c.content))
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Run("no file", func(t *testing.T) {
		_, err := ReadCorpus(filepath.Join(t.TempDir(), "none.jsonl"))
		require.ErrorIs(t, err, os.ErrNotExist)
		require.ErrorContains(t, err, "none.jsonl")
	})
}

func TestReadQueries(t *testing.T) {
	got, err := ReadQueries(write(t, "q.tsv", "2\t梅雨とは\r\n1\ta\tb\n"))
	require.NoError(t, err)
	require.Equal(t, []Query{{ID: "2", Text: "梅雨とは"}, {ID: "1", Text: "a\tb"}}, got)
	for _, c := range []struct{ name, content, want string }{
		{"no tab", "1\tx\n2 y", "q.tsv:2: bad collection: 1 columns"},
		{"no id", "\tx", "q.tsv:1: bad collection: the query's id is empty"},
		{"no text", "1\t ", `query "1" has no text`},
		{"an id twice", "1\tx\n1\ty", `q.tsv:2: bad collection: query "1" is on line 1 already`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadQueries(write(t, "q.tsv", c.content))
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestReadQrels(t *testing.T) {
	got, err := ReadQrels(write(t, "r.tsv", "1\td1\t2\r\n1\td2\t0\n2\td1\t-1\n"))
	require.NoError(t, err)
	require.Equal(t, Qrels{"1": {"d1": 2, "d2": 0}, "2": {"d1": -1}}, got)
	for _, c := range []struct{ name, content, want string }{
		{"the format of TREC", "1\t0\td1\t1", "r.tsv:1: bad collection: 4 columns between tabs, must be 3"},
		{"a word as grade", "1\td1\thigh", `grade "high" is no whole number`},
		{"no document", "1\t\t1", "an id is empty"},
		{"judged twice", "1\td\t1\n1\td\t0", `r.tsv:2: bad collection: document "d" is judged twice for query "1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadQrels(write(t, "r.tsv", c.content))
			require.ErrorIs(t, err, ErrFormat)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// vectorsDir writes vectors.json and passages.f16 into a new directory.
func vectorsDir(t *testing.T, manifest string, halves ...uint16) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, manifestName), []byte(manifest), 0o600))
	var data []byte
	for _, half := range halves {
		data = binary.LittleEndian.AppendUint16(data, half)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "passages.f16"), data, 0o600))
	return dir
}

func TestReadVectors(t *testing.T) {
	t.Run("rows", func(t *testing.T) {
		dir := vectorsDir(t, `{"model":"m","dims":2,"passages":2}`, 0x3c00, 0xc000, 0x3555, 0x0001)
		got, err := ReadVectors(dir, Passages)
		require.NoError(t, err)
		require.Equal(t, Vectors{Dims: 2, Rows: [][]float32{{1, -2}, {0.33325195, 0x1p-24}}}, got)
	})
	for _, c := range []struct {
		name     string
		manifest string
		halves   []uint16
		want     string
	}{
		{"half a row", `{"dims":2}`, []uint16{0, 0, 0}, "passages.f16: bad vectors: 6 bytes are no whole number of rows"},
		{"another count", `{"dims":2,"passages":3}`, []uint16{0, 0}, "it holds 1 rows, vectors.json says 3"},
		{"infinity", `{"dims":2}`, []uint16{0, 0, 0, 0x7c00}, "row 2 holds +Inf at position 1"},
		{"not a number", `{"dims":1}`, []uint16{0x7e01}, "row 1 holds NaN"},
		{"no dimensions", `{}`, nil, `"dims" is 0, must be 1 to 16384`},
		{"malformed JSON", `{`, nil, "vectors.json: bad vectors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadVectors(vectorsDir(t, c.manifest, c.halves...), Passages)
			require.ErrorIs(t, err, ErrVectors)
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Run("no file", func(t *testing.T) {
		_, err := ReadVectors(vectorsDir(t, `{"dims":1}`), Queries)
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("another name", func(t *testing.T) {
		_, err := ReadVectors(vectorsDir(t, `{"dims":1}`), "../passages")
		require.ErrorIs(t, err, ErrVectors)
	})
}

// TestFloat16 compares every finite value with the definition: (-1)^s * 2^(e-15) * 1.f, or 2^-14 * 0.f.
func TestFloat16(t *testing.T) {
	for bits := range 1 << 16 {
		sign, exponent, fraction := 1-2*float64(bits>>15), bits>>10&31, float64(bits&1023)/1024
		want := math.Ldexp(1+fraction, exponent-15)
		switch exponent {
		case 0:
			want = math.Ldexp(fraction, -14)
		case 31:
			continue
		}
		require.Equal(t, float32(sign*want), float16(uint16(bits)), "bits %#x", bits)
	}
}
