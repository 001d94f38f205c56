// Package milvus is a dense index in a Milvus server: an HNSW graph, compared by cosine, filters pushed
// down. It is the only package that knows the Milvus SDK.
//
// A collection has the columns id (primary key), version, vector, attributes (JSON) and many. Milvus
// compares JSON numbers through doubles here and there, matches strings by patterns, and has no
// conditions over all values of an array; so attributes hold strings only, whose byte order is the order
// of the values (encode.go), and the filter is put together from equality and order of strings
// (expression.go), which leaves nothing to quote either.
//
// Milvus has no conditional upsert. An Index reads the stored versions before it writes, under a mutex;
// two processes that write to one collection at the same time could both pass that check. So a
// collection has one writer, the shard's leader, and a reader compares the versions of its hits.
//
// Searches use session consistency by default: they see what this Index wrote, and what others wrote as
// it arrives. The first search after a write waits for the server's next time tick, up to 0.2 s.
package milvus
