package api

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The answers of the hot paths are written by hand: an answer is mostly documents that are JSON already,
// which encoding/json would validate and copy again.

// AppendJSON appends the response as encoding/json would write it.
func (r *SearchResponse) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"took_ms":`...)
	dst = appendFloat(dst, r.TookMS)
	if r.Cached {
		dst = append(dst, `,"cached":true`...)
	}
	dst = append(dst, `,"total":{"value":`...)
	dst = strconv.AppendInt(dst, int64(r.Total.Value), 10)
	dst = append(dst, `,"relation":`...)
	dst = AppendString(dst, r.Total.Relation)
	dst = append(dst, `,"scope":`...)
	dst = AppendString(dst, r.Total.Scope)
	dst = append(dst, `},"hits":[`...)
	for i := range r.Hits {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.Hits[i].appendJSON(dst)
	}
	dst = append(dst, `],"fusion":`...)
	dst = r.Fusion.appendJSON(dst)
	dst = append(dst, `,"degraded":[`...)
	for i := range r.Degraded {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = r.Degraded[i].appendJSON(dst)
	}
	dst = append(dst, `],"timings_ms":`...)
	return append(r.TimingsMS.appendJSON(dst), '}')
}

func (h *SearchHit) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = AppendString(dst, h.ID)
	dst = append(dst, `,"score":`...)
	dst = appendFloat(dst, h.Score)
	dst = append(dst, `,"source":`...)
	if len(h.Source) == 0 {
		dst = append(dst, "null"...)
	}
	dst = append(dst, h.Source...)
	if len(h.Passage) > 0 {
		dst = append(dst, `,"passage":`...)
		dst = append(dst, h.Passage...)
	}
	if h.Legs != nil {
		dst = append(dst, `,"legs":`...)
		dst = h.Legs.appendJSON(dst)
	}
	for i := range h.Passages {
		if i == 0 {
			dst = append(dst, `,"passages":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = h.Passages[i].appendJSON(dst)
		if i == len(h.Passages)-1 {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}

func (h *PassageHit) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = AppendString(dst, h.ID)
	dst = append(dst, `,"position":`...)
	dst = strconv.AppendInt(dst, int64(h.Position), 10)
	dst = append(dst, `,"score":`...)
	dst = appendFloat(dst, h.Score)
	dst = append(dst, `,"source":`...)
	if len(h.Source) == 0 {
		dst = append(dst, "null"...)
	}
	dst = append(dst, h.Source...)
	if len(h.Passage) > 0 {
		dst = append(dst, `,"passage":`...)
		dst = append(dst, h.Passage...)
	}
	if h.Legs != nil {
		dst = append(dst, `,"legs":`...)
		dst = h.Legs.appendJSON(dst)
	}
	for _, side := range [...]struct {
		key  string
		text *string
	}{{`,"before":`, h.Before}, {`,"after":`, h.After}} {
		if side.text != nil {
			dst = AppendString(append(dst, side.key...), *side.text)
		}
	}
	return append(dst, '}')
}

func (l *Legs) appendJSON(dst []byte) []byte {
	dst = l.Sparse.appendJSON(append(dst, '{'), LegSparse)
	if l.Sparse != nil && l.Dense != nil {
		dst = append(dst, ',')
	}
	return append(l.Dense.appendJSON(dst, LegDense), '}')
}

func (s *LegShare) appendJSON(dst []byte, leg string) []byte {
	if s == nil {
		return dst
	}
	dst = AppendString(dst, leg)
	dst = append(dst, `:{"rank":`...)
	dst = strconv.AppendInt(dst, int64(s.Rank), 10)
	dst = append(dst, `,"score":`...)
	dst = appendFloat(dst, s.Score)
	dst = append(dst, `,"share":`...)
	return append(appendFloat(dst, s.Share), '}')
}

func (f *Fusion) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"method":`...)
	dst = AppendString(dst, string(f.Method))
	dst = append(dst, `,"k":`...)
	dst = appendFloat(dst, f.K)
	dst = append(dst, `,"window":`...)
	dst = strconv.AppendInt(dst, int64(f.Window), 10)
	dst = append(dst, `,"weights":{"sparse":`...)
	dst = appendFloat(dst, f.Weights.Sparse)
	dst = append(dst, `,"dense":`...)
	return append(appendFloat(dst, f.Weights.Dense), "}}"...)
}

func (d *Degraded) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"leg":`...)
	dst = AppendString(dst, d.Leg)
	dst = append(dst, `,"reason":`...)
	dst = AppendString(dst, string(d.Reason))
	if d.Detail != "" {
		dst = append(dst, `,"detail":`...)
		dst = AppendString(dst, d.Detail)
	}
	return append(dst, '}')
}

func (t *Timings) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	t.Each(func(name string, ms float64) {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, name)
		dst = append(dst, ':')
		dst = appendFloat(dst, ms)
	})
	return append(dst, '}')
}

// Each calls f with each step that was taken, in the order of the steps.
func (t *Timings) Each(f func(name string, ms float64)) {
	for _, step := range [...]struct {
		name string
		ms   float64
	}{{"embed", t.Embed}, {"sparse", t.Sparse}, {"dense", t.Dense}, {"fetch", t.Fetch}} {
		if step.ms != 0 {
			f(step.name, step.ms)
		}
	}
}

// AppendJSON appends the result as encoding/json would write it.
func (r *WriteResult) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = AppendString(dst, r.ID)
	dst = append(dst, `,"status":`...)
	dst = AppendString(dst, r.Status)
	if r.Version != 0 {
		dst = append(dst, `,"version":`...)
		dst = strconv.AppendUint(dst, r.Version, 10)
	}
	if r.Sequence != "" {
		dst = append(dst, `,"sequence":`...)
		dst = AppendString(dst, r.Sequence)
	}
	if r.Passages != 0 {
		dst = append(dst, `,"passages":`...)
		dst = strconv.AppendInt(dst, int64(r.Passages), 10)
	}
	if r.Error != nil {
		dst = append(dst, `,"error":`...)
		dst = r.Error.AppendJSON(dst)
	}
	return append(dst, '}')
}

// AppendJSON appends the document as the API gives it.
func (d *StoredDocument) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = AppendString(dst, d.ID)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendUint(dst, d.Version, 10)
	if d.Passages != 0 {
		dst = append(dst, `,"passages":`...)
		dst = strconv.AppendInt(dst, int64(d.Passages), 10)
	}
	if d.Passage != nil {
		dst = append(dst, `,"passage":`...)
		dst = append(dst, d.Passage...)
	}
	dst = append(dst, `,"source":`...)
	dst = append(dst, d.Source...)
	return append(dst, '}')
}

// AppendJSON appends the problem as encoding/json would write it.
func (p *Problem) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"type":`...)
	dst = AppendString(dst, p.Type)
	dst = append(dst, `,"title":`...)
	dst = AppendString(dst, p.Title)
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	if p.Detail != "" {
		dst = append(dst, `,"detail":`...)
		dst = AppendString(dst, p.Detail)
	}
	if p.Field != "" {
		dst = append(dst, `,"field":`...)
		dst = AppendString(dst, p.Field)
	}
	if p.Reason != "" {
		dst = append(dst, `,"reason":`...)
		dst = AppendString(dst, p.Reason)
	}
	return append(dst, '}')
}

// AppendString appends text as a JSON string; what is not UTF-8 in it becomes U+FFFD.
func AppendString(dst []byte, text string) []byte {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\ufffd")
	}
	return appendQuoted(dst, text)
}

// appendFloat appends f, which is finite, in the shortest form that reads back as f.
func appendFloat(dst []byte, f float64) []byte {
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}
