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
	chosen := x.allSegments()
	if len(chosen) < 2 {
		return nil
	}
	if err := x.merge(chosen); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// allSegments gives every segment, each with a reference for the merge.
func (x *Index) allSegments() []durableSegment {
	x.commit.Lock()
	defer x.commit.Unlock()
	chosen := append([]durableSegment(nil), x.durable.segments...)
	for _, s := range chosen {
		s.part.refs.Add(1)
	}
	return chosen
}
