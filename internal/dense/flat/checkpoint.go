package flat

import (
	"context"
	"fmt"
)

// Checkpoint makes dir, which must not exist (fs.ErrExist), a directory of its own for the index as of the
// durable log index, which it returns. Its files are hard links, or copies where dir is on another file system.
// dir appears complete and durable, or not at all. Searches and Apply go on meanwhile, a flush ends after it. Errors:
// the context's, the file system's; none of them harms the index.
func (x *Index) Checkpoint(ctx context.Context, dir string) (index uint64, err error) {
	if index, err = x.chain.Checkpoint(ctx, dir); err != nil {
		return 0, fmt.Errorf("checkpoint of vectors: %w", err)
	}
	return index, nil
}
