// Package mergeplan decides which segments of an index to merge. It is pure: sizes in, a choice out.
package mergeplan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Segment is what the plan looks at.
type Segment struct {
	// Bytes is the file's size.
	Bytes int64
	// Docs counts documents, Deleted those of them that are deleted.
	Docs, Deleted int
}

// live is the size that would remain, in bytes.
func (s Segment) live() int64 {
	if s.Docs == 0 {
		return 0
	}
	return s.Bytes * int64(s.Docs-s.Deleted) / int64(s.Docs)
}

// Policy bounds the number of segments and the work of merging.
type Policy struct {
	// Width is the number of segments of about the same size that are merged into one, at least 2.
	Width int
	// FloorBytes is the size below which segments count as equal.
	FloorBytes int64
	// CapBytes is the size above which a segment is merged no more, except to drop its deletions.
	CapBytes int64
	// MaxDeleted is the share of deleted documents, 0 to 1, above which a segment is rewritten.
	MaxDeleted float64
}

// Default merges eights: at most about 7 * log8(total/floor) segments, each byte written
// log8(total/floor) times.
func Default() Policy {
	return Policy{Width: 8, FloorBytes: 1 << 20, CapBytes: 5 << 30, MaxDeleted: 0.33}
}

// Validate names the setting that can't be.
func (p Policy) Validate() error {
	switch {
	case p.Width < 2:
		return fmt.Errorf("mergeplan: Width is %d, must be at least 2", p.Width)
	case p.FloorBytes < 1 || p.CapBytes < p.FloorBytes:
		return errors.New("mergeplan: FloorBytes must be positive and CapBytes not below it")
	case !(p.MaxDeleted > 0 && p.MaxDeleted <= 1):
		return fmt.Errorf("mergeplan: MaxDeleted is %v, must be above 0 and at most 1", p.MaxDeleted)
	}
	return nil
}

// Next gives the segments to merge now, as ascending places in the list; nil for none. Merging them and
// asking again ends after finitely many merges.
func (p Policy) Next(segments []Segment) []int {
	tiers := make(map[int][]int)
	for i, s := range segments {
		if s.Docs > 0 && float64(s.Deleted) > p.MaxDeleted*float64(s.Docs) {
			return []int{i}
		}
		if size := s.live(); size <= p.CapBytes/2 {
			tiers[p.tier(size)] = append(tiers[p.tier(size)], i)
		}
	}
	best := -1
	for tier, members := range tiers {
		if len(members) >= p.Width && (best < 0 || tier < best) {
			best = tier
		}
	}
	if best < 0 {
		return nil
	}
	members := tiers[best]
	slices.SortStableFunc(members, func(a, b int) int { return cmp.Compare(segments[a].live(), segments[b].live()) })
	chosen, total := members[:0:0], int64(0)
	for _, i := range members {
		if total += segments[i].live(); total > p.CapBytes && len(chosen) >= 2 {
			break
		}
		chosen = append(chosen, i)
	}
	slices.Sort(chosen)
	return chosen
}

// tier gives the power of Width that the size has reached above the floor.
func (p Policy) tier(size int64) int {
	tier := 0
	for bound := p.FloorBytes; size >= bound; bound *= int64(p.Width) {
		tier++
		if bound > p.CapBytes {
			break
		}
	}
	return tier
}
