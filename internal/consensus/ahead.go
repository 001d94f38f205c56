package consensus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sagasu/internal/consensus/boltstore"
)

// aheadKey names the stable value that Advance keeps.
const aheadKey = "MachineAhead"

// Needs gives the index that the machine of the replica in cfg.Dir must be durable to at least, for the log no longer
// holds what is before; 0 if the log has everything, or there is none yet. Errors: ErrReference where that can't be
// read, ErrRestorePending.
func Needs(cfg Config) (uint64, error) {
	fail := func(err error) (uint64, error) {
		return 0, fmt.Errorf("read what group %s in %s needs: %w", cfg.Group, cfg.Dir, err)
	}
	if err := cfg.Validate(); err != nil {
		return fail(err)
	}
	if err := cfg.pending(); err != nil {
		return fail(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, boltstore.FileName)); os.IsNotExist(err) {
		return 0, nil // and make no files
	}
	files, err := cfg.snapshotStore()
	if err != nil {
		return fail(err)
	}
	meta, ref, err := newestReference(files)
	if err != nil {
		return fail(err)
	}
	if meta == nil {
		return 0, nil
	}
	return ref.command, nil
}

// Floor gives the least index that the machine may be durable to when Advance is called: Needs, or less where the log
// still has what follows an older snapshot. The replica must not be open.
func Floor(cfg Config) (floor uint64, err error) {
	err = cfg.withStore(func(logs store) error {
		kept, err := cfg.resumable(logs)
		if len(kept) > 0 {
			floor = kept[len(kept)-1].command
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find where group %s in %s can begin: %w", cfg.Group, cfg.Dir, err)
	}
	return floor, nil
}

// Advance tells the replica in cfg.Dir, which must not be open, that its machine's files are another replica's from now
// on, durable to an index that its own log may not have reached: Open then does not take the log for one that lost its
// end. Log, term and vote stay as they are, and so does what the replica acknowledged: what the log lacks comes from
// the leader, and is not applied a second time. Snapshots of a later state are dropped, for the log has what they stand
// for; ErrStateBehind if it hasn't, the index being less than Floor. Advancing again does no harm.
func Advance(cfg Config, index uint64) error {
	err := cfg.withStore(func(logs store) error {
		kept, err := cfg.resumable(logs)
		if err != nil {
			return err
		}
		drop := 0
		for drop < len(kept) && kept[drop].command > index {
			drop++
		}
		if drop > 0 && drop == len(kept) {
			return fmt.Errorf("the log begins behind index %d: %w", kept[drop-1].command, ErrStateBehind)
		}
		for _, s := range kept[:drop] {
			if err := cfg.dropSnapshot(s.id); err != nil {
				return err
			}
		}
		before, err := logs.GetUint64([]byte(aheadKey))
		if err != nil || before >= index {
			return err
		}
		return logs.SetUint64([]byte(aheadKey), index)
	})
	if err != nil {
		return fmt.Errorf("advance group %s in %s to index %d: %w", cfg.Group, cfg.Dir, index, err)
	}
	return nil
}

// withStore calls fn with the log of a replica that is not open.
func (c Config) withStore(fn func(logs store) error) error {
	if err := errors.Join(c.Validate(), c.pending()); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	logs, err := c.store()
	if err != nil {
		return err
	}
	return errors.Join(fn(logs), logs.Close())
}

// beginning is a state that a replica can go on from: a snapshot's, or that of the empty machine, with no id.
type beginning struct {
	id      string
	command uint64
}

// resumable gives the states that the replica can begin from, the newest first. Those after it need a log that has
// everything from there to the newest snapshot.
func (c Config) resumable(logs store) ([]beginning, error) {
	files, err := c.snapshotStore()
	if err != nil {
		return nil, err
	}
	metas, err := files.List()
	if err != nil || len(metas) == 0 {
		return []beginning{{}}, err
	}
	first, err := logs.FirstIndex()
	if err != nil {
		return nil, err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return nil, err
	}
	var all []beginning
	for i, meta := range metas {
		reaches := first > 0 && first <= meta.Index+1 && last >= metas[0].Index
		if i > 0 && !reaches {
			return all, nil
		}
		ref, err := readReference(files, meta.ID)
		switch {
		case err != nil && i > 0, ref.old:
			return all, nil // the newer ones do
		case err != nil:
			return nil, err
		}
		all = append(all, beginning{meta.ID, ref.command})
	}
	if first == 1 && last >= metas[0].Index {
		all = append(all, beginning{})
	}
	return all, nil
}

// dropSnapshot removes a snapshot; raft takes no notice of one that has this suffix.
func (c Config) dropSnapshot(id string) error {
	path := filepath.Join(c.Dir, "snapshots", id)
	if err := os.Rename(path, path+".tmp"); err != nil {
		return err
	}
	if err := syncPath(filepath.Dir(path)); err != nil {
		return err
	}
	return os.RemoveAll(path + ".tmp")
}

// mayBe is up to where the machine may be though the log does not reach as far.
func mayBe(logs store, ref reference) (uint64, error) {
	advanced, err := logs.GetUint64([]byte(aheadKey))
	return max(advanced, ref.ahead), err
}
