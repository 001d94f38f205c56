// Package rpc is what gateways and replicas of shards say to each other: numbered methods whose bodies are
// bytes, the encoding of those bodies, the client that asks and the server that answers. It opens no
// connection: the client calls through a Caller, the server gives its handlers away, so that a layer that
// carries numbered calls can be put between them. docs/formats/shard-calls.md has the bytes.
package rpc
