package quality

import (
	"fmt"
	"strconv"
	"strings"
)

// Qrels are judgements: query id to document id to grade. A grade above 0 means relevant.
type Qrels map[string]map[string]int

// ReadQrels reads judgements, one a line: query id, tab, document id, tab, grade. Its errors wrap
// ErrFormat, or are those of reading.
func ReadQrels(path string) (Qrels, error) {
	qrels := make(Qrels)
	err := eachLine(path, func(_ int, line string) error {
		columns, err := splitTabs(line, 3, false)
		if err != nil {
			return err
		}
		query, document := columns[0], columns[1]
		if query == "" || document == "" {
			return fmt.Errorf("%w: an id is empty", ErrFormat)
		}
		grade, err := strconv.Atoi(strings.TrimSpace(columns[2]))
		if err != nil {
			return fmt.Errorf("%w: grade %q is no whole number", ErrFormat, columns[2])
		}
		judged := qrels[query]
		if judged == nil {
			judged = make(map[string]int)
			qrels[query] = judged
		}
		if _, ok := judged[document]; ok {
			return fmt.Errorf("%w: document %q is judged twice for query %q", ErrFormat, document, query)
		}
		judged[document] = grade
		return nil
	})
	if err != nil {
		return nil, err
	}
	return qrels, nil
}
