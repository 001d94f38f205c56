package sparse

import "sync/atomic"

// firstSlots are the slots that a table begins with, a power of two.
const firstSlots = 64

// slotTable is the slots of a hash table with linear probing, of which at most three in four are taken. A slot is a hash
// and, plus one, the number of what has it; 0 is free. One goroutine fills slots, by atomic stores, while others read
// what load gives.
type slotTable struct {
	own   []uint64 // the writer's
	seen  atomic.Pointer[[]uint64]
	taken int
}

// load gives the slots, none before the first is taken.
func (t *slotTable) load() []uint64 {
	if now := t.seen.Load(); now != nil {
		return *now
	}
	return nil
}

// room sees to it that a slot is free.
func (t *slotTable) room() {
	if t.taken*4 < len(t.own)*3 {
		return
	}
	old := t.own
	slots := make([]uint64, max(firstSlots, 2*len(old)))
	mask := len(slots) - 1
	for _, s := range old {
		if s == 0 {
			continue
		}
		slot := int(s>>32) & mask
		for slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		slots[slot] = s
	}
	t.own = slots
	t.seen.Store(&slots)
}

// take gives a free slot to a number.
func (t *slotTable) take(slot int, hash, number uint32) {
	t.taken++
	t.put(slot, hash, number)
}

// put sets a slot.
func (t *slotTable) put(slot int, hash, number uint32) {
	atomic.StoreUint64(&t.own[slot], uint64(hash)<<32|uint64(number+1))
}
