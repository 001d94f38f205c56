package replica

import (
	"fmt"
	"strings"

	"sagasu/api"
	"sagasu/sparse"
)

// passage is what the dense leg needs of a document.
type passage struct {
	// text is what is embedded: the values of the schema's dense fields, joined by line feeds.
	text string
	// attributes are the values that filters can ask for.
	attributes []api.Value
}

// readPassage reads a stored document. It was valid when it was written, so an error means damage.
func readPassage(schema *api.Schema, stored *sparse.Stored) (passage, error) {
	write, err := api.ParseDocumentAs(schema, stored.ID, stored.Source)
	if err != nil {
		return passage{}, fmt.Errorf("parse stored document %q: %w", stored.ID, err)
	}
	var parts []string
	for _, field := range schema.Dense.Fields {
		if v := write.Doc.Value(field); v != nil {
			parts = append(parts, v.Strings...)
		}
	}
	return passage{text: strings.Join(parts, "\n"), attributes: attributes(schema, &write.Doc)}, nil
}
