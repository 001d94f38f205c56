// Command peers measures lexical search engines beside each other: sagasu, Lucene, tantivy, bleve, bluge, PISA
// and bm25s, with one corpus, one tokenisation and one set of queries, in turn in one run. README.md says how, and what
// its figures mean.
package main
