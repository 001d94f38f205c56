package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

const (
	referenceMagic   = "SGRF"
	referenceVersion = 2  // version 1 ends with the hash
	referenceV1Size  = 36 // bytes
	referenceFixed   = 56 // bytes of version 2 without keys
	referenceKey     = 24
)

// reference is all that a snapshot holds: where the machine, which is durable by itself, was, and what the log before
// it says of keys.
type reference struct {
	command uint64 // last command it covers
	durable uint64 // last command that was durable when it was written; command or later
	hash    uint64 // state after command
	// ahead is up to where the machine may be without the log reaching as far: its files came from another replica.
	ahead uint64
	// seen is the last command of the log whose key is in keys; command, or around it.
	seen uint64
	keys []keyAt // of the last DedupWindow entries, ascending
	old  bool    // of version 1: seen and keys are not known
}

func (r reference) encode() []byte {
	b := make([]byte, 0, referenceFixed+referenceKey*len(r.keys))
	b = binary.LittleEndian.AppendUint32(append(b, referenceMagic...), referenceVersion)
	for _, v := range []uint64{r.command, r.durable, r.hash, r.ahead, r.seen} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.keys)))
	for _, k := range r.keys {
		b = append(binary.LittleEndian.AppendUint64(b, k.index), k.key[:]...)
	}
	return binary.LittleEndian.AppendUint32(b, envelopeCRC(b))
}

func decodeReference(b []byte) (reference, error) {
	if len(b) < referenceV1Size || string(b[:4]) != referenceMagic ||
		binary.LittleEndian.Uint32(b[len(b)-4:]) != envelopeCRC(b[:len(b)-4]) {
		return reference{}, fmt.Errorf("decode snapshot reference of %d bytes: %w", len(b), ErrReference)
	}
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	r := reference{command: word(8), durable: word(16), hash: word(24)}
	switch v := binary.LittleEndian.Uint32(b[4:]); {
	case v == 1 && len(b) == referenceV1Size:
		r.old = true
		return r, nil
	case v != referenceVersion:
		return reference{}, fmt.Errorf("decode snapshot reference of version %d, this program reads %d: %w",
			v, referenceVersion, ErrReference)
	case len(b) < referenceFixed ||
		uint64(len(b)) != referenceFixed+referenceKey*uint64(binary.LittleEndian.Uint32(b[48:])):
		return reference{}, fmt.Errorf("decode snapshot reference of %d bytes: wrong size: %w", len(b), ErrReference)
	}
	r.ahead, r.seen = word(32), word(40)
	for at := 52; at < len(b)-4; at += referenceKey {
		k := keyAt{index: word(at), key: [16]byte(b[at+8 : at+referenceKey])}
		before := uint64(0)
		if len(r.keys) > 0 {
			before = r.keys[len(r.keys)-1].index
		}
		if k.index <= before || k.index > r.seen || r.seen-k.index > DedupWindow {
			return reference{}, fmt.Errorf("decode snapshot reference: key at index %d after %d, of %d: %w",
				k.index, before, r.seen, ErrReference)
		}
		r.keys = append(r.keys, k)
	}
	return r, nil
}

// newestReference reads the newest snapshot; meta is nil when there is none.
func newestReference(store raft.SnapshotStore) (meta *raft.SnapshotMeta, ref reference, err error) {
	metas, err := store.List()
	if err != nil || len(metas) == 0 {
		return nil, reference{}, err
	}
	ref, err = readReference(store, metas[0].ID)
	return metas[0], ref, err
}

func readReference(store raft.SnapshotStore, id string) (reference, error) {
	_, stream, err := store.Open(id)
	if err != nil {
		return reference{}, fmt.Errorf("open snapshot %s: %w", id, err)
	}
	raw, err := io.ReadAll(io.LimitReader(stream, maxReference))
	if err = errors.Join(err, stream.Close()); err != nil {
		return reference{}, fmt.Errorf("read snapshot %s: %w", id, err)
	}
	return decodeReference(raw)
}
