package milvus

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
	"sagasu/internal/dense"
)

// span is a part of the rows: those of slots, within one slot those of versions.
type span struct {
	slot, slotEnd int
	// version to versionEnd, both included, are looked at in a span of one slot.
	version, versionEnd int64
}

// Scan reads page by page. Milvus gives rows of a page in no order and at most 16,384 of them, so a page is a range
// of slots, as large as their rows let it be; one slot with too many is divided by versions.
//
// It waits for everything written before. The collection may change meanwhile: what is written during
// the scan may come or not.
func (x *Index) Scan(ctx context.Context, from, to int, visit func(dense.Key) error) error {
	from, to = max(from, 0), min(to, api.Slots)
	if from >= to {
		return nil
	}
	rows, err := x.CountSlots(ctx, from, to)
	if err != nil {
		return fmt.Errorf("scan vectors: %w", err)
	}
	step := to - from
	if rows > scanPage {
		step = max(1, step*scanPage/rows)
	}
	for from < to {
		rows, used, err := x.page(ctx, span{slot: from, slotEnd: min(from+step, to), versionEnd: math.MaxInt64})
		if err != nil {
			return fmt.Errorf("scan vectors: %w", err)
		}
		for _, k := range rows {
			if err := visit(k); err != nil {
				return err
			}
		}
		from += used
		step = max(used, 1)
		if len(rows) > 0 {
			step = max(1, min(2*used, used*scanPage/len(rows)))
		}
	}
	return nil
}

// CountSlots is the number of rows of the slots from, to exclusive; it waits for everything written before.
func (x *Index) CountSlots(ctx context.Context, from, to int) (int, error) {
	n := 0
	err := x.again(ctx, func(ctx context.Context) (err error) {
		expr := fmt.Sprintf("%s >= %d and %s < %d", slotColumn, from, slotColumn, to)
		n, err = x.count(ctx, expr, entity.ClStrong)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count vectors of slots: %w", err)
	}
	return n, nil
}

// page gives the rows of as many of the span's first slots as fit, and their number.
func (x *Index) page(ctx context.Context, s span) ([]dense.Key, int, error) {
	for {
		rows, err := x.rowsOf(ctx, s)
		if err != nil {
			return nil, 0, err
		}
		if len(rows) < maxHits {
			return rows, s.slotEnd - s.slot, nil
		}
		if s.slotEnd-s.slot == 1 {
			rows, err = x.divide(ctx, s, rows)
			return rows, 1, err
		}
		s.slotEnd = s.slot + (s.slotEnd-s.slot)/2
	}
}

// divide gives the rows of a span of one slot, of which some, as many as a page has, are known: it halves the
// versions at the middle of those.
func (x *Index) divide(ctx context.Context, s span, some []dense.Key) ([]dense.Key, error) {
	slices.SortFunc(some, func(a, b dense.Key) int { return cmp.Compare(a.Version, b.Version) })
	middle := int64(some[len(some)/2].Version)
	if uint64(middle) == some[0].Version {
		// The lower half would be empty; the upper one begins after it instead.
		middle++
	}
	if middle > s.versionEnd || s.version == s.versionEnd {
		return nil, fmt.Errorf("%w: slot %d has more than %d documents of version %d",
			dense.ErrIncomplete, s.slot, maxHits-1, s.version)
	}
	lower, upper := s, s
	lower.versionEnd, upper.version = middle-1, middle
	var all []dense.Key
	for _, half := range []span{lower, upper} {
		rows, err := x.rowsOf(ctx, half)
		if err == nil && len(rows) >= maxHits {
			rows, err = x.divide(ctx, half, rows)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// rowsOf gives the keys of a span's rows; if they are maxHits there may be more. It doesn't wait for writes: the
// count at the beginning of the scan did.
func (x *Index) rowsOf(ctx context.Context, s span) ([]dense.Key, error) {
	expr := fmt.Sprintf("%s >= %d and %s < %d", slotColumn, s.slot, slotColumn, s.slotEnd)
	if s.slotEnd-s.slot == 1 && (s.version > 0 || s.versionEnd < math.MaxInt64) {
		expr = fmt.Sprintf("%s == %d and %s >= %d and %s <= %d",
			slotColumn, s.slot, versionColumn, s.version, versionColumn, s.versionEnd)
	}
	var keys []dense.Key
	err := x.again(ctx, func(ctx context.Context) error {
		var err error
		keys, err = x.keys(ctx, expr, entity.ClBounded, client.WithLimit(maxHits))
		return err
	})
	return keys, err
}
