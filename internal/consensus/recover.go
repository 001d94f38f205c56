package consensus

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"sagasu/internal/consensus/boltstore"
)

// RecoverReport is what Recover found and did. Which entries were committed is not known offline: those from
// Certain+1 to LastIndex may be entries no client was told of, and become committed now; and what the lost majority
// acknowledged after LastIndex is lost.
type RecoverReport struct {
	Group  string
	Before []Server // the members until now
	After  []Server
	// LastIndex and LastTerm are of the last entry this replica has.
	LastIndex, LastTerm uint64
	// Certain is up to where entries are known to have been committed: covered by a snapshot, or durably applied when
	// it was taken.
	Certain uint64
	// Index and Term are of the entry that was added.
	Index, Term uint64
}

// Uncertain is the number of entries of which it is not known whether they were committed before.
func (r RecoverReport) Uncertain() uint64 { return r.LastIndex - min(r.LastIndex, r.Certain) }

// String tells it in words.
func (r RecoverReport) String() string {
	return fmt.Sprintf("group %s: the log ends at index %d (term %d) and surely was committed up to %d; "+
		"%d entries after that may or may not have been acknowledged, and are kept; what others acknowledged after %d "+
		"is lost. Members were %v, are %v by entry %d (term %d).",
		r.Group, r.LastIndex, r.LastTerm, r.Certain, r.Uncertain(), r.LastIndex, r.Before, r.After, r.Index, r.Term)
}

// Recover makes the replica in cfg.Dir the origin of a group whose majority is lost for ever: when it is opened next,
// its members are the given servers, this one among them, and all its log counts as committed. It is done on one
// replica only, the one with the longest log; the other servers must begin with empty directories, and old replicas
// must never come back. It refuses with boltstore.ErrLocked while the replica is open, and with ErrRestorePending,
// ErrNothingToRecover, or ErrLogBehind where the machine has what the log has not got yet.
func Recover(cfg Config, servers []string) (report RecoverReport, err error) {
	fail := func(err error) (RecoverReport, error) {
		return report, fmt.Errorf("recover group %s in %s: %w", cfg.Group, cfg.Dir, err)
	}
	if err := errors.Join(cfg.Validate(), cfg.pending()); err != nil {
		return fail(err)
	}
	if !slices.Contains(servers, cfg.ID) {
		return fail(fmt.Errorf("%w: %s is not among the servers %v", ErrInvalidConfig, cfg.ID, servers))
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, boltstore.FileName)); errors.Is(err, os.ErrNotExist) {
		return fail(ErrNothingToRecover) // and make no files
	}
	logs, err := cfg.store()
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	if report, err = cfg.survey(logs); err != nil {
		return fail(err)
	}
	var after raft.Configuration
	for _, id := range servers {
		after.Servers = append(after.Servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	report.After = serversOf(after)
	seen, err := logs.GetUint64([]byte("CurrentTerm"))
	if err != nil {
		return fail(err)
	}
	// Should this be done on two replicas against all advice, their entries must not pass for the same one.
	report.Index = report.LastIndex + 1
	report.Term = max(seen, report.LastTerm) + 1 + uint64(crc32.ChecksumIEEE([]byte(cfg.ID))%recoverTerms)
	if err := logs.SetUint64([]byte("CurrentTerm"), report.Term); err != nil {
		return fail(err)
	}
	if err := logs.StoreLog(&raft.Log{
		Index: report.Index, Term: report.Term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(after),
		AppendedAt: time.Now(),
	}); err != nil {
		return fail(err)
	}
	return report, nil
}

// survey reads what the replica has.
func (c Config) survey(logs store) (RecoverReport, error) {
	report := RecoverReport{Group: c.Group}
	files, err := c.snapshotStore()
	if err != nil {
		return report, err
	}
	meta, ref, err := newestReference(files)
	if err != nil {
		return report, err
	}
	first, err := logs.FirstIndex()
	if err != nil {
		return report, err
	}
	last, err := logs.LastIndex()
	if err != nil {
		return report, err
	}
	if meta == nil && last == 0 {
		return report, ErrNothingToRecover
	}
	ahead, err := mayBe(logs, ref)
	if err != nil {
		return report, err
	}
	var members raft.Configuration
	if meta != nil {
		members = meta.Configuration
		report.LastIndex, report.LastTerm = meta.Index, meta.Term
		report.Certain = max(meta.Index, ref.durable)
		if last < meta.Index { // as Open would
			if err := emptyLog(logs); err != nil {
				return report, err
			}
			first, last = 0, 0
		}
	}
	for index := first; index > 0 && index <= last; index++ {
		var log raft.Log
		if err := logs.GetLog(index, &log); err != nil {
			return report, err
		}
		report.LastIndex, report.LastTerm = index, log.Term
		if log.Type == raft.LogConfiguration && (meta == nil || index > meta.Index) {
			if members, err = decodeConfiguration(log.Data); err != nil {
				return report, err
			}
		}
	}
	report.Before = serversOf(members)
	if report.LastIndex < ahead {
		// The entries that would follow were never applied: the machine has others of their index.
		return report, fmt.Errorf("log ends at index %d, the machine came from another replica and may be at %d: %w",
			report.LastIndex, ahead, ErrLogBehind)
	}
	return report, nil
}
