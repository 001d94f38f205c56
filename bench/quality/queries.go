package quality

import (
	"fmt"
	"strings"
)

// Query is one query of a collection.
type Query struct {
	// ID is unique in its file and not empty.
	ID string
	// Text is not blank.
	Text string
}

// ReadQueries reads queries, one a line: id, tab, text. They come in the order of the file. Its errors
// wrap ErrFormat, or are those of reading.
func ReadQueries(path string) ([]Query, error) {
	var queries []Query
	lines := make(map[string]int)
	err := eachLine(path, func(number int, line string) error {
		columns, err := splitTabs(line, 2, true)
		if err != nil {
			return err
		}
		id, text := columns[0], columns[1]
		first, seen := lines[id]
		switch {
		case id == "":
			return fmt.Errorf("%w: the query's id is empty", ErrFormat)
		case strings.TrimSpace(text) == "":
			return fmt.Errorf("%w: query %q has no text", ErrFormat, id)
		case seen:
			return fmt.Errorf("%w: query %q is on line %d already", ErrFormat, id, first)
		}
		lines[id] = number
		queries = append(queries, Query{ID: id, Text: text})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return queries, nil
}
