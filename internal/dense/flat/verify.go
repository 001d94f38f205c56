package flat

import (
	"context"
	"fmt"
)

// Verify reads the files again and checks all of them: they may rot after Open did so. Everything goes on meanwhile.
// pace is called with a number of bytes before they are read, and may wait; its error ends Verify, as the context's
// does. vectorfile.ErrCorrupt names the file.
func (x *Index) Verify(ctx context.Context, pace func(bytes int) error) error {
	if err := x.chain.Verify(ctx, pace); err != nil {
		return fmt.Errorf("verify vectors: %w", err)
	}
	return nil
}
