package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

const (
	referenceMagic   = "SGRF"
	referenceVersion = 1
	referenceSize    = 36
)

// reference is all that a snapshot holds: where the machine, which is durable by itself, was.
type reference struct {
	command uint64 // last command it covers
	durable uint64 // last command that was durable when it was written; command or later
	hash    uint64 // state after command
}

func (r reference) encode() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(referenceMagic), referenceVersion)
	for _, v := range []uint64{r.command, r.durable, r.hash} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return binary.LittleEndian.AppendUint32(b, envelopeCRC(b))
}

func decodeReference(b []byte) (reference, error) {
	if len(b) != referenceSize || string(b[:4]) != referenceMagic ||
		binary.LittleEndian.Uint32(b[32:]) != envelopeCRC(b[:32]) {
		return reference{}, fmt.Errorf("decode snapshot reference of %d bytes: %w", len(b), ErrReference)
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != referenceVersion {
		return reference{}, fmt.Errorf("decode snapshot reference of version %d, this program reads %d: %w",
			v, referenceVersion, ErrReference)
	}
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	return reference{command: word(8), durable: word(16), hash: word(24)}, nil
}

// snapshot implements raft.FSMSnapshot.
type snapshot struct {
	command, hash uint64
	persist       func(*snapshot) error
	durable       uint64 // set by persist
}

// Persist makes the machine durable and writes the reference. raft discards log entries only after it.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.persist(s); err != nil {
		return err
	}
	if own, ok := sink.(*ownSink); ok {
		own.local = true
	}
	if _, err := sink.Write((reference{s.command, s.durable, s.hash}).encode()); err != nil {
		return fmt.Errorf("write snapshot reference: %w", err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (s *snapshot) Release() {}

// snapshots wraps the store so that only our own snapshots become part of it. raft closes a streamed snapshot's sink
// before it restores it: were it kept, the next start would take its index for applied.
type snapshots struct {
	raft.SnapshotStore
	fail func(error)

	mu      sync.Mutex
	index   uint64 // the last streamed one
	repeats int
}

func (s *snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64,
	t raft.Transport,
) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	return &ownSink{SnapshotSink: sink, store: s, index: index}, nil
}

// refused counts a streamed snapshot and ends the replica when the same one keeps coming.
func (s *snapshots) refused(index uint64) {
	s.mu.Lock()
	if s.index != index {
		s.index, s.repeats = index, 0
	}
	s.repeats++
	repeats := s.repeats
	s.mu.Unlock()
	if repeats >= maxSnapshotRepeats {
		s.fail(fmt.Errorf("snapshot at index %d was streamed %d times: %w (%w)",
			index, repeats, ErrSnapshotLoop, ErrRestoreUnsupported))
	}
}

// ownSink knows whether a snapshot is this replica's own.
type ownSink struct {
	raft.SnapshotSink
	store *snapshots
	index uint64
	local bool
}

// Close finishes an own snapshot and drops a streamed one.
func (s *ownSink) Close() error {
	if s.local {
		return s.SnapshotSink.Close()
	}
	s.store.refused(s.index)
	return errors.Join(ErrRestoreUnsupported, s.Cancel())
}

// newestReference reads the newest snapshot; meta is nil when there is none.
func newestReference(store raft.SnapshotStore) (meta *raft.SnapshotMeta, ref reference, err error) {
	metas, err := store.List()
	if err != nil || len(metas) == 0 {
		return nil, reference{}, err
	}
	meta, stream, err := store.Open(metas[0].ID)
	if err != nil {
		return nil, reference{}, fmt.Errorf("open snapshot %s: %w", metas[0].ID, err)
	}
	raw, err := io.ReadAll(io.LimitReader(stream, referenceSize+1))
	if err = errors.Join(err, stream.Close()); err != nil {
		return nil, reference{}, fmt.Errorf("read snapshot %s: %w", metas[0].ID, err)
	}
	ref, err = decodeReference(raw)
	return meta, ref, err
}
