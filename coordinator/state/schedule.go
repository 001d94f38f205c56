package state

import (
	"fmt"
	"slices"
	"time"
)

// Schedule says which snapshots are taken by themselves, and which of them are kept.
type Schedule struct {
	// Name is chosen by whoever makes it, of letters, digits, ".", "_" and "-".
	Name       string `json:"name"`
	Repository string `json:"repository"`
	// Indexes are names; none stands for all there are at the time.
	Indexes []string `json:"indexes,omitempty"`
	// EveryMinutes is how long after the beginning of one the next one begins.
	EveryMinutes int `json:"every_minutes"`
	// KeepLast is how many of its snapshots are kept, KeepDays for how many days: one is deleted when neither keeps it.
	// 0 is no rule; without both all are kept. The newest one that is complete is never deleted.
	KeepLast int `json:"keep_last,omitempty"`
	KeepDays int `json:"keep_days,omitempty"`
	// Paused schedules take nothing, and delete nothing.
	Paused        bool  `json:"paused,omitempty"`
	CreatedMillis int64 `json:"created_millis"`
}

func (s Schedule) check() error {
	if err := checkID("name of a schedule", s.Name); err != nil {
		return err
	}
	if err := checkSelection(s.Indexes); err != nil {
		return fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	year := 366 * 24 * 60
	switch {
	case s.EveryMinutes < 1 || s.EveryMinutes > year:
		return invalid("schedule %s is every %d minutes, must be 1 to %d", s.Name, s.EveryMinutes, year)
	case s.KeepLast < 0 || s.KeepLast > MaxSnapshots/2:
		return invalid("schedule %s keeps %d, must be 0 to %d", s.Name, s.KeepLast, MaxSnapshots/2)
	case s.KeepDays < 0 || s.KeepDays > 100*366:
		return invalid("schedule %s keeps for %d days, must be 0 to %d", s.Name, s.KeepDays, 100*366)
	}
	return checkMillis("created_millis", s.CreatedMillis)
}

// checkSelection holds the names of indexes that a snapshot is of to their limits.
func checkSelection(names []string) error {
	if len(names) > MaxSelected {
		return invalid("%d indexes are named, at most %d can be; name none for all", len(names), MaxSelected)
	}
	for i, name := range names {
		if err := checkName("index", name); err != nil {
			return err
		}
		if slices.Contains(names[:i], name) {
			return invalid("index %q is named twice", name)
		}
	}
	return nil
}

// PutSchedule adds a schedule, or changes that of its name. ErrRepositoryNotFound.
type PutSchedule struct {
	Schedule Schedule `json:"schedule"`
}

func (PutSchedule) kind() (typ, version uint16) { return TypePutSchedule, 1 }

func putSchedule(before *View, c PutSchedule) (*View, Index, error) {
	s := c.Schedule
	if err := s.check(); err != nil {
		return nil, Index{}, fmt.Errorf("put schedule: %w", err)
	}
	if _, ok := before.Repository(s.Repository); !ok {
		return nil, Index{}, fmt.Errorf("put schedule %s to %.64q: %w", s.Name, s.Repository, ErrRepositoryNotFound)
	}
	present, there := before.Schedule(s.Name)
	if there {
		s.CreatedMillis = present.CreatedMillis
		if s.equal(present) {
			return nil, Index{}, nil
		}
	} else if len(before.schedules) >= MaxSchedules {
		return nil, Index{}, fmt.Errorf("put schedule %q: %w: at most %d are allowed", s.Name, ErrLimit, MaxSchedules)
	}
	after := before.clone()
	after.schedules = with(before.schedules, s, scheduleKey)
	return after, Index{}, nil
}

func (s Schedule) equal(p Schedule) bool {
	same := slices.Equal(s.Indexes, p.Indexes)
	return same && s.Repository == p.Repository && s.EveryMinutes == p.EveryMinutes && s.KeepLast == p.KeepLast &&
		s.KeepDays == p.KeepDays && s.Paused == p.Paused && s.CreatedMillis == p.CreatedMillis
}

// DeleteSchedule removes a schedule; its snapshots stay. ErrScheduleNotFound.
type DeleteSchedule struct {
	Name string `json:"name"`
}

func (DeleteSchedule) kind() (typ, version uint16) { return TypeDeleteSchedule, 1 }

func deleteSchedule(before *View, c DeleteSchedule) (*View, Index, error) {
	if _, ok := before.Schedule(c.Name); !ok {
		return nil, Index{}, fmt.Errorf("delete schedule %.64q: %w", c.Name, ErrScheduleNotFound)
	}
	after := before.clone()
	after.schedules = without(before.schedules, c.Name, scheduleKey)
	if len(after.schedules) == 0 {
		after.schedules = nil
	}
	return after, Index{}, nil
}

// Schedule gives the schedule of that name.
func (v *View) Schedule(name string) (Schedule, bool) { return lookup(v.schedules, name, scheduleKey) }

// Schedules gives every schedule, ascending by name.
func (v *View) Schedules() []Schedule { return v.schedules }

func scheduleKey(s *Schedule) string { return s.Name }

// Due reports whether a schedule's next snapshot is to begin.
func (v *View) Due(s Schedule, now time.Time) bool {
	last := int64(0)
	for _, r := range v.snapshots {
		if r.Schedule == s.Name {
			last = max(last, r.CreatedMillis)
		}
	}
	every := time.Duration(s.EveryMinutes) * time.Minute
	return !s.Paused && now.UnixMilli() >= last+every.Milliseconds()
}

// Expired gives the complete snapshots of a schedule that nothing keeps any more, oldest first.
func (v *View) Expired(s Schedule, now time.Time) (out []SnapshotRecord) {
	if s.Paused || s.KeepLast == 0 && s.KeepDays == 0 {
		return nil
	}
	var complete []SnapshotRecord
	for _, r := range v.snapshots {
		if r.Schedule == s.Name && r.State == SnapshotDone {
			complete = append(complete, r)
		}
	}
	oldest := now.Add(-time.Duration(s.KeepDays) * 24 * time.Hour).UnixMilli()
	for i, r := range complete {
		newer := len(complete) - 1 - i
		kept := newer == 0 || newer < s.KeepLast || s.KeepDays > 0 && r.CreatedMillis >= oldest
		if !kept {
			out = append(out, r)
		}
	}
	return out
}
