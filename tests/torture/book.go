package main

import (
	"fmt"
	"sync"
	"time"

	"sagasu/api"
)

// seen is what a read of a key gave. The serial tells which attempt wrote it.
type seen struct {
	exists  bool
	version uint64
	serial  int64
}

func (s seen) String() string {
	if !s.exists {
		return "nothing"
	}
	return fmt.Sprintf("write %d in version %d", s.serial, s.version)
}

// kind is what an attempt does.
type kind int

const (
	kindIndex kind = iota
	kindCreate
	kindReplaceIf
	kindDelete
)

func (k kind) String() string { return [...]string{"index", "create", "replace if", "delete"}[k] }

// attempt is one write that was sent.
type attempt struct {
	kind      kind
	serial    int64
	ifVersion *uint64
}

// key is a document, and what is known of it. Whoever changes it has locked it: a key has one request at a time.
type key struct {
	id string

	busy sync.Mutex
	mu   sync.Mutex
	// last is what was acknowledged or read last; of a delete it keeps the serial.
	last seen
	// since is when last was acknowledged, gateway by whom: -1 if it was only read.
	since   time.Time
	gateway int
	// newest is the serial of the newest attempt.
	newest int64
	// doubtful are attempts whose outcome nobody knows. Each may come into effect at any time, once.
	doubtful []attempt
	// issued are the serials of all attempts.
	issued map[int64]bool
}

func (k *key) lock() bool { return k.busy.TryLock() }
func (k *key) unlock()    { k.busy.Unlock() }

// begin notes that an attempt is sent: from now on it may be seen.
func (k *key) begin(a attempt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.issued[a.serial] = true
	k.newest = a.serial
	k.doubtful = append(k.doubtful, a)
}

// settle notes how an attempt went, and gives what is wrong with that, if anything.
func (k *key) settle(a attempt, r answer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.outcome == unknown {
		return nil
	}
	k.forget(a.serial)
	switch {
	case r.outcome == refused:
		return nil
	case r.outcome == conflict:
		return k.judgeConflict(a, r)
	case a.kind == kindDelete:
		if r.result.Status == api.StatusNotFound && k.last.exists && !k.mayBeGone() {
			return fmt.Errorf("%s: a delete found nothing where %s was acknowledged", k.id, k.last)
		}
		k.acknowledged(seen{version: max(k.last.version, r.result.Version), serial: a.serial}, r.gateway)
	case r.result.Version <= k.last.version:
		return fmt.Errorf("%s: %s gave version %d after version %d", k.id, a.kind, r.result.Version, k.last.version)
	case k.last.exists && a.kind == kindCreate && !k.mayBeGone():
		return fmt.Errorf("%s: created, though it held %s", k.id, k.last)
	case a.kind == kindReplaceIf && *a.ifVersion != k.last.version && len(k.doubtful) == 0:
		return fmt.Errorf("%s: replaced in version %d, though it held %s", k.id, *a.ifVersion, k.last)
	default:
		k.acknowledged(seen{exists: true, version: r.result.Version, serial: a.serial}, r.gateway)
	}
	return nil
}

func (k *key) acknowledged(s seen, gateway int) { k.last, k.since, k.gateway = s, time.Now(), gateway }

// judgeConflict says whether somebody can have caused a conflict; the caller holds mu.
func (k *key) judgeConflict(a attempt, r answer) error {
	present, condition := uint64(0), uint64(0)
	if k.last.exists {
		present = k.last.version
	}
	if a.ifVersion != nil {
		condition = *a.ifVersion
	}
	if condition == present && len(k.doubtful) == 0 {
		return fmt.Errorf("%s: %s was refused in version %d for version %d, which nobody wrote",
			k.id, a.kind, condition, r.result.Version)
	}
	return nil
}

func (k *key) forget(serial int64) {
	for i, d := range k.doubtful {
		if d.serial == serial {
			k.doubtful = append(k.doubtful[:i:i], k.doubtful[i+1:]...)
			return
		}
	}
}

// mayBeGone tells whether a delete of unknown outcome may have taken effect; the caller holds mu.
func (k *key) mayBeGone() bool {
	for _, d := range k.doubtful {
		if d.kind == kindDelete {
			return true
		}
	}
	return false
}

// judge gives what is wrong with a read of the key, which must be locked: it must show the last acknowledged write,
// or one of unknown outcome that came after it. What was read is known from now on.
func (k *key) judge(s seen) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.exists && !k.issued[s.serial] {
		return fmt.Errorf("%s holds %s, which nobody wrote there", k.id, s)
	}
	switch {
	case s == k.last || !s.exists && !k.last.exists:
		return nil
	case !s.exists && k.mayBeGone():
	case s.exists && s.version > k.last.version && k.inDoubt(s.serial):
	default:
		return fmt.Errorf("%s holds %s, acknowledged was %s", k.id, s, k.last)
	}
	k.forget(s.serial)
	if !s.exists {
		s.serial, s.version = k.newest, k.last.version
	}
	k.last, k.gateway = s, -1
	return nil
}

func (k *key) inDoubt(serial int64) bool {
	for _, d := range k.doubtful {
		if d.serial == serial {
			return true
		}
	}
	return false
}

// present gives what the key held last.
func (k *key) present() seen {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// judgeHit gives what is wrong with a search that began then at a gateway and found a write of the key: nobody wrote
// it, or the gateway had acknowledged by then that it was replaced or deleted.
func (k *key) judgeHit(serial int64, began time.Time, gateway int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !k.issued[serial]:
		return fmt.Errorf("found write %d of %s, which nobody wrote there", serial, k.id)
	case k.gateway != gateway || !k.since.Before(began):
		return nil // what it held when the search began is not known for certain
	case k.last.exists && serial == k.last.serial, serial > k.last.serial, k.inDoubt(serial):
		return nil
	}
	return fmt.Errorf("found write %d of %s after %s was acknowledged", serial, k.id, k.last)
}

// book is all keys.
type book struct {
	mu    sync.Mutex
	byID  map[string]*key
	order []*key
	// fixed is how many of the first keys nobody changes any more.
	fixed int
}

func newBook() *book { return &book{byID: map[string]*key{}} }

// add gives a new key, locked.
func (b *book) add(id string) *key {
	k := &key{id: id, issued: map[int64]bool{}}
	k.busy.Lock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.byID[id] = k
	b.order = append(b.order, k)
	return k
}

// anchor says that all keys there are stay as they are.
func (b *book) anchor() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fixed = len(b.order)
}

func (b *book) get(id string) *key {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byID[id]
}

// all gives every key.
func (b *book) all() []*key {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*key(nil), b.order...)
}

// pick gives a key that is free, locked; nil if a few tries find none.
func (b *book) pick(intn func(int) int) *key {
	for range 8 {
		b.mu.Lock()
		free := len(b.order) - b.fixed
		var k *key
		if free > 0 {
			k = b.order[b.fixed+intn(free)]
		}
		b.mu.Unlock()
		if k != nil && k.lock() {
			return k
		}
	}
	return nil
}

// anchored gives one of the keys that nobody changes.
func (b *book) anchored(i int) *key {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.order[i]
}

// uncertain tells whether an attempt of unknown outcome may change the key at any time.
func (k *key) uncertain() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.doubtful) > 0
}
