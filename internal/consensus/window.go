package consensus

import "sync"

// window remembers the keys of the last DedupWindow entries. A command is a duplicate when its key occurs among the
// DedupWindow entries before it, applied or not: that depends on those entries alone, so that reading them back
// from the log after a restart gives the same window.
type window struct {
	mu     sync.Mutex
	byKey  map[[16]byte]remembered
	recent []keyAt // ascending by index
}

type keyAt struct {
	index uint64
	key   [16]byte
}

// remembered is what is known of a key.
type remembered struct {
	last   uint64 // index of its newest entry
	index  uint64 // index of the entry that was applied, as far as known
	result any
	known  bool // result is what Apply returned
}

func newWindow() *window { return &window{byKey: map[[16]byte]remembered{}} }

// see notes the key of the entry at index and tells what was known of it. Indexes must ascend.
func (w *window) see(index uint64, key [16]byte) (before remembered, duplicate bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(index)
	if key == ([16]byte{}) {
		return remembered{}, false
	}
	before, duplicate = w.byKey[key]
	now := before
	now.last = index
	if !duplicate {
		now.index = index
	}
	w.byKey[key] = now
	w.recent = append(w.recent, keyAt{index, key})
	return before, duplicate
}

// forget drops what is more than DedupWindow entries before index.
func (w *window) forget(index uint64) {
	drop := 0
	for drop < len(w.recent) && index-w.recent[drop].index > DedupWindow {
		if at := w.recent[drop]; w.byKey[at.key].last == at.index {
			delete(w.byKey, at.key)
		}
		drop++
	}
	w.recent = w.recent[drop:]
}

// setResult remembers what Apply returned for the key's command.
func (w *window) setResult(key [16]byte, result any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, ok := w.byKey[key]; ok && !r.known {
		r.result, r.known = result, true
		w.byKey[key] = r
	}
}

// get tells what is known of a key.
func (w *window) get(key [16]byte) (remembered, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.byKey[key]
	return r, ok
}

// keys are those of the DedupWindow entries up to index, which is the last one seen.
func (w *window) keys(index uint64) []keyAt {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(index)
	return append([]keyAt(nil), w.recent...)
}

// restore begins anew after these keys. What is known of the results of theirs stays known.
func (w *window) restore(keys []keyAt) {
	fresh := newWindow()
	for _, k := range keys {
		fresh.see(k.index, k.key)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range fresh.byKey {
		if r, ok := w.byKey[key]; ok && r.known {
			fresh.setResult(key, r.result)
		}
	}
	w.byKey, w.recent = fresh.byKey, fresh.recent
}
