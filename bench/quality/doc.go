// Package quality measures how good rankings are. It reads a test collection (documents, queries and
// judgements, with their vectors if there are any) and scores a run against the judgements by the
// measures of trec_eval, so that the figures can be compared with published ones.
//
// A collection is a set of files:
//
//	corpus.jsonl   one JSON object a line: {"id": "d1", "title": "...", "text": "..."}
//	queries.tsv    query id, tab, text
//	qrels.tsv      query id, tab, document id, tab, grade
//	passages.f16   vectors of the documents in the order of their lines: float16, little-endian, row-major
//	queries.f16    vectors of the queries in the order of their lines
//	vectors.json   {"dims": 384, "passages": 1500, "queries": 300, ...}
package quality
