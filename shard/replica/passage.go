package replica

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"sagasu/api"
	"sagasu/sparse"
)

// passage is what the dense leg needs of a document.
type passage struct {
	doc api.Document
	// text is what is embedded: the values of the generation's fields, joined by line feeds; "" if they are blank.
	text string
}

// readPassage reads a stored document. It was valid when it was written, so an error means damage.
func readPassage(schema *api.Schema, fields []string, stored *sparse.Stored) (passage, error) {
	write, err := api.ParseDocumentAs(schema, stored.ID, stored.Source)
	if err != nil {
		return passage{}, fmt.Errorf("parse stored document %q: %w", stored.ID, err)
	}
	var parts []string
	for _, field := range fields {
		if v := write.Doc.Value(field); v != nil {
			parts = append(parts, v.Strings...)
		}
	}
	text := strings.Join(parts, "\n")
	if strings.TrimSpace(text) == "" {
		// A model makes a vector of nothing too, which is like any other's.
		text = ""
	}
	return passage{doc: write.Doc, text: text}, nil
}

// digestOf tells texts apart.
func digestOf(text string) (digest [16]byte) {
	sum := sha256.Sum256([]byte(text))
	copy(digest[:], sum[:])
	return digest
}
