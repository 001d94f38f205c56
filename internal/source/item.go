package source

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sagasu/api"
)

// Item is one document of a file, or what is wrong with it.
type Item struct {
	// ID is the document's; "" if that could not be read.
	ID string
	// Place says where in the file it is, as "line 17"; "" where the file is one document.
	Place string
	// JSON is the document as the API takes it: an object with the id.
	JSON []byte
	// Bytes is how much of the file it took.
	Bytes int64
	// Left are the names of what the index has no field for, and was left out.
	Left []string
	// Err is nil if JSON is a document.
	Err error
}

// member is a part of a document: a value of JSON, or a text.
type member struct {
	name string
	raw  json.RawMessage
	text string
	list []string
}

// builder makes the JSON of documents.
type builder struct {
	opts *Options
	out  []byte
	left []string
	id   string
}

func newBuilder(opts *Options) *builder { return &builder{opts: opts, out: []byte{'{'}} }

// idName is the name of the member that holds the id.
func (o *Options) idName() string {
	if o.IDField == "" {
		return "id"
	}
	return o.IDField
}

// add takes a member of a document. What holds the id gives it, and is a field too where the index has one of the name.
func (b *builder) add(m member) error {
	if m.name == b.opts.idName() {
		id, err := m.asID()
		if err != nil {
			return err
		}
		b.id = id
	}
	name := m.name
	if to, ok := b.opts.FieldMap[m.name]; ok {
		name = to
	}
	if name == "id" {
		if id, err := m.asID(); err == nil && b.opts.IDField == "" {
			b.id = id
		}
		return nil
	}
	field, ok := b.opts.Schema.Fields[name]
	envelope := name == "vector" && m.raw != nil
	if !ok && !envelope {
		if name != "" && m.name != b.opts.idName() {
			b.left = append(b.left, m.name)
		}
		return nil
	}
	if len(b.out) > 1 {
		b.out = append(b.out, ',')
	}
	b.out = append(api.AppendString(b.out, name), ':')
	switch {
	case m.raw != nil:
		b.out = append(b.out, m.raw...)
	case m.list != nil:
		b.out = append(b.out, '[')
		for i, text := range m.list {
			if i > 0 {
				b.out = append(b.out, ',')
			}
			b.out = appendTyped(b.out, field.Type, text)
		}
		b.out = append(b.out, ']')
	default:
		b.out = appendTyped(b.out, field.Type, m.text)
	}
	return nil
}

// asID gives the id that a member holds: a text, or a number as it is written.
func (m *member) asID() (string, error) {
	if m.raw == nil {
		return m.text, nil
	}
	var text string
	if err := json.Unmarshal(m.raw, &text); err == nil {
		return text, nil
	}
	if raw := string(m.raw); raw != "" && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return raw, nil
	}
	return "", fmt.Errorf("%w: %q holds no text or number to be the id", ErrFormat, m.name)
}

// appendTyped appends a text as the JSON that a field of the type takes. What can't be is left to the server, which
// names the fault.
func appendTyped(dst []byte, t api.FieldType, text string) []byte {
	trimmed := strings.TrimSpace(text)
	switch t {
	case api.TypeInt:
		if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil {
			return strconv.AppendInt(dst, n, 10)
		}
	case api.TypeFloat:
		if _, err := strconv.ParseFloat(trimmed, 64); err == nil && json.Valid([]byte(trimmed)) {
			return append(dst, trimmed...)
		}
	case api.TypeBool:
		if lower := strings.ToLower(trimmed); lower == "true" || lower == "false" {
			return append(dst, lower...)
		}
	case api.TypeSparseVector:
		if json.Valid([]byte(trimmed)) {
			return append(dst, trimmed...)
		}
	}
	return api.AppendString(dst, text)
}

// finish gives the document; fallback is its id if nothing gave one.
func (b *builder) finish(fallback string) Item {
	id := b.id
	if id == "" {
		id = fallback
	}
	item := Item{ID: id, Left: b.left}
	if len(b.out) > 1 {
		b.out = append(b.out, ',')
	}
	item.JSON = append(api.AppendString(append(b.out, `"id":`...), id), '}')
	switch {
	case !utf8.ValidString(id):
		item.Err = fmt.Errorf("%w: the id is not UTF-8", ErrEncoding)
	case len(item.JSON) > maxBytes:
		item.Err = fmt.Errorf("%w: has %d bytes as JSON, at most %d are allowed", ErrTooLarge, len(item.JSON), maxBytes)
	}
	return item
}
