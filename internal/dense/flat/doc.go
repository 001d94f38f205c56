// Package flat is a dense index inside the process: all vectors in memory, searched exactly.
//
// A search looks at every vector twice. The first pass multiplies 8-bit codes of all rows with the query
// and gives each score up to a known error (quantise.go has the bound); the second computes exact scores
// of those rows whose upper bound reaches the k-th best. So the answer is that of a plain scan, bit for
// bit, at a fraction of the memory traffic.
//
// Rows lie in blocks and are never changed once published: a search takes the present view, an atomic
// pointer, and holds no lock. A writer adds rows at the end, marks replaced ones dead in a copied bitmap
// and publishes a new view. A block with more dead rows than live ones is emptied into the newest block.
// What a filter selects is remembered per block, which never gets stale for the same reason.
//
// The index is part of a replicated state machine: Apply takes the entries' log indexes and is in memory
// at once; Flush makes what was applied durable in files (docs/formats/vectors.md); what was applied
// after the last Flush is lost on a restart and must be applied again.
package flat
