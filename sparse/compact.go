package sparse

import (
	"context"
	"fmt"
)

// Compact writes what is applied and merges all segments into one, which is when an index that is no longer written to is
// searched fastest. It takes about the room of the index again while it runs. A merge under way ends first; ctx is
// looked at before, not while merging.
func (x *Index) Compact(ctx context.Context) error {
	if _, err := x.Flush(ctx); err != nil {
		return err
	}
	x.merging.Lock()
	defer x.merging.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	held, err := x.holdDurable()
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	// A single segment stays as it is: merge lets go of what it is given, and so must we.
	if len(held.segments) < 2 {
		for _, s := range held.segments {
			x.releasePart(s.part)
		}
		return nil
	}
	if err := x.merge(held.segments); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}
