package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// Item is what Inspect finds at one index.
type Item struct {
	Index uint64
	// Log is the entry; empty when Err is set.
	Log raft.Log
	// StoredBytes is the size of the entry in the file.
	StoredBytes int
	// Err Is ErrCorrupt when the entry fails its checks.
	Err error
}

// Report is what Inspect says of a whole file.
type Report struct {
	Path        string
	Version     uint32
	First, Last uint64
	CurrentTerm uint64
	VoteTerm    uint64
	VotedFor    string
	Corrupt     int // entries that fail their checks
}

// Inspect reads a raft log without changing it and calls visit, if not nil, for each entry in order of index,
// damaged ones included; an error of visit ends the reading and is returned. path is the file or its directory. It
// takes the file's lock, so that the log of a running node is ErrLocked.
func Inspect(path string, visit func(Item) error) (report Report, err error) {
	const lockTimeout = time.Second
	if filepath.Base(path) != FileName {
		path = filepath.Join(path, FileName)
	}
	report.Path = path
	if err := checkFile(path, lockTimeout); err != nil {
		return report, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if err != nil {
		return report, fmt.Errorf("inspect %s: %w", path, err)
	}
	s := &Store{db: db, path: path}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.load(); err != nil {
		return report, err
	}
	report.Version, report.First, report.Last = FormatVersion, s.first.Load(), s.last.Load()
	if err := report.readStable(s); err != nil {
		return report, err
	}
	return report, report.readEntries(s, visit)
}

func (r *Report) readStable(s *Store) (err error) {
	if r.CurrentTerm, err = s.GetUint64([]byte("CurrentTerm")); err != nil {
		return err
	}
	if r.VoteTerm, err = s.GetUint64([]byte(keyVoteTerm)); err != nil {
		return err
	}
	candidate, err := s.Get([]byte(keyVoteCandidate))
	r.VotedFor = string(candidate)
	return err
}

func (r *Report) readEntries(s *Store, visit func(Item) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(names().logs).ForEach(func(key, raw []byte) error {
			item := Item{Index: binary.BigEndian.Uint64(key), StoredBytes: len(raw)}
			if err := decodeEntry(item.Index, raw, &item.Log); err != nil {
				item.Err = fmt.Errorf("read %s: %w", s.path, err)
				r.Corrupt++
			}
			if visit == nil {
				return nil
			}
			return visit(item)
		})
	})
}
