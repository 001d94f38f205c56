package consensus

import (
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

// Advance tells the replica in cfg.Dir, which must not be open, that its machine's files are another replica's from now
// on, durable to an index that its own log may not have reached: Open then does not take the log for one that lost its
// end. Log, term and vote stay as they are, and so does what the replica acknowledged: what the log lacks comes from
// the leader, and is not applied a second time. The caller has seen that the index is no less than Needs. Advancing
// again, or to less, does no harm.
func Advance(cfg Config, index uint64) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("advance group %s in %s to index %d: %w", cfg.Group, cfg.Dir, index, err)
		}
	}()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	logs, err := cfg.store()
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := logs.Close(); err == nil {
			err = closeErr
		}
	}()
	before, err := logs.GetUint64([]byte(aheadKey))
	if err != nil || before >= index {
		return err
	}
	return logs.SetUint64([]byte(aheadKey), index)
}

// mayBe is up to where the machine may be though the log does not reach as far.
func mayBe(logs store, ref reference) (uint64, error) {
	advanced, err := logs.GetUint64([]byte(aheadKey))
	return max(advanced, ref.ahead), err
}
