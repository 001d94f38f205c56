package rpc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

var update = flag.Bool("update", false, "rewrite testdata")

// encodeMessage encodes any message.
func encodeMessage(m any) ([]byte, error) {
	if q, ok := m.(question); ok {
		return q.encode()
	}
	e := newEncoder(0)
	m.(answer).encode(e)
	return e.end(0)
}

// answer is the server's side of a reply.
type answer interface{ encode(e *encoder) }

// decodeMessage decodes a message of the same kind as like.
func decodeMessage(like any, body []byte) (any, error) {
	m := reflect.New(reflect.TypeOf(like).Elem()).Interface()
	err := m.(reply).decode(newDecoder(body))
	return m, err
}

func sampleQuery() api.Query {
	two := 2
	return &api.Bool{
		Must: []api.Query{
			&api.Match{
				Fields: []api.FieldBoost{{Field: "title", Boost: 2}, {Field: "text", Boost: 1}}, Text: "地震 early warning",
				Operator: api.OperatorOr, Minimum: 2, Boost: 1,
			},
			&api.Phrase{Fields: []api.FieldBoost{{Field: "text", Boost: 1}}, Text: "early warning", Boost: 0.5},
			nil,
		},
		Should: []api.Query{
			&api.SparseVector{
				Field: "terms", Vector: []api.SparseEntry{{Dim: 1, Weight: 0.5}, {Dim: 900, Weight: 2}}, Boost: 1,
			},
			&api.Prefix{Field: "lang", Value: "j", Boost: 1},
		},
		MustNot: []api.Query{&api.Exists{Field: "gone", Boost: 1}, &api.IDs{Values: []string{"p7", "p8"}, Boost: 1}},
		Filter: []api.Query{
			&api.Term{Field: "lang", Value: api.Scalar{Type: api.TypeKeyword, Str: "ja"}, Boost: 1},
			&api.Terms{
				Field: "ok", Values: []api.Scalar{{Type: api.TypeBool, Int: 1}, {Type: api.TypeText, Str: "x"}}, Boost: 1,
			},
			&api.Range{
				Field: "ratio", GT: &api.Scalar{Type: api.TypeFloat, Float: 0.25},
				LTE: &api.Scalar{Type: api.TypeDate, Int: -86_400_000}, Boost: 1,
			},
			&api.Range{Field: "year", GTE: &api.Scalar{Type: api.TypeInt, Int: 2000}, Boost: 1},
			&api.MatchAll{Boost: 1},
		},
		MinimumShould: &two,
		Boost:         1,
	}
}

func sampleStatistics() sparse.Statistics {
	return sparse.Statistics{
		Fields: map[string]sparse.FieldStatistics{"title": {Docs: 10, Tokens: 31}, "text": {Docs: 9, Tokens: 2000}},
		Terms: map[sparse.TermKey]uint64{
			{Field: "title", Term: "地震"}: 3, {Field: "text", Term: "warning"}: 200, {Field: "text", Term: "earli"}: 0,
		},
		Version: 300,
	}
}

func sampleWrites() []api.Write {
	at := uint64(7)
	return []api.Write{
		{Kind: api.OpIndex, IfVersion: &at, Doc: api.Document{
			ID: "p1", Vector: []float32{0.5, -1, 2},
			Source: []byte(`{"lang":["ja","en"],"text":"a text that is \"long\"","title":"地震の早期警報","year":2024}`),
			Values: []api.Value{
				{Field: "lang", Strings: []string{"ja", "en"}},
				{Field: "ratio", Floats: []float64{0.25, -3}},
				{Field: "terms", Sparse: []api.SparseEntry{{Dim: 1, Weight: 0.5}, {Dim: 900, Weight: 2}}},
				{Field: "text", Strings: []string{`a text that is "long"`}},
				{Field: "title", Strings: []string{"地震の早期警報"}},
				{Field: "year", Ints: []int64{2024, -1}},
			},
		}},
		{Kind: api.OpCreate, Doc: api.Document{ID: "p3", Source: []byte("{}")}},
		{Kind: api.OpDelete, Doc: api.Document{ID: "p2"}},
	}
}

// samples has one message of each kind, all parts of it in use.
func samples() map[string]any {
	call := Call{Shard: "0b5e-3", Epoch: 4, MinIndex: 1000}
	mark := Mark{Applied: 1003, Epoch: 4, ServiceMicros: 310}
	stats := sampleStatistics()
	terms := []sparse.TermKey{{Field: "title", Term: "地震"}, {Field: "text", Term: "warning"}}
	return map[string]any{
		"search-sparse.call": &sparseCall{call, sparse.Request{
			Query: sampleQuery(), Filter: &api.MatchAll{Boost: 1}, K: 100, Stats: &stats,
		}, terms},
		"search-sparse.answer": &sparseAnswer{mark, sparse.TopDocs{
			Hits: []sparse.Hit{{ID: "p1", Score: 12.75, Version: 9}, {ID: "p2", Score: 0.1, Version: 300}}, Total: 812,
		}, stats},
		"search-sparse-count.call": &sparseCall{call, sparse.Request{Query: sampleQuery(), K: 10, Count: 10_000}, nil},
		"search-sparse-count.answer": &sparseAnswer{mark, sparse.TopDocs{
			Hits: []sparse.Hit{{ID: "p1", Score: 12.75, Version: 9}}, Total: 10_000, More: true,
		}, sparse.Statistics{}},
		"statistics.call":   &statisticsCall{call, terms},
		"statistics.answer": &statisticsAnswer{mark, stats},
		"search-dense.call": &denseCall{call, replica.DenseRequest{
			Vector: []float32{0.25, -0.5, 1e-9}, K: 116, Filter: &api.Exists{Field: "lang", Boost: 1},
		}},
		"search-dense.answer": &denseAnswer{mark, replica.DenseResult{
			Hits: []dense.Hit{{ID: "p1", Version: 9, Score: 0.75}}, Lag: 3, Total: 500,
		}},
		"fetch.call": &fetchCall{call, []string{"p1", "p2", "p3"}},
		"fetch.answer": &fetchAnswer{[]sparse.Stored{
			{ID: "p1", Version: 9, Source: []byte(`{"title":"x"}`), Vector: []float32{1, 2}},
			{ID: "p3", Version: 10, Source: []byte(`{}`)},
		}, 3, mark},
		"count.call":   &countCall{call, sampleQuery()},
		"count.answer": &countAnswer{mark, 77},
		"write.call":   &writeCall{call, WriteRequest{ID: [16]byte{1, 2, 3, 15: 16}, Term: 5, Writes: sampleWrites()}},
		"write.answer": &writeAnswer{mark, WriteAnswer{[]api.WriteResult{
			{ID: "p1", Status: api.StatusUpdated, Version: 12},
			{ID: "p3", Status: api.StatusConflict, Version: 2, Error: &api.Problem{
				Type: api.ProblemConflict, Title: "Conflict", Status: 409, Detail: "exists", Field: "id",
			}},
			{ID: "p2", Status: api.StatusNotFound},
		}, 1004}},
		"search-dense-generation.call": &denseCall{call, replica.DenseRequest{
			Generation: 3, Vector: []float32{0.25, -0.5, 1e-9}, K: 116,
		}},
		"write-together.call": &writeCall{call, WriteRequest{ID: [16]byte{1, 2, 3, 15: 16}, Writes: []api.Write{
			{Kind: api.OpIndex, Doc: api.Document{ID: "p#0", Source: []byte("{}"), Vector: []float32{1, 2}, Generation: 2}},
			{Kind: api.OpTrim, Doc: api.Document{ID: "p"}, From: 7, Follows: true},
		}}},
		"current.call":      &currentCall{call, 2, []string{"p1", "p2"}},
		"current.answer":    &currentAnswer{mark, replica.Presence{Versions: []uint64{9, 0, 300}, Lag: 4}},
		"select-ids.call":   &selectCall{call, sampleQuery(), 10_000},
		"select-ids.answer": &idsAnswer{mark, []string{"p1", "p2"}},
		"position.call":     &shardCall{call},
		"position.answer":   &positionAnswer{mark, replica.Position{Version: 300, Dense: 1001}},
		"dense-status.call": &shardCall{call},
		"dense-status.answer": &statusAnswer{mark, []replica.GenerationStatus{{Vectors: 500}, {
			Generation: 1, Vectors: 120, WaitEmbed: 380, WaitFeed: 390, Failed: 2, LagSeconds: 12.5,
			Trouble: "embedding service unavailable", Rate: 31.25,
		}}},
		"dense-failures.call": &generationCall{call, 1},
		"dense-failures.answer": &failuresAnswer{mark, replica.Failures{
			List: []replica.Failure{{ID: "p4", Version: 8, Reason: "text rejected"}}, More: 12,
		}},
		"retry-dense.call":    &generationCall{call, 1},
		"retry-dense.answer":  &markAnswer{mark},
		"repair-dense.call":   &repairCall{call, 1, []string{"p1", "gone"}},
		"repair-dense.answer": &markAnswer{mark},
		"list-keys.call":      &keysCall{call, "p1", 5000},
		"list-keys.answer": &keysAnswer{mark, []replica.KeyState{
			{ID: "p2", Version: 300, Vectors: []replica.VectorState{{Version: 300}, {Generation: 1, Failed: "too long"}}},
			{ID: "p3", Version: 10, Vectors: []replica.VectorState{{Version: 9}, {Generation: 1, NoText: true}}},
		}},
		"wait-dense.call":   &waitCall{call, 12},
		"wait-dense.answer": &markAnswer{mark},
		"info.call":         &infoCall{call},
		"info.answer": &infoAnswer{mark, ShardInfo{
			Applied: 1003, Documents: 500, DenseLag: 3, Leader: "n2", Term: 5, LeaderHere: true, Failed: "disk full",
			Bytes: 1 << 33,
		}},
		"info-repair.answer": &infoAnswer{mark, ShardInfo{
			Failed: "checksum of ids", Repair: RepairInfo{Reason: "checksum of ids", From: "n2", Bytes: 1 << 20, Total: 1 << 30},
		}},
		"open-checkpoint.call": &openCall{"0b5e-3"},
		"open-checkpoint.answer": &openAnswer{Checkpoint{"s-1", 990, []File{
			{Path: "sparse/MANIFEST", Size: 312, SHA256: [32]byte{1, 31: 2}}, {Path: "sparse/000001.seg", Size: 1 << 30},
		}}},
		"read-file.call":          &readCall{"s-1", "sparse/MANIFEST", 1 << 20, 4096},
		"read-file.answer":        &readAnswer{[]byte("a piece of a file")},
		"close-checkpoint.call":   &closeCall{"s-1"},
		"close-checkpoint.answer": &emptyAnswer{},
	}
}

func TestRoundTrip(t *testing.T) {
	same := func(t require.TestingT, m any) {
		body, err := encodeMessage(m)
		require.NoError(t, err)
		got, err := decodeMessage(m, body)
		require.NoError(t, err)
		require.Equal(t, m, got)
		again, err := encodeMessage(got)
		require.NoError(t, err)
		require.Equal(t, body, again, "the bits of a float, the order of a map")
	}
	for name, m := range samples() {
		t.Run("sample of "+name, func(t *testing.T) { same(t, m) })
	}
	for name, generate := range generators() {
		t.Run("any "+name, func(t *testing.T) {
			require.Contains(t, samples(), name)
			rapid.Check(t, func(t *rapid.T) { same(t, generate(t)) })
		})
	}
	t.Run("floats keep their bits", func(t *testing.T) {
		for _, bits := range []uint64{0x7ff8_dead_beef_0001, 1 << 63, 1, 0x7ff0_0000_0000_0000, math.Float64bits(math.Pi)} {
			m := &countCall{query: &api.MatchAll{Boost: math.Float64frombits(bits)}}
			body, err := m.encode()
			require.NoError(t, err)
			got := &countCall{}
			require.NoError(t, got.decode(newDecoder(body)))
			require.Equal(t, bits, math.Float64bits(got.query.(*api.MatchAll).Boost))
		}
	})
}

// TestGolden holds the bytes still: nodes of two versions must understand each other. What is changed on
// purpose gets a new version, and the old bytes stay readable.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "messages.txt")
	if *update {
		var out strings.Builder
		all := samples()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			body, err := encodeMessage(all[name])
			require.NoError(t, err)
			fmt.Fprintf(&out, "%s %x\n", name, body)
		}
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, len(samples()))
	for _, line := range lines {
		name, digits, _ := strings.Cut(line, " ")
		t.Run(name, func(t *testing.T) {
			want := samples()[name]
			body, err := hex.DecodeString(digits)
			require.NoError(t, err)
			got, err := decodeMessage(want, body)
			require.NoError(t, err)
			require.Equal(t, want, got)
			now, err := encodeMessage(want)
			require.NoError(t, err)
			require.Equal(t, digits, hex.EncodeToString(now))
		})
	}
}

func TestDamagedBodies(t *testing.T) {
	for name, m := range samples() {
		body, err := encodeMessage(m)
		require.NoError(t, err)
		t.Run(name+" cut short or too long", func(t *testing.T) {
			for n := range body {
				_, err := decodeMessage(m, body[:n])
				if n >= pieceHead && name == "read-file.answer" {
					require.ErrorIs(t, err, ErrChecksum, "%d bytes", n)
					continue
				}
				require.ErrorIs(t, err, ErrMessage, "%d bytes", n)
			}
			_, err := decodeMessage(m, append(slices.Clone(body), 0))
			require.Error(t, err)
		})
		t.Run(name+" with any byte changed", func(t *testing.T) {
			for i := range body {
				for _, b := range []byte{0, 0x7f, 0x80, 0xff} {
					changed := slices.Clone(body)
					changed[i] = b
					if _, err := decodeMessage(m, changed); err != nil {
						requireRefusal(t, err)
					}
				}
			}
		})
		t.Run(name+" of another version", func(t *testing.T) {
			other := slices.Clone(body)
			other[0] = 9
			_, err := decodeMessage(m, other)
			require.ErrorIs(t, err, ErrVersion)
			require.ErrorContains(t, err, "9, this node speaks 1")
		})
	}
}

func TestDecoderRefuses(t *testing.T) {
	big := binary.AppendUvarint(nil, math.MaxInt64+1)
	for name, c := range map[string]struct {
		body []byte
		read func(d *decoder)
	}{
		"flags that are not known":   {[]byte{4}, func(d *decoder) { d.flags(3) }},
		"a bool that is 2":           {[]byte{2}, func(d *decoder) { d.bool() }},
		"a number over an int":       {big, func(d *decoder) { d.size() }},
		"a number of eleven bytes":   {bytes.Repeat([]byte{0xff}, 11), func(d *decoder) { d.uint() }},
		"more than the limit":        {append([]byte{9}, make([]byte, 9)...), func(d *decoder) { d.atMost(8, 1) }},
		"a long name":                {append([]byte{0x81, 0x04}, make([]byte, 513)...), func(d *decoder) { d.name() }},
		"a kind of query":            {[]byte{12}, func(d *decoder) { d.query() }},
		"an operator":                {[]byte{tagMatch, 0, 0, 3}, func(d *decoder) { d.query() }},
		"a type of value":            {[]byte{7}, func(d *decoder) { d.scalar() }},
		"a dimension over 32 bits":   {append(big, 0, 0, 0, 0), func(d *decoder) { d.sparse(1) }},
		"a kind of write":            {make([]byte, 9), func(d *decoder) { d.write(&api.Write{}) }},
		"a status of a write":        {[]byte{7}, func(d *decoder) { d.status() }},
		"a float of seven bytes":     {make([]byte, 7), func(d *decoder) { d.f64() }},
		"fifteen bytes of an id":     {make([]byte, 15), func(d *decoder) { d.take(make([]byte, 16)) }},
		"a bool query of many parts": {[]byte{tagBool, 200}, func(d *decoder) { d.query() }},
	} {
		t.Run(name, func(t *testing.T) {
			d := &decoder{data: c.body}
			c.read(d)
			require.ErrorIs(t, d.err, ErrMessage)
			at := d.pos
			require.Zero(t, d.uint()+uint64(d.int())+uint64(d.byte())+uint64(d.count(1))+uint64(d.f64()+float64(d.f32())))
			require.Empty(t, d.str()+string(d.bytes()))
			require.Equal(t, at, d.pos, "nothing is read after an error")
		})
	}
}

func TestQueryLimits(t *testing.T) {
	nest := func(levels int) api.Query {
		var q api.Query = &api.MatchAll{Boost: 1}
		for range levels - 1 {
			q = &api.Bool{Must: []api.Query{q}, Boost: 1}
		}
		return q
	}
	t.Run("the deepest query that the parser lets through, with a filter around it", func(t *testing.T) {
		m := &countCall{query: nest(api.MaxQueryDepth + 2)}
		body, err := m.encode()
		require.NoError(t, err)
		require.NoError(t, (&countCall{}).decode(newDecoder(body)))
	})
	t.Run("deeper ones are not sent", func(t *testing.T) {
		_, err := (&countCall{query: nest(api.MaxQueryDepth + 3)}).encode()
		require.ErrorIs(t, err, sparse.ErrQuery)
	})
	t.Run("and not taken", func(t *testing.T) {
		e := newEncoder(0)
		e.call(Call{})
		for range api.MaxQueryDepth + 2 {
			e.buf = append(e.buf, tagBool, 1)
		}
		e.byte(tagMatchAll)
		require.ErrorIs(t, (&countCall{}).decode(newDecoder(e.buf)), ErrMessage)
	})
	t.Run("parts are counted over the whole call", func(t *testing.T) {
		ids := &api.IDs{Values: make([]string, maxParts/2+1), Boost: 1}
		_, err := (&sparseCall{request: sparse.Request{Query: ids}}).encode()
		require.NoError(t, err)
		_, err = (&sparseCall{request: sparse.Request{Query: ids, Filter: ids}}).encode()
		require.ErrorIs(t, err, sparse.ErrQuery)
	})
	t.Run("what no parser makes is refused", func(t *testing.T) {
		for _, q := range []api.Query{
			&api.Match{Operator: "xor"}, &api.Term{Value: api.Scalar{Type: "colour"}}, struct{ api.Query }{},
		} {
			_, err := (&countCall{query: q}).encode()
			require.ErrorIs(t, err, sparse.ErrQuery)
		}
	})
}

func TestListLimits(t *testing.T) {
	for name, m := range map[string]any{
		"writes":     &writeCall{request: WriteRequest{Writes: make([]api.Write, MaxWrites+1)}},
		"ids":        &fetchCall{ids: make([]string, MaxIDs+1)},
		"terms":      &statisticsCall{terms: make([]sparse.TermKey, MaxTerms+1)},
		"dimensions": &denseCall{request: replica.DenseRequest{Vector: make([]float32, api.MaxDenseDims+1)}},
		"name":       &infoCall{Call{Shard: strings.Repeat("x", maxNameBytes+1)}},
		"of a file":  &readCall{path: "a", length: MaxPiece + 1},
		"bytes": &fetchAnswer{docs: []sparse.Stored{
			{Source: make([]byte, MaxBody/2)}, {Source: make([]byte, MaxBody/2)},
		}},
		"bytes, at most": &writeCall{request: WriteRequest{Writes: []api.Write{
			{Kind: api.OpIndex, Doc: api.Document{Source: make([]byte, MaxBody)}},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			if w, ok := m.(*writeCall); ok && len(w.request.Writes) > 1 {
				for i := range w.request.Writes {
					w.request.Writes[i].Kind = api.OpDelete
				}
			}
			_, err := encodeMessage(m)
			require.ErrorIs(t, err, ErrTooLarge)
			require.ErrorContains(t, err, strings.TrimSuffix(name, ", at most"))
		})
	}
	t.Run("a body over the limit is not looked at", func(t *testing.T) {
		require.ErrorIs(t, (&infoCall{}).decode(newDecoder(make([]byte, MaxBody+1))), ErrTooLarge)
	})
}

// TestMemory decodes bodies that announce much more than they hold.
func TestMemory(t *testing.T) {
	const size = 1 << 16
	rest := func(e *encoder) []byte { return append(e.buf, make([]byte, size-len(e.buf))...) }
	for name, c := range map[string]struct {
		into reply
		body func(e *encoder)
	}{
		"a list in a list in a list": {&countCall{}, func(e *encoder) {
			e.call(Call{})
			for range maxDepth {
				e.byte(tagBool)
				e.uint(size - 200)
			}
		}},
		"ids": {&fetchCall{}, func(e *encoder) { e.call(Call{}); e.uint(1 << 40) }},
		"writes": {&writeCall{}, func(e *encoder) {
			e.call(Call{})
			e.buf = append(e.buf, make([]byte, 17)...)
			e.uint(1 << 60)
		}},
		"hits":   {&sparseAnswer{}, func(e *encoder) { e.mark(Mark{}); e.byte(0); e.len(0); e.uint(math.MaxUint64) }},
		"floats": {&denseCall{}, func(e *encoder) { e.call(Call{}); e.int(1); e.uint(1 << 33) }},
		"fields": {&statisticsAnswer{}, func(e *encoder) { e.mark(Mark{}); e.uint(1 << 33) }},
		"files":  {&openAnswer{}, func(e *encoder) { e.str("s"); e.uint(1); e.uint(1 << 33) }},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEncoder(0)
			c.body(e)
			body := rest(e)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.into.decode(newDecoder(body))
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, ErrMessage)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
		})
	}
}

func TestSharedText(t *testing.T) {
	encode := func(doc api.Document) []byte {
		m := &writeCall{request: WriteRequest{Writes: []api.Write{{Kind: api.OpIndex, Doc: doc}}}}
		body, err := m.encode()
		require.NoError(t, err)
		got := &writeCall{}
		require.NoError(t, got.decode(newDecoder(bytes.Clone(body))))
		require.Equal(t, m, got)
		return body
	}
	t.Run("text is not sent twice", func(t *testing.T) {
		text := strings.Repeat("words and words ", 100)
		body := encode(api.Document{
			ID: "a", Source: []byte(`{"text":"` + text + `"}`), Values: []api.Value{{Field: "text", Strings: []string{text}}},
		})
		require.Less(t, len(body), len(text)+100)
	})
	t.Run("a reference out of the source is refused", func(t *testing.T) {
		text := "a long enough text"
		body := encode(api.Document{Source: []byte(text), Values: []api.Value{{Strings: []string{text}}}})
		at := len(body) - 1
		require.Zero(t, body[at], "the offset is last")
		body[at] = 1
		require.ErrorIs(t, (&writeCall{}).decode(newDecoder(body)), ErrMessage)
	})
}
