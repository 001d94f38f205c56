package consensus

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// snapshot implements raft.FSMSnapshot.
type snapshot struct {
	ref     reference
	persist func(*snapshot) error // sets ref.durable
}

// Persist makes the machine durable and writes the reference. raft discards log entries only after it.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.persist(s); err != nil {
		return err
	}
	if own, ok := sink.(*ownSink); ok {
		own.local = true
	}
	if _, err := sink.Write(s.ref.encode()); err != nil {
		return fmt.Errorf("write snapshot reference: %w", err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (s *snapshot) Release() {}

// streamed is a snapshot that another replica sends.
type streamed struct {
	index, term uint64 // of the last entry it covers
	members     membership
	ref         reference
}

// snapshots wraps the store so that only what this replica's machine has becomes part of it. raft closes a streamed
// snapshot's sink before it restores it: were it kept, the next start would take its index for applied.
type snapshots struct {
	raft.SnapshotStore
	// receive looks at a streamed snapshot and gives the reference to keep for it, or why none is kept.
	receive func(streamed) (reference, error)
	fail    func(error)

	mu      sync.Mutex
	index   uint64 // the last streamed one that did not start anything
	repeats int
}

func (s *snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64,
	t raft.Transport,
) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	return &ownSink{
		SnapshotSink: sink, store: s, from: streamed{index: index, term: term, members: membership{at, c}},
	}, nil
}

// count ends the replica when the same snapshot keeps coming, kept or refused.
func (s *snapshots) count(index uint64, reason error) {
	s.mu.Lock()
	if s.index != index {
		s.index, s.repeats = index, 0
	}
	s.repeats++
	repeats := s.repeats
	s.mu.Unlock()
	if repeats >= maxSnapshotRepeats {
		s.fail(errors.Join(fmt.Errorf("snapshot at index %d was streamed %d times: %w", index, repeats, ErrSnapshotLoop),
			reason))
	}
}

// ownSink knows whether a snapshot is this replica's own.
type ownSink struct {
	raft.SnapshotSink
	store *snapshots
	from  streamed
	local bool
	sent  []byte // a streamed snapshot's content
}

// Write keeps a streamed snapshot in memory until it is known what becomes of it.
func (s *ownSink) Write(p []byte) (int, error) {
	if s.local {
		return s.SnapshotSink.Write(p)
	}
	if len(s.sent)+len(p) > maxReference {
		return 0, fmt.Errorf("receive snapshot of more than %d bytes: %w", maxReference, ErrReference)
	}
	s.sent = append(s.sent, p...)
	return len(p), nil
}

// Close finishes an own snapshot. A streamed one it finishes if this machine has what it covers, and drops else.
func (s *ownSink) Close() error {
	if s.local {
		return s.SnapshotSink.Close()
	}
	kept, err := s.take()
	if !errors.Is(err, ErrRestoring) {
		s.store.count(s.from.index, err)
	}
	if err != nil {
		return errors.Join(err, s.Cancel())
	}
	if _, err := s.SnapshotSink.Write(kept.encode()); err != nil {
		return errors.Join(fmt.Errorf("write snapshot reference: %w", err), s.Cancel())
	}
	return s.SnapshotSink.Close()
}

func (s *ownSink) take() (kept reference, err error) {
	if s.from.ref, err = decodeReference(s.sent); err != nil {
		return reference{}, errors.Join(ErrRestoreUnsupported, err)
	}
	return s.store.receive(s.from)
}
