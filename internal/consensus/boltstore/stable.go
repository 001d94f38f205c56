package boltstore

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// Keys under which raft keeps its vote. raft writes them by two calls, term first.
const (
	keyVoteTerm      = "LastVoteTerm"
	keyVoteCandidate = "LastVoteCand"
)

// Set stores a value durably. Setting the vote's candidate also stores the vote's term set before it, in the same
// transaction: with one but not the other after a crash, a replica would take an old candidate for the one it
// voted for in the new term, and grant it a vote without comparing logs.
func (s *Store) Set(key, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var term *uint64
	if string(key) == keyVoteCandidate {
		term, s.pendingVote = s.pendingVote, nil
	}
	return s.update(nil, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(names().stable)
		if term != nil {
			if err := putStable(bucket, []byte(keyVoteTerm), binary.LittleEndian.AppendUint64(nil, *term)); err != nil {
				return err
			}
		}
		return putStable(bucket, key, value)
	})
}

// Get reads a value, nil when there is none. It shows durable values only.
func (s *Store) Get(key []byte) ([]byte, error) {
	var value []byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		raw := tx.Bucket(names().stable).Get(key)
		if raw == nil {
			return nil
		}
		got, err := decodeStable(key, raw)
		if err != nil {
			return fmt.Errorf("read %s: %w", s.path, err)
		}
		value = append([]byte{}, got...)
		return nil
	})
	return value, err
}

// SetUint64 stores a number durably; but the vote's term is kept in memory until Set brings its candidate, and
// reading it meanwhile gives the term of the last whole vote.
func (s *Store) SetUint64(key []byte, value uint64) error {
	if string(key) != keyVoteTerm {
		return s.Set(key, binary.LittleEndian.AppendUint64(nil, value))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return fmt.Errorf("write %s: %w (first failure: %w)", s.path, ErrFailed, s.failure)
	}
	s.pendingVote = &value
	return nil
}

// GetUint64 reads a number, 0 when there is none.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil || value == nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("read %s: stable value %q has %d bytes, not 8: %w", s.path, key, len(value), ErrCorrupt)
	}
	return binary.LittleEndian.Uint64(value), nil
}

// putStable stores value behind its checksum, which covers the key too.
func putStable(bucket *bbolt.Bucket, key, value []byte) error {
	raw := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(value)), checksum(key, value))
	return bucket.Put(key, append(raw, value...))
}

// decodeStable gives the value in raw, which stays the owner.
func decodeStable(key, raw []byte) ([]byte, error) {
	if len(raw) < 4 || binary.LittleEndian.Uint32(raw) != checksum(key, raw[4:]) {
		return nil, fmt.Errorf("stable value %q fails its checksum: %w", key, ErrCorrupt)
	}
	return raw[4:], nil
}
