// Package embedclient turns texts into vectors by asking an embedding service over HTTP. It speaks the
// OpenAI-compatible protocol (/v1/embeddings, vectors as numbers or base64) and that of
// text-embeddings-inference (/embed, and /embed_sparse for learned sparse vectors).
//
// A text's way through a Client: a cache, if it is a query; the flight of an equal text that is on its way already;
// else a batch, which waits for one of a bounded number of places, passes the circuit breaker, is sent, and is sent
// again with growing random pauses while that can help. A batch that the service rejects is halved until the
// text at fault is alone. Batches run apart from their callers: a caller that gives up leaves, and
// only a batch that nobody waits for any more is abandoned.
package embedclient
