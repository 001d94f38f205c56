package embedclient

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Cache keeps the vectors of queries, which come again; a passage is usually embedded once. Values never change under
// their key: it holds all that a vector depends on. It may be used concurrently; *rediscache.Cache satisfies it.
type Cache interface {
	// GetMany gives the values in the order of the keys, nil for one that is not there. They must not be changed.
	GetMany(ctx context.Context, keys []string) [][]byte
	// Set hands a value over, which nobody may change from then on. It does not wait.
	Set(key string, value []byte)
}

// identity is what the vectors of queries depend on beside their texts.
func (c *Config) identity(path string) string {
	return fmt.Sprintf("%q %q %q %q %q %q %q %q %v %d %v", c.URL, c.Protocol, path, c.model(Query), c.InputTypeField,
		c.QueryInputType, c.QueryPrompt, c.QueryPrefix, c.Truncate, c.Dims, c.SendDims)
}

// keyOf is where the vector of a query is kept.
func keyOf(identity, text string) string {
	sum := sha256.Sum256([]byte(identity + "\n" + text))
	return string(sum[:])
}

// normal gives texts as they are embedded: queries composed, and without white space that says nothing. So queries that
// differ in no more have one vector, whether it is kept or not.
func normal(kind Kind, texts []string) []string {
	if kind != Query {
		return texts
	}
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = text
		if !utf8.ValidString(text) {
			continue
		}
		text = norm.NFC.String(text)
		if words := strings.Join(strings.Fields(text), " "); words != "" {
			out[i] = words
		}
	}
	return out
}

// known fills in the vectors of queries that the cache has, and tells which; nil for none.
func (p *pipeline[V]) known(ctx context.Context, kind Kind, texts []string, values []V) []bool {
	cache := p.client.cfg.Cache
	if kind != Query || cache == nil {
		return nil
	}
	keys := make([]string, len(texts))
	for i, text := range texts {
		keys[i] = keyOf(p.identity, text)
	}
	known, hits := make([]bool, len(texts)), 0
	for i, data := range cache.GetMany(ctx, keys) {
		if values[i], known[i] = p.decode(data); known[i] {
			hits++
		}
	}
	p.client.metrics.hits.WithLabelValues(kind.String()).Add(float64(hits))
	p.client.metrics.misses.WithLabelValues(kind.String()).Add(float64(len(texts) - hits))
	return known
}

// remember keeps the vectors of queries.
func (p *pipeline[V]) remember(kind Kind, texts []string, values []V, errs []error) {
	cache := p.client.cfg.Cache
	if kind != Query || cache == nil {
		return
	}
	for i, text := range texts {
		if errs[i] == nil {
			cache.Set(keyOf(p.identity, text), p.encode(values[i]))
		}
	}
}

// encodeVector gives the elements as bytes, little-endian.
func encodeVector[E any](v []E) []byte {
	// Elements are of fixed size, and such are always written.
	data, _ := binary.Append(make([]byte, 0, binary.Size(v)), binary.LittleEndian, v)
	return data
}

// decodeVector reads what encodeVector wrote; false for nil, and for what is no vector of dims elements, or of any
// number if dims is 0.
func decodeVector[E any](data []byte, dims int) ([]E, bool) {
	var element E
	size := binary.Size(element)
	if data == nil || len(data)%size != 0 || dims > 0 && len(data) != dims*size {
		return nil, false
	}
	v := make([]E, len(data)/size)
	_, err := binary.Decode(data, binary.LittleEndian, v)
	return v, err == nil
}
