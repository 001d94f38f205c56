package quality

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Document is one document of a collection.
type Document struct {
	// ID is unique in its corpus and not empty.
	ID string
	// Title may be empty.
	Title string
	Text  string
}

// documentLine tells a missing key from an empty one.
type documentLine struct {
	ID    *string `json:"id"`
	Title *string `json:"title"`
	Text  *string `json:"text"`
}

// ReadCorpus reads documents from JSON Lines, in the order of the file. Its errors wrap ErrFormat, or
// are those of reading.
func ReadCorpus(path string) ([]Document, error) {
	var documents []Document
	lines := make(map[string]int)
	err := eachLine(path, func(number int, line string) error {
		document, err := parseDocument(line)
		if err != nil {
			return err
		}
		if first, ok := lines[document.ID]; ok {
			return fmt.Errorf("%w: id %q is on line %d already", ErrFormat, document.ID, first)
		}
		lines[document.ID] = number
		documents = append(documents, document)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return documents, nil
}

func parseDocument(line string) (Document, error) {
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	var d documentLine
	if err := decoder.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if rest, err := io.ReadAll(decoder.Buffered()); err != nil || len(bytes.TrimSpace(rest)) > 0 {
		return Document{}, errors.Join(fmt.Errorf("%w: text after the JSON object", ErrFormat), err)
	}
	for _, key := range []struct {
		name  string
		value *string
	}{{"id", d.ID}, {"title", d.Title}, {"text", d.Text}} {
		if key.value == nil {
			return Document{}, fmt.Errorf("%w: %q is missing", ErrFormat, key.name)
		}
	}
	if *d.ID == "" {
		return Document{}, fmt.Errorf("%w: \"id\" is empty", ErrFormat)
	}
	return Document{ID: *d.ID, Title: *d.Title, Text: *d.Text}, nil
}
