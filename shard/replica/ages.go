package replica

import (
	"slices"
	"sync"
	"time"
)

// ages remembers about when document versions were applied here, since the replica was opened: to tell how long
// documents wait, not to decide anything.
type ages struct {
	now func() time.Time

	mu sync.Mutex
	// marks are ascending; the versions up to a mark's were applied at or before its time.
	marks []ageMark
	// step is the least time between two marks.
	step time.Duration
}

type ageMark struct {
	version uint64
	at      time.Time
}

func newAges(now func() time.Time) *ages { return &ages{now: now, step: minAgeStep} }

// note takes the highest version applied so far.
func (a *ages) note(version uint64) {
	at := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.marks); n > 0 && at.Sub(a.marks[n-1].at) < a.step {
		a.marks[n-1].version = version
		return
	}
	if len(a.marks) >= maxAgeMarks {
		// Older times may be told less exactly.
		kept := a.marks[:0]
		for i := 1; i < len(a.marks); i += 2 {
			kept = append(kept, a.marks[i])
		}
		a.marks = kept
		a.step *= 2
	}
	a.marks = append(a.marks, ageMark{version, at})
}

// of gives about when a version was applied, zero if that is not known.
func (a *ages) of(version uint64) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	i, _ := slices.BinarySearchFunc(a.marks, version, func(m ageMark, version uint64) int {
		if m.version < version {
			return -1
		}
		return 1
	})
	if i == len(a.marks) {
		return time.Time{}
	}
	return a.marks[i].at
}

// since gives how long ago a version was applied.
func (a *ages) since(version uint64) time.Duration {
	at := a.of(version)
	if at.IsZero() {
		return 0
	}
	return max(0, a.now().Sub(at))
}
