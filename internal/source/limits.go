package source

import "sagasu/api"

const (
	// maxBytes bounds a file that is one document, a line, and a row, in bytes: the API takes no larger document.
	maxBytes = api.MaxBulkLine
	// probeBytes of a file tell its encoding.
	probeBytes = 64 << 10
	// maxFrontMatter bounds the lines before a Markdown text that may be its front matter.
	maxFrontMatter = 200
	// maxDepth bounds how deep directories are nested: beyond it there is a loop, or a mistake.
	maxDepth = 64
)
