package api

import "strings"

// IndexInfo describes an index.
type IndexInfo struct {
	Name   string `json:"name"`
	Schema Schema `json:"schema"`
	// Documents is the number of documents now.
	Documents int `json:"documents"`
	// DenseLag is the number of documents that wait for their vectors.
	DenseLag int `json:"dense_lag_documents"`
	// Generations tell of the vectors by the model that made them, ascending; none for an index without vectors.
	Generations []GenerationInfo `json:"generations,omitempty"`
	// Shards is the number of parts the documents are divided into, Replicas that of the copies wanted of
	// each.
	Shards   int `json:"shards"`
	Replicas int `json:"replicas"`
	// Placed is the number of copies that every part has a node for: less than Replicas where nodes lack.
	Placed int `json:"placed_replicas"`
}

// Token is one term of an analysed text.
type Token struct {
	Term string `json:"term"`
	// Start and End are byte offsets into the text as it was given.
	Start int `json:"start"`
	End   int `json:"end"`
	// Position counts tokens from 0, removed ones included.
	Position int `json:"position"`
}

// CheckIndexName gives a *Problem unless the name is [a-z0-9][a-z0-9_-]{0,127}: it becomes the name of
// directories and collections.
func CheckIndexName(name string) error {
	ok := name != "" && len(name) <= MaxFieldNameBytes && name[0] != '_' && name[0] != '-'
	if ok && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" {
		return nil
	}
	return NewProblem(ProblemRequest, 400, "index",
		"is %q, must be 1 to %d of a-z, 0-9, _ and -, the first a letter or digit", clip(name), MaxFieldNameBytes)
}

// AnalyzeRequest asks what an analyzer makes of a text: the one named, or that of a field of an index.
type AnalyzeRequest struct {
	Analyzer, Index, Field, Text string
}

// ParseAnalyzeRequest reads {"analyzer": "english", "text": ".."}, or {"index": "papers", "field": "title",
// "text": ".."}. Its errors are *Problem.
func ParseAnalyzeRequest(data []byte) (AnalyzeRequest, error) {
	s := &scanner{data: data}
	var r AnalyzeRequest
	err := s.object(func(key string) error {
		var err error
		switch key {
		case "analyzer":
			r.Analyzer, err = s.string()
		case "index":
			r.Index, err = s.string()
		case "field":
			r.Field, err = s.string()
		case "text":
			r.Text, err = s.string()
		default:
			err = bad("is no part of an analysis (analyzer, index, field, text)")
		}
		return err
	})
	if err == nil {
		err = s.end()
	}
	switch {
	case err != nil:
	case r.Analyzer != "" && (r.Index != "" || r.Field != ""):
		err = badField("analyzer", "does not go with index and field")
	case r.Analyzer == "" && r.Index == "" && r.Field == "":
		r.Analyzer = DefaultAnalyzer
	case r.Analyzer == "" && r.Index == "":
		err = badField("index", "is missing")
	case r.Analyzer == "" && r.Field == "":
		err = badField("field", "is missing")
	}
	if err == nil && r.Analyzer != "" {
		err = within("analyzer", checkAnalyzer(r.Analyzer))
	}
	return r, complete(ProblemRequest, err)
}
