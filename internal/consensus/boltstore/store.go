package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// FileName is the name of the log's file in a group's directory.
const FileName = "raft.db"

const headerMagic = "SAGASURL"

// Store is a raft LogStore and StableStore in one bbolt file. Its methods may be called concurrently.
type Store struct {
	db   *bbolt.DB
	path string

	mu          sync.Mutex // serialises writers
	pendingVote *uint64    // vote's term, kept until its candidate comes; guarded by mu
	failure     error      // first failed write; guarded by mu
	first, last atomic.Uint64
}

type bucketNames struct{ meta, logs, stable, header []byte }

func names() bucketNames {
	return bucketNames{meta: []byte("meta"), logs: []byte("logs"), stable: []byte("stable"), header: []byte("header")}
}

// Open opens or creates FileName in dir, which must exist. It waits at most lockTimeout for the file's lock and
// then returns an error that Is ErrLocked. A file that fails the page check, the header's check or has holes
// is ErrCorrupt; entries are checked as they are read.
func Open(dir string, lockTimeout time.Duration) (*Store, error) {
	path := filepath.Join(dir, FileName)
	if lockTimeout <= 0 {
		return nil, fmt.Errorf("open raft log %s: lock timeout %v is not positive", path, lockTimeout)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := create(path, lockTimeout); err != nil {
			return nil, err
		}
	}
	if err := checkFile(path, lockTimeout); err != nil {
		return nil, err
	}
	db, err := openBolt(path, lockTimeout)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, path: path}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func openBolt(path string, lockTimeout time.Duration) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        lockTimeout,
		NoFreelistSync: true, // one page less per commit; the list is rebuilt by a scan when opening
		FreelistType:   bbolt.FreelistMapType,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open raft log in directory %s: %w", filepath.Dir(path), ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum),
		errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("open raft log %s: %v: %w", path, err, ErrCorrupt)
	case err != nil:
		return nil, fmt.Errorf("open raft log %s: %w", path, err)
	}
	return db, nil
}

// create makes an empty log beside path and renames it into place, so that a crash leaves a whole file or none.
func create(path string, lockTimeout time.Duration) error {
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("create raft log %s: %w", path, err)
	}
	db, err := openBolt(temporary, lockTimeout)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		n := names()
		for _, name := range [][]byte{n.logs, n.stable} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucket(n.meta)
		if err != nil {
			return err
		}
		return meta.Put(n.header, header(FormatVersion))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("create raft log %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("create raft log %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}

func header(version uint32) []byte {
	h := binary.LittleEndian.AppendUint32([]byte(headerMagic), version)
	return binary.LittleEndian.AppendUint32(h, checksum(nil, h))
}

// load checks the header and finds the log's ends.
func (s *Store) load() error {
	return s.db.View(func(tx *bbolt.Tx) error {
		if err := checkHeader(tx, s.path); err != nil {
			return err
		}
		first, last, err := ends(tx, s.path)
		if err != nil {
			return err
		}
		s.first.Store(first)
		s.last.Store(last)
		return nil
	})
}

func checkHeader(tx *bbolt.Tx, path string) error {
	n := names()
	meta := tx.Bucket(n.meta)
	if meta == nil || tx.Bucket(n.logs) == nil || tx.Bucket(n.stable) == nil {
		return fmt.Errorf("read header of %s: a bucket is missing: %w", path, ErrCorrupt)
	}
	h := meta.Get(n.header)
	if len(h) != len(headerMagic)+8 || string(h[:len(headerMagic)]) != headerMagic ||
		binary.LittleEndian.Uint32(h[12:]) != checksum(nil, h[:12]) {
		return fmt.Errorf("read header of %s: magic or checksum is wrong: %w", path, ErrCorrupt)
	}
	version := binary.LittleEndian.Uint32(h[8:])
	if version == 0 || version > FormatVersion {
		return fmt.Errorf("read header of %s: it has version %d, this program reads up to %d: %w",
			path, version, FormatVersion, ErrVersion)
	}
	return nil
}

// ends gives the first and last index, zeros for an empty log, and refuses a log with holes.
func ends(tx *bbolt.Tx, path string) (first, last uint64, err error) {
	logs := tx.Bucket(names().logs)
	var count uint64
	err = logs.ForEach(func(k, v []byte) error {
		if len(k) != 8 || v == nil {
			return fmt.Errorf("read %s: a log key of %d bytes: %w", path, len(k), ErrCorrupt)
		}
		index := binary.BigEndian.Uint64(k)
		if count == 0 {
			first = index
		}
		if index == 0 || index != first+count {
			return fmt.Errorf("read %s: entry %d is missing before %d: %w", path, first+count, index, ErrCorrupt)
		}
		last = index
		count++
		return nil
	})
	return first, last, err
}

// Path is the file's path.
func (s *Store) Path() string { return s.path }

// Close closes the file and gives up its lock. It waits for a write in progress.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close raft log %s: %w", s.path, err)
	}
	return nil
}

// update runs one write transaction. check may refuse it without harm; a failure of the transaction itself is
// final, and every later write gets ErrFailed.
func (s *Store) update(check func() error, write func(tx *bbolt.Tx) error) error {
	if s.failure != nil {
		return fmt.Errorf("write %s: %w (first failure: %w)", s.path, ErrFailed, s.failure)
	}
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	if err := s.db.Update(write); err != nil {
		s.failure = err
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	return nil
}
