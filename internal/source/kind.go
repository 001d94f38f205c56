package source

import (
	"path"
	"strings"
)

// Kind is what a file holds.
type Kind string

// The kinds of file, by the ends of their names.
const (
	KindText     Kind = "text"
	KindMarkdown Kind = "markdown"
	KindHTML     Kind = "html"
	KindJSONL    Kind = "jsonl"
	KindCSV      Kind = "csv"
	KindTSV      Kind = "tsv"
)

// kindOf gives the kind of a file by its name; false if it is none that is read.
func kindOf(name string) (Kind, bool) {
	switch strings.ToLower(path.Ext(name)) {
	case ".txt", ".text":
		return KindText, true
	case ".md", ".markdown":
		return KindMarkdown, true
	case ".html", ".htm", ".xhtml":
		return KindHTML, true
	case ".jsonl", ".ndjson":
		return KindJSONL, true
	case ".csv":
		return KindCSV, true
	case ".tsv":
		return KindTSV, true
	}
	return "", false
}

// whole reports whether a file of the kind is one document.
func (k Kind) whole() bool { return k == KindText || k == KindMarkdown || k == KindHTML }
