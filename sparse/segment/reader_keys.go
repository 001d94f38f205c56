package segment

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/blevesearch/vellum"
)

// Key is a key of a field as it was found: its place and, where Listed, its list, read in place. Shared by all who ask
// for it, never changed, valid as long as the segment is mapped.
type Key struct {
	// Ordinal is the key's rank in the field.
	Ordinal uint32
	// Docs is the number of documents, deleted ones included.
	Docs uint32
	// List is empty where the field is not Listed.
	List List

	name string
}

// knownKeys remembers the keys that were asked for last, since queries ask for few keys often: looking one up in the
// dictionary and reading the head of its list takes a microsecond, a tenth of a fast search. A key may be in one slot only.
type knownKeys struct {
	seed  maphash.Seed
	slots []atomic.Pointer[Key]
}

// maxKnownKeys bounds what a field remembers, at about 700 bytes each; fields of few keys remember fewer.
const maxKnownKeys = 4096

func newKnownKeys(terms int) knownKeys {
	slots := min(maxKnownKeys, 1<<bits.Len(uint(terms/64)))
	return knownKeys{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[Key], slots)}
}

// Key looks a key up, nil if the field does not have it. Errors: ErrCorrupt.
func (f *Field) Key(name string) (*Key, error) {
	slot := &f.known.slots[maphash.String(f.known.seed, name)&uint64(len(f.known.slots)-1)]
	if k := slot.Load(); k != nil && k.name == name {
		return k, nil
	}
	ordinal, ok, err := f.find(name)
	if err != nil || !ok {
		return nil, err
	}
	k := &Key{Ordinal: ordinal, Docs: f.DocFreq(ordinal), name: string([]byte(name))}
	if f.Listed() {
		if err := f.List(ordinal, &k.List); err != nil {
			return nil, err
		}
	}
	slot.Store(k)
	return k, nil
}

// find gives the ordinal of a key.
func (f *Field) find(name string) (ordinal uint32, ok bool, err error) {
	reader, _ := f.lookups.Get().(*vellum.Reader)
	if reader == nil {
		if reader, err = f.dict.Reader(); err != nil {
			return 0, false, fmt.Errorf("read dictionary: %w", err)
		}
	}
	v, ok, err := reader.Get([]byte(name))
	f.lookups.Put(reader)
	if err != nil {
		return 0, false, fmt.Errorf("look up %q: %w", name, err)
	}
	if ok && v >= uint64(f.Terms()) {
		return 0, false, fmt.Errorf("%w: term ordinal %d of %d", ErrCorrupt, v, f.Terms())
	}
	return uint32(v), ok, nil
}
