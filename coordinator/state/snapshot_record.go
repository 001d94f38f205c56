package state

import (
	"fmt"
	"slices"
)

// SnapshotState is how far a snapshot is.
type SnapshotState string

// The states of a snapshot. A new one needs a new feature level.
const (
	SnapshotRunning   SnapshotState = "running"
	SnapshotDone      SnapshotState = "done"
	SnapshotFailed    SnapshotState = "failed"
	SnapshotCancelled SnapshotState = "cancelled"
	// SnapshotDeleting is one that is being removed from its repository.
	SnapshotDeleting SnapshotState = "deleting"
)

// SnapshotRecord is what the metadata know of a snapshot; the manifest in its repository knows the rest.
type SnapshotRecord struct {
	// ID names it in its repository and here; chosen by the proposer.
	ID         string `json:"id"`
	Repository string `json:"repository"`
	// Schedule asked for it; empty for a person.
	Schedule string `json:"schedule,omitempty"`
	// Selected are the names of the indexes that were asked for; none for all.
	Selected []string      `json:"selected,omitempty"`
	State    SnapshotState `json:"state"`
	// Operation takes or deletes it.
	Operation string `json:"operation"`
	// Error is why it failed, or could not be deleted; cut at MaxTextBytes.
	Error string `json:"error,omitempty"`
	// Version is that of the metadata in it, Manifest the SHA-256 of its manifest in hexadecimal digits; of one that is
	// done.
	Version  uint64 `json:"version,omitempty"`
	Manifest string `json:"manifest,omitempty"`
	// What it holds, and how many bytes were sent for it.
	Indexes   int   `json:"indexes,omitempty"`
	Shards    int   `json:"shards,omitempty"`
	Documents int64 `json:"documents,omitempty"`
	Bytes     int64 `json:"bytes,omitempty"`
	NewBytes  int64 `json:"new_bytes,omitempty"`
	// CreatedMillis and EndedMillis are milliseconds since 1970 UTC; the latter is 0 while it is being taken.
	CreatedMillis int64 `json:"created_millis"`
	EndedMillis   int64 `json:"ended_millis,omitempty"`
}

func (s SnapshotRecord) check() error {
	if err := checkID("id of a snapshot", s.ID); err != nil {
		return err
	}
	if err := checkSelection(s.Selected); err != nil {
		return fmt.Errorf("snapshot %s: %w", s.ID, err)
	}
	return checkMillis("created_millis", s.CreatedMillis)
}

// BeginSnapshot begins a snapshot, and the operation that takes it. ErrRepositoryNotFound; ErrRepositoryBusy while
// another one is taken to its repository, or deleted from it; ErrLimit, unless one that failed can be forgotten.
type BeginSnapshot struct {
	Snapshot  SnapshotRecord `json:"snapshot"`
	Operation Operation      `json:"operation"`
}

func (BeginSnapshot) kind() (typ, version uint16) { return TypeBeginSnapshot, 1 }

func beginSnapshot(before *View, c BeginSnapshot) (*View, Index, error) {
	fail := func(err error) (*View, Index, error) {
		return nil, Index{}, fmt.Errorf("begin snapshot %.64q: %w", c.Snapshot.ID, err)
	}
	s := c.Snapshot
	if err := s.check(); err != nil {
		return fail(err)
	}
	if present, ok := before.Snapshot(s.ID); ok {
		if present.Operation == c.Operation.ID {
			return nil, Index{}, nil
		}
		return fail(ErrSnapshotExists)
	}
	r, ok := before.Repository(s.Repository)
	if !ok {
		return fail(fmt.Errorf("to %.64q: %w", s.Repository, ErrRepositoryNotFound))
	}
	if r.ReadOnly {
		return fail(fmt.Errorf("to %s: %w", s.Repository, ErrReadOnly))
	}
	if err := before.repositoryIdle(s.Repository); err != nil {
		return fail(err)
	}
	after, _, err := putOperation(before, PutOperation{Operation: c.Operation})
	if err != nil {
		return fail(err)
	}
	if after == nil {
		after = before.clone()
	}
	kept := slices.Clone(before.snapshots)
	if len(kept) >= MaxSnapshots {
		at := slices.IndexFunc(kept, func(p SnapshotRecord) bool {
			return p.State == SnapshotFailed || p.State == SnapshotCancelled
		})
		if at < 0 {
			return fail(fmt.Errorf("%w: there are %d; delete some", ErrLimit, len(kept)))
		}
		kept = slices.Delete(kept, at, at+1)
	}
	s = SnapshotRecord{
		ID: s.ID, Repository: s.Repository, Schedule: s.Schedule, Selected: s.Selected, State: SnapshotRunning,
		Operation: c.Operation.ID, CreatedMillis: s.CreatedMillis,
	}
	after.snapshots = append(kept, s)
	return after, Index{}, nil
}

// EndSnapshot tells what became of a snapshot that was being taken: Snapshot.State is done, failed or cancelled.
// ErrSnapshotNotFound; ErrSnapshotState if it has ended otherwise.
type EndSnapshot struct {
	// Snapshot is found by its ID; what it was begun with stays.
	Snapshot SnapshotRecord `json:"snapshot"`
}

func (EndSnapshot) kind() (typ, version uint16) { return TypeEndSnapshot, 1 }

func endSnapshot(before *View, c EndSnapshot) (*View, Index, error) {
	s := c.Snapshot
	present, ok := before.Snapshot(s.ID)
	switch {
	case !ok:
		return nil, Index{}, fmt.Errorf("end snapshot %.64q: %w", s.ID, ErrSnapshotNotFound)
	case s.State != SnapshotDone && s.State != SnapshotFailed && s.State != SnapshotCancelled:
		return nil, Index{}, fmt.Errorf("end snapshot %s: %w", s.ID, invalid("state %.64q", string(s.State)))
	case present.State == s.State && present.Manifest == s.Manifest:
		return nil, Index{}, nil
	case present.State != SnapshotRunning:
		return nil, Index{}, fmt.Errorf("end snapshot %s, which is %s: %w", s.ID, present.State, ErrSnapshotState)
	}
	if err := checkText("manifest of snapshot "+s.ID, s.Manifest, MaxIDBytes); err != nil {
		return nil, Index{}, fmt.Errorf("end snapshot: %w", err)
	}
	s.Repository, s.Schedule, s.Selected = present.Repository, present.Schedule, present.Selected
	s.Operation, s.CreatedMillis, s.Error = present.Operation, present.CreatedMillis, cut(s.Error, MaxTextBytes)
	after := before.withSnapshot(s)
	after.endOperation(s.Operation, operationEnd(s.State), s.Error, s.EndedMillis)
	return after, Index{}, nil
}

// operationEnd is the state of an operation that ended with a snapshot in a state.
func operationEnd(s SnapshotState) OperationState {
	switch s {
	case SnapshotDone:
		return OperationDone
	case SnapshotCancelled:
		return OperationCancelled
	}
	return OperationFailed
}

// DropSnapshot begins to delete a snapshot, which may be known to its repository alone. ErrRepositoryBusy while another
// one is taken or deleted there, or something is restored from it.
type DropSnapshot struct {
	ID         string `json:"id"`
	Repository string `json:"repository"`
	// Operation deletes it.
	Operation Operation `json:"operation"`
}

func (DropSnapshot) kind() (typ, version uint16) { return TypeDropSnapshot, 1 }

func dropSnapshot(before *View, c DropSnapshot) (*View, Index, error) {
	fail := func(err error) (*View, Index, error) {
		return nil, Index{}, fmt.Errorf("delete snapshot %.64q: %w", c.ID, err)
	}
	s, known := before.Snapshot(c.ID)
	if !known {
		s = SnapshotRecord{ID: c.ID, Repository: c.Repository, CreatedMillis: c.Operation.CreatedMillis}
	}
	if err := s.check(); err != nil {
		return fail(err)
	}
	r, ok := before.Repository(s.Repository)
	switch {
	case !ok || s.Repository != c.Repository:
		return fail(ErrRepositoryNotFound)
	case r.ReadOnly:
		return fail(fmt.Errorf("from %s: %w", r.Name, ErrReadOnly))
	case s.State == SnapshotDeleting && s.Operation == c.Operation.ID:
		return nil, Index{}, nil
	case !known && len(before.snapshots) >= MaxSnapshots:
		return fail(ErrLimit)
	}
	if err := before.repositoryIdle(s.Repository); err != nil {
		return fail(err)
	}
	if err := before.noRestore(s.Repository, s.ID); err != nil {
		return fail(err)
	}
	begun, _, err := putOperation(before, PutOperation{Operation: c.Operation})
	if err != nil {
		return fail(err)
	}
	if begun == nil {
		begun = before
	}
	s.State, s.Operation, s.Error = SnapshotDeleting, c.Operation.ID, ""
	return begun.withSnapshot(s), Index{}, nil
}

// ForgetSnapshot tells what became of a snapshot that was being deleted: with an Error it failed, and is done as before.
type ForgetSnapshot struct {
	ID     string `json:"id"`
	Error  string `json:"error,omitempty"`
	Millis int64  `json:"millis"`
}

func (ForgetSnapshot) kind() (typ, version uint16) { return TypeForgetSnapshot, 1 }

func forgetSnapshot(before *View, c ForgetSnapshot) (*View, Index, error) {
	s, ok := before.Snapshot(c.ID)
	if !ok || s.State != SnapshotDeleting {
		return nil, Index{}, nil
	}
	if c.Error != "" {
		s.State, s.Error = SnapshotFailed, cut(c.Error, MaxTextBytes)
		after := before.withSnapshot(s)
		after.endOperation(s.Operation, OperationFailed, s.Error, c.Millis)
		return after, Index{}, nil
	}
	after := before.clone()
	after.snapshots = slices.DeleteFunc(slices.Clone(before.snapshots), func(p SnapshotRecord) bool { return p.ID == c.ID })
	if len(after.snapshots) == 0 {
		after.snapshots = nil
	}
	after.endOperation(s.Operation, OperationDone, "", c.Millis)
	return after, Index{}, nil
}

// Snapshot gives the snapshot of that id.
func (v *View) Snapshot(id string) (SnapshotRecord, bool) {
	at := slices.IndexFunc(v.snapshots, func(s SnapshotRecord) bool { return s.ID == id })
	if at < 0 {
		return SnapshotRecord{}, false
	}
	return v.snapshots[at], true
}

// Snapshots gives every snapshot that is known, in the order in which they were begun.
func (v *View) Snapshots() []SnapshotRecord { return v.snapshots }

// withSnapshot puts a snapshot in the place of that of its id, or adds it.
func (v *View) withSnapshot(s SnapshotRecord) *View {
	after := v.clone()
	after.snapshots = slices.Clone(v.snapshots)
	at := slices.IndexFunc(after.snapshots, func(p SnapshotRecord) bool { return p.ID == s.ID })
	if at < 0 {
		after.snapshots = append(after.snapshots, s)
	} else {
		after.snapshots[at] = s
	}
	return after
}

// endOperation ends an operation, if it is still known and has not ended.
func (v *View) endOperation(id string, state OperationState, failure string, millis int64) {
	at := slices.IndexFunc(v.operations, func(o Operation) bool { return o.ID == id })
	if at < 0 || v.operations[at].State.Ended() {
		return
	}
	v.operations = slices.Clone(v.operations)
	o := &v.operations[at]
	o.State, o.Error, o.UpdatedMillis = state, failure, max(millis, o.UpdatedMillis)
	if state == OperationDone {
		o.Done = o.Total
	}
}
