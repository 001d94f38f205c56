// Package source reads files into documents: plain text, Markdown, HTML, JSON Lines and CSV, in UTF-8 or in the
// encodings that Japanese files come in. Files are found under directories, opened one at a time, and read as streams
// where they hold many documents, so that memory depends on the largest document, not on the largest file.
//
// What is wrong with one document or one file is told of it, and the others are read all the same.
package source
