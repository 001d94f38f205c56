// Package sparse is the index engine: documents in, exact top-k out. It serves BM25 over analysed text,
// learned-sparse weights, and filters over keywords, numbers, dates and bools. It knows no network, no
// raft and no clock. DESIGN.md tells how it is built.
package sparse
