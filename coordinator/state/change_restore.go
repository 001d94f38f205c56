package state

import (
	"fmt"
	"slices"
)

// Restore says that an index is being filled from a snapshot. Until that is done it is not to be found, and its shards
// stay where they are.
type Restore struct {
	Repository string `json:"repository"`
	Snapshot   string `json:"snapshot"`
	// Source is the name of the index in the snapshot.
	Source string `json:"source"`
	// Manifest is the SHA-256 of the manifest that was looked at, in hexadecimal digits.
	Manifest string `json:"manifest"`
	// Aliases are made when it is done, those whose names are free.
	Aliases   []string `json:"aliases,omitempty"`
	Operation string   `json:"operation"`
}

// BeginRestore adds an index that is to be filled from a snapshot, and the operation that does it. As CreateIndex
// otherwise; ErrRepositoryNotFound, and ErrRepositoryBusy while the snapshot is being deleted.
type BeginRestore struct {
	// Index has Restore, and the generations of vectors that the snapshot has.
	Index     Index     `json:"index"`
	Operation Operation `json:"operation"`
}

func (BeginRestore) kind() (typ, version uint16) { return TypeBeginRestore, 1 }

func beginRestore(before *View, c BeginRestore) (*View, Index, error) {
	x := c.Index
	fail := func(err error) (*View, Index, error) {
		return nil, Index{}, fmt.Errorf("restore index %.128q: %w", x.Name, err)
	}
	if present, ok := before.Index(x.Name); ok && present.UUID == x.UUID {
		return nil, present, nil
	}
	if err := x.checkRestore(); err != nil {
		return fail(err)
	}
	if _, ok := before.Repository(x.Restore.Repository); !ok {
		return fail(ErrRepositoryNotFound)
	}
	if s, ok := before.Snapshot(x.Restore.Snapshot); ok && s.State == SnapshotDeleting {
		return fail(fmt.Errorf("%w: snapshot %s is being deleted", ErrRepositoryBusy, s.ID))
	}
	if err := before.room(x); err != nil {
		return fail(err)
	}
	for i := range x.Shards {
		x.Shards[i].Epoch, x.Shards[i].Founded = 1, false
		if err := before.checkNodes(x.Shards[i].Nodes, nil); err != nil {
			return fail(err)
		}
	}
	x.Restore.Operation = c.Operation.ID
	begun, _, err := putOperation(before, PutOperation{Operation: c.Operation})
	if err != nil {
		return fail(err)
	}
	if begun == nil {
		begun = before
	}
	return begun.addIndex(x)
}

func (x Index) checkRestore() error {
	if x.Restore == nil || x.Next != nil {
		return invalid("index %.64q has no snapshot to be restored from, or a generation that is being filled", x.Name)
	}
	if err := x.check(); err != nil {
		return err
	}
	r := x.Restore
	for _, id := range [][2]string{{"repository", r.Repository}, {"snapshot", r.Snapshot}} {
		if err := checkID(id[0], id[1]); err != nil {
			return err
		}
	}
	if err := checkName("index in the snapshot", r.Source); err != nil {
		return err
	}
	if err := checkText("manifest", r.Manifest, MaxIDBytes); err != nil {
		return err
	}
	if len(r.Aliases) > MaxSelected || len(x.Retired) > MaxRetired {
		return invalid("index %q has %d aliases and %d retired generations, at most %d and %d are allowed", x.Name,
			len(r.Aliases), len(x.Retired), MaxSelected, MaxRetired)
	}
	for _, alias := range r.Aliases {
		if err := checkName("alias", alias); err != nil {
			return err
		}
	}
	return nil
}

// EndRestore tells what became of an index that was being restored: State is done, failed or cancelled. Unless it is
// done, when every shard must be founded (else ErrNotFounded), the index is removed. ErrIndexNotFound if it is gone, or
// not being restored.
type EndRestore struct {
	Name string `json:"name"`
	// UUID must be the index's.
	UUID   string         `json:"uuid"`
	State  OperationState `json:"state"`
	Error  string         `json:"error,omitempty"`
	Millis int64          `json:"millis"`
	// Remote is DeleteIndex.Remote.
	Remote bool `json:"remote,omitempty"`
}

func (EndRestore) kind() (typ, version uint16) { return TypeEndRestore, 1 }

func endRestore(before *View, c EndRestore) (*View, Index, error) {
	fail := func(err error) (*View, Index, error) {
		return nil, Index{}, fmt.Errorf("end restore of index %.128q: %w", c.Name, err)
	}
	x, err := before.indexOf(c.Name, c.UUID)
	switch {
	case err != nil:
		return fail(err)
	case x.Restore == nil && c.State == OperationDone:
		return nil, x, nil
	case x.Restore == nil:
		return fail(ErrIndexNotFound)
	case !c.State.Ended():
		return fail(invalid("state %.64q", string(c.State)))
	}
	r := x.Restore
	var after *View
	if c.State == OperationDone {
		if slices.ContainsFunc(x.Shards, func(s Shard) bool { return !s.Founded }) {
			return fail(ErrNotFounded)
		}
		x.Restore = nil
		after = before.withIndex(x)
		for _, alias := range r.Aliases {
			after.addFreeAlias(alias, x.Name)
		}
	} else if after, x, err = deleteIndex(before, DeleteIndex{Name: c.Name, UUID: c.UUID, Remote: c.Remote}); err != nil {
		return fail(err)
	}
	after.endOperation(r.Operation, c.State, cut(c.Error, MaxTextBytes), c.Millis)
	return after, x, nil
}

// addFreeAlias makes an alias whose name nothing has.
func (v *View) addFreeAlias(name, index string) {
	_, isIndex := v.Index(name)
	_, isAlias := lookup(v.aliases, name, aliasKey)
	if !isIndex && !isAlias && len(v.aliases) < MaxAliases {
		v.aliases = with(v.aliases, Alias{Name: name, Index: index}, aliasKey)
	}
}
