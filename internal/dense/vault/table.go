package vault

import "hash/maphash"

// entry is what is in memory of a vector.
type entry struct {
	id      string
	version uint64
	digest  [16]byte
	at      place
}

// place is where a vector is: the number of its file in the upper 16 bits, the offset of its record in the lower
// 48; zero for one that is not in a file yet.
type place uint64

const offsetBits = 48

func placeOf(file int, offset uint64) place { return place(uint64(file)<<offsetBits | offset) }

func (p place) file() int      { return int(p >> offsetBits) }
func (p place) offset() uint64 { return uint64(p) & (1<<offsetBits - 1) }

// table maps ids to entries. It takes about half the memory of a map of Go: entries lie side by side, and what has
// to be sparse is four bytes wide. It is in parts, so that growing moves a small share at a time.
type table struct {
	seed  maphash.Seed
	parts [tableParts]part
	// entries is their number.
	entries int
}

const (
	// tableParts is the number of parts; a power of two.
	tableParts = 256
	// indexBits is the width of an entry's position in a slot; the bits above hold a part of the hash, so that
	// other entries are seldom looked at.
	indexBits = 24
	indexMask = 1<<indexBits - 1
	// chunkEntries is how many entries are allocated at once.
	chunkEntries = 64
	// minSlots is the least number of slots of a part that is not empty; a power of two.
	minSlots = 8
)

// part is an open-addressing table with linear probing. A slot is 0, or the position of an entry plus one and
// the tag of its hash; at most three quarters are taken.
type part struct {
	slots []uint32
	// chunks hold the entries, count of them, without a gap.
	chunks []*[chunkEntries]entry
	count  int
}

// entry is the one of a slot that is taken.
func (p *part) entry(slot uint32) *entry { return p.at(int(slot&indexMask) - 1) }

func (p *part) at(i int) *entry { return &p.chunks[i/chunkEntries][i%chunkEntries] }

func newTable() *table { return &table{seed: maphash.MakeSeed()} }

func (t *table) part(id string) (*part, uint64) {
	h := maphash.String(t.seed, id)
	return &t.parts[h%tableParts], h / tableParts
}

// tag is the upper part of a hash, as it is in a slot.
func tag(h uint64) uint32 { return uint32(h>>24) &^ indexMask }

// get gives the entry of an id, nil if there is none; valid until the next put or remove.
func (t *table) get(id string) *entry {
	p, h := t.part(id)
	if at, ok := p.find(id, h); ok {
		return p.entry(p.slots[at])
	}
	return nil
}

// put adds the entry of an id that has none.
func (t *table) put(e entry) {
	p, h := t.part(e.id)
	if 4*(p.count+1) > 3*len(p.slots) {
		p.resize(t, max(minSlots, 2*len(p.slots)))
	}
	at, _ := p.find(e.id, h)
	if p.count == len(p.chunks)*chunkEntries {
		p.chunks = append(p.chunks, new([chunkEntries]entry))
	}
	*p.at(p.count) = e
	p.count++
	p.slots[at] = uint32(p.count) | tag(h)
	t.entries++
}

// remove removes the entry of an id that has one.
func (t *table) remove(id string) {
	p, h := t.part(id)
	at, ok := p.find(id, h)
	if !ok {
		return
	}
	hole, last := p.entry(p.slots[at]), p.at(p.count-1)
	position := p.slots[at] & indexMask
	p.vacate(t, at)
	if hole != last {
		// The last entry moves into the hole.
		h := maphash.String(t.seed, last.id) / tableParts
		at, _ := p.find(last.id, h)
		*hole = *last
		p.slots[at] = position | tag(h)
	}
	*last = entry{}
	p.count--
	t.entries--
	if p.count == (len(p.chunks)-1)*chunkEntries {
		p.chunks[len(p.chunks)-1] = nil
		p.chunks = p.chunks[:len(p.chunks)-1]
	}
	if 8*p.count < len(p.slots) && len(p.slots) > minSlots {
		p.resize(t, len(p.slots)/2)
	}
}

// find gives the slot of an id, or the empty one where it would be.
func (p *part) find(id string, h uint64) (at int, ok bool) {
	if len(p.slots) == 0 {
		return 0, false
	}
	mask := len(p.slots) - 1
	for at = int(h) & mask; ; at = (at + 1) & mask {
		s := p.slots[at]
		if s == 0 {
			return at, false
		}
		if s&^indexMask == tag(h) && p.entry(s).id == id {
			return at, true
		}
	}
}

// vacate empties a slot and closes the gap, so that no probe ends early.
func (p *part) vacate(t *table, at int) {
	mask := len(p.slots) - 1
	for next := (at + 1) & mask; p.slots[next] != 0; next = (next + 1) & mask {
		home := int(maphash.String(t.seed, p.entry(p.slots[next]).id)/tableParts) & mask
		// The one at next may move if its home is not between the gap and it.
		if (next-home)&mask >= (next-at)&mask {
			p.slots[at] = p.slots[next]
			at = next
		}
	}
	p.slots[at] = 0
}

// resize makes that many slots.
func (p *part) resize(t *table, slots int) {
	p.slots = make([]uint32, slots)
	mask := slots - 1
	for i := range p.count {
		h := maphash.String(t.seed, p.at(i).id) / tableParts
		at := int(h) & mask
		for p.slots[at] != 0 {
			at = (at + 1) & mask
		}
		p.slots[at] = uint32(i+1) | tag(h)
	}
}
