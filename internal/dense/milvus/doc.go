// Package milvus is a dense index in a Milvus server: a graph or clusters of vectors, compared by cosine, filters
// pushed down. It is the only package that knows the Milvus SDK.
//
// A collection has the columns key (primary), id, version, slot, vector, attributes (JSON), width and, for an index
// with a partition field, partition. Milvus compares JSON numbers through doubles here and there, matches strings
// by patterns, and has no conditions over all values of an array; so attributes hold strings only, whose byte order
// is the order of the values (encode.go), and the filter is put together from equality and order of strings
// (expression.go), which leaves nothing to quote either.
//
// Milvus has no conditional upsert, and several processes write to one collection. So a row is keyed by id and
// version (key.go): who comes late adds a row and replaces none. Whoever stored a row looks for others of its id
// afterwards and removes all but the newest; of two that write at the same time one looks last and sees both.
//
// The server shows rows when its next time tick has passed, up to 0.2 s after they were written. Here the writer
// waits for it, who has to look with strong consistency anyway, and searches don't (Config.Consistency).
package milvus
