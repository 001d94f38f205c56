package consensus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sagasu/internal/consensus/boltstore"
)

// Survey tells what Recover would go by, and changes nothing: of several replicas left, the one with the latest
// last entry is the one to recover. It refuses what Recover refuses.
func Survey(cfg Config) (report RecoverReport, err error) {
	fail := func(err error) (RecoverReport, error) {
		return report, fmt.Errorf("survey group %s in %s: %w", cfg.Group, cfg.Dir, err)
	}
	if err := errors.Join(cfg.Validate(), cfg.pending()); err != nil {
		return fail(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, boltstore.FileName)); errors.Is(err, os.ErrNotExist) {
		return fail(ErrNothingToRecover)
	}
	logs, err := cfg.store()
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	if report, err = cfg.survey(logs); err != nil {
		return fail(err)
	}
	return report, nil
}
