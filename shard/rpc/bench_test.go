package rpc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sagasu/api"
	"sagasu/sparse"
)

// BenchmarkSearchSparse is the cost of a search's encoding on both sides: a question of five terms with
// statistics, an answer of 100 hits.
func BenchmarkSearchSparse(b *testing.B) {
	stats := sparse.Statistics{
		Fields: map[string]sparse.FieldStatistics{"text": {Docs: 1e6, Tokens: 1e8}, "title": {Docs: 1e6, Tokens: 5e6}},
		Terms:  map[sparse.TermKey]uint64{},
	}
	q := &sparseCall{Call: Call{Shard: "6b6f2cd0a4ee4b55b6a3a3d5c0de1f2e-3", Epoch: 9, MinIndex: 100_000}}
	for i := range 5 {
		key := sparse.TermKey{Field: "text", Term: fmt.Sprint("term", i)}
		stats.Terms[key] = 1000
		q.want = append(q.want, key)
	}
	q.request = sparse.Request{
		Query:  &api.Match{Text: "term0 term1 term2 term3 term4", Operator: api.OperatorOr, Boost: 1},
		Filter: &api.Term{Field: "lang", Value: api.Scalar{Type: api.TypeKeyword, Str: "ja"}, Boost: 1},
		K:      100, Stats: &stats,
	}
	a := &sparseAnswer{mark: Mark{1e6, 9, 310}, stats: stats, top: sparse.TopDocs{Total: 5000}}
	for i := range 100 {
		hit := sparse.Hit{ID: fmt.Sprintf("document-%06d", i), Score: 1 / float64(i+1), Version: 1e6}
		a.top.Hits = append(a.top.Hits, hit)
	}
	measure(b, "call", q)
	measure(b, "answer", a)
}

// BenchmarkWrite is the cost of a batch of 500 documents of about 1 KB.
func BenchmarkWrite(b *testing.B) {
	q := &writeCall{}
	text := strings.Repeat("some words of a text ", 40)
	for i := range 500 {
		id := fmt.Sprintf("document-%06d", i)
		q.request.Writes = append(q.request.Writes, api.Write{Kind: api.OpIndex, Doc: api.Document{
			ID: id, Source: []byte(`{"lang":"ja","text":"` + text + `","title":"the title of ` + id + `","year":2024}`),
			Values: []api.Value{
				{Field: "lang", Strings: []string{"ja"}},
				{Field: "text", Strings: []string{text}},
				{Field: "title", Strings: []string{"the title of " + id}},
				{Field: "year", Ints: []int64{2024}},
			},
		}})
	}
	measure(b, "call", q)
}

// BenchmarkReadFile is the cost of a piece of 1 MiB, without the disk.
func BenchmarkReadFile(b *testing.B) {
	measure(b, "answer", &readAnswer{bytes.Repeat([]byte("x"), MaxPiece)})
}

func measure(b *testing.B, name string, m any) {
	body, err := encodeMessage(m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode "+name, func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		var dst []byte // a server has one
		for b.Loop() {
			if a, ok := m.(answer); ok {
				e := encoder{buf: append(dst[:0], version)}
				a.encode(&e)
				dst = e.buf
			} else if _, err := encodeMessage(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode "+name, func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if _, err := decodeMessage(m, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
