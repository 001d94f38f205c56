package coordinator

import (
	"sagasu/embedclient"
	"sagasu/shard"
)

// oneEmbedder is a service that has every model.
type oneEmbedder struct{ service embedclient.Embedder }

var _ shard.Embedders = oneEmbedder{}

// For implements shard.Embedders.
func (e oneEmbedder) For(string) (embedclient.Embedder, error) { return e.service, nil }
