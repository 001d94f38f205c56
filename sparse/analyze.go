package sparse

import (
	"context"
	"encoding/binary"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"sagasu/api"
	"sagasu/sparse/analysis"
	"sagasu/sparse/segment"
)

// positionGap separates the values of a multi-valued text field, so that no phrase spans two.
const positionGap = 100

// analyzed is a document with its text taken apart.
type analyzed struct {
	doc    *api.Document
	tokens [][]analysis.Token // by field ordinal
	room   *tokenRoom
}

// tokenRoom is where the tokens of a document are, to be used again.
type tokenRoom struct{ tokens [][]analysis.Token }

// keptTokens bounds what is kept of a field's room: longer texts are rare.
const keptTokens = 8 << 10

// release gives the tokens' room back; a document without text has none.
func (s *fieldSet) release(a *analyzed) {
	if a.room == nil {
		return
	}
	for i, tokens := range a.room.tokens {
		if cap(tokens) > keptTokens {
			a.room.tokens[i] = nil
		}
	}
	s.rooms.Put(a.room)
	a.room, a.tokens = nil, nil
}

func (s *fieldSet) tokenRoom() *tokenRoom {
	if room, ok := s.rooms.Get().(*tokenRoom); ok {
		for i := range room.tokens {
			room.tokens[i] = room.tokens[i][:0]
		}
		return room
	}
	return &tokenRoom{tokens: make([][]analysis.Token, len(s.list))}
}

// analyzeAll takes the documents of the writes apart, in parallel; deletes stay empty.
func (s *fieldSet) analyzeAll(writes []api.Write, c *Courtesy) []analyzed {
	out := make([]analyzed, len(writes))
	workers := min(runtime.GOMAXPROCS(0), (len(writes)+7)/8)
	if workers <= 1 {
		t := c.begin(context.Background())
		defer t.done()
		for i := range writes {
			out[i] = s.analyze(&writes[i])
			t.step()
		}
		return out
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			t := c.begin(context.Background())
			defer t.done()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(writes) {
					return
				}
				out[i] = s.analyze(&writes[i])
				t.step()
			}
		})
	}
	wg.Wait()
	return out
}

func (s *fieldSet) analyze(w *api.Write) analyzed {
	if w.Kind == api.OpDelete || w.Kind == api.OpTrim {
		return analyzed{}
	}
	room := s.tokenRoom()
	a := analyzed{doc: &w.Doc, tokens: room.tokens, room: room}
	for i := range w.Doc.Values {
		v := &w.Doc.Values[i]
		f, ok := s.byName[v.Field]
		if !ok || f.shape != segment.ShapeText {
			continue
		}
		a.tokens[f.ordinal] = f.tokens(a.tokens[f.ordinal][:0], v.Strings)
	}
	return a
}

// tokens appends those of the values of a text field to out, positions continuing from one to the next.
func (f *field) tokens(out []analysis.Token, values []string) []analysis.Token {
	base := 0
	for _, text := range values {
		from := len(out)
		out = f.analyzer.Analyze(out, text)
		for i := from; i < len(out); i++ {
			out[i].Position += base
		}
		if len(out) > from {
			base = out[len(out)-1].Position + positionGap
		}
	}
	return out
}

// digest hashes what identifies a document's content.
func digest(id string, version uint64, doc *api.Document) uint64 {
	var h xxhash.Digest
	h.Reset()
	var buf [8]byte
	binary.LittleEndian.PutUint64(buf[:], version)
	// A hash never gives an error.
	_, _ = h.WriteString(id)
	_, _ = h.Write(buf[:])
	_, _ = h.Write(doc.Source)
	for _, x := range doc.Vector {
		binary.LittleEndian.PutUint32(buf[:4], math.Float32bits(x))
		_, _ = h.Write(buf[:4])
	}
	return h.Sum64()
}

// sortableFloat maps a finite double to an integer of the same order; -0 equals 0.
func sortableFloat(x float64) int64 {
	bits := int64(math.Float64bits(x + 0))
	return bits ^ (bits>>63)&math.MaxInt64
}
