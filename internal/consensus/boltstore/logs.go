package boltstore

import (
	"encoding/binary"
	"fmt"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

// IsMonotonic is always true: the log has no gaps. It makes raft drop a conflicting tail when it installs a
// snapshot, which it otherwise keeps (and then downloads the same snapshot for ever).
func (s *Store) IsMonotonic() bool { return true }

// FirstIndex is the index of the oldest entry, 0 when the log is empty.
func (s *Store) FirstIndex() (uint64, error) { return s.first.Load(), nil }

// LastIndex is the index of the newest entry, 0 when the log is empty.
func (s *Store) LastIndex() (uint64, error) { return s.last.Load(), nil }

// GetLog reads the entry at index into log. An index outside the log is raft.ErrLogNotFound; an entry that is
// missing inside it or fails its checksum is ErrCorrupt.
func (s *Store) GetLog(index uint64, log *raft.Log) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		raw := tx.Bucket(names().logs).Get(indexKey(index))
		if raw == nil {
			if first, last := s.first.Load(), s.last.Load(); first == 0 || index < first || index > last {
				return raft.ErrLogNotFound
			}
			return fmt.Errorf("read %s: entry %d is missing: %w", s.path, index, ErrCorrupt)
		}
		if err := decodeEntry(index, raw, log); err != nil {
			return fmt.Errorf("read %s: %w", s.path, err)
		}
		return nil
	})
}

// StoreLog stores one entry durably.
func (s *Store) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs stores the entries durably, all or none, in one transaction. They must follow the last entry and
// each other without a gap; an empty log may start anywhere.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	encoded := make([][]byte, len(logs))
	err := s.update(func() error { return s.encode(logs, encoded) }, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(names().logs)
		bucket.FillPercent = fillPercent
		for i, log := range logs {
			if err := bucket.Put(indexKey(log.Index), encoded[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.first.Load() == 0 {
		s.first.Store(logs[0].Index)
	}
	s.last.Store(logs[len(logs)-1].Index)
	return nil
}

// encode checks the entries' order and fills encoded.
func (s *Store) encode(logs []*raft.Log, encoded [][]byte) error {
	next := s.last.Load() + 1
	if s.last.Load() == 0 {
		next = max(logs[0].Index, 1)
	}
	for i, log := range logs {
		if log.Index != next {
			return fmt.Errorf("store entry %d in %s, which expects %d: %w", log.Index, s.path, next, ErrGap)
		}
		next++
		var err error
		if encoded[i], err = appendEntry(nil, log); err != nil {
			return fmt.Errorf("write %s: %w", s.path, err)
		}
	}
	return nil
}

// DeleteRange deletes entries low to high, both included, which must be the log's beginning or end. It works in
// steps that each leave a contiguous log, so that a crash between them does too.
func (s *Store) DeleteRange(low, high uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, last := s.first.Load(), s.last.Load()
	low, high = max(low, first), min(high, last)
	if first == 0 || low > high {
		return nil
	}
	if low != first && high != last {
		return fmt.Errorf("delete entries %d to %d of %s, which holds %d to %d: %w", low, high, s.path, first, last, ErrGap)
	}
	for low <= high {
		from, to := low, min(high, low+deleteChunk-1)
		if low != first { // a tail goes from its end
			from, to = max(low, high-min(high, deleteChunk-1)), high
		}
		if err := s.deleteStep(from, to); err != nil {
			return err
		}
		if low == first {
			low, first = to+1, to+1
		} else {
			high = from - 1
		}
	}
	return nil
}

// deleteStep deletes one end of the log. It moves the end first: a reader that already misses the entry must not
// take it for a hole. Should the transaction fail, the store has failed with it.
func (s *Store) deleteStep(from, to uint64) error {
	switch first, last := s.first.Load(), s.last.Load(); {
	case from == first && to == last:
		s.first.Store(0)
		s.last.Store(0)
	case from == first:
		s.first.Store(to + 1)
	default:
		s.last.Store(from - 1)
	}
	return s.update(nil, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(names().logs)
		for index := from; index <= to; index++ {
			if err := bucket.Delete(indexKey(index)); err != nil {
				return err
			}
		}
		return nil
	})
}

func indexKey(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }
