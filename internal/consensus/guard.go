package consensus

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// store is what a replica keeps on disk.
type store interface {
	raft.LogStore
	raft.StableStore
	IsMonotonic() bool
	Close() error
}

// guard stands between raft and its store. It times each write for the watchdog and makes the first failure final:
// raft answers some failed writes by carrying on, and others by a panic of the whole process. After a failure the
// calling goroutine, which is one of raft's, ends by runtime.Goexit: raft's deferred calls answer who waits, and
// nothing after the failed write, above all no acknowledgement, happens.
type guard struct {
	store   store
	failure *failure
	fail    func(error)
	observe func(operation string, took time.Duration)
	// discardable is the highest index compaction may delete.
	discardable func() uint64

	mu      sync.Mutex
	writes  map[uint64]write // in progress
	counter uint64
}

// write is one in progress.
type write struct {
	operation string
	began     time.Time
}

func newGuard(s store, f *failure, fail func(error)) *guard {
	return &guard{
		store: s, failure: f, fail: fail, writes: map[uint64]write{},
		observe: func(string, time.Duration) {}, discardable: func() uint64 { return 0 },
	}
}

// write runs one write of the store. It does not return once the replica has failed.
func (g *guard) write(operation string, do func() error) error {
	if g.failure.err() != nil {
		runtime.Goexit()
	}
	id, began := g.begin(operation)
	err := do()
	g.end(id)
	g.observe(operation, time.Since(began))
	if err != nil {
		g.fail(fmt.Errorf("%s: %w: %w", operation, ErrStore, err))
	}
	if g.failure.err() != nil { // it may have failed meanwhile: the watchdog found this write too slow
		runtime.Goexit()
	}
	return nil
}

func (g *guard) begin(operation string) (uint64, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counter++
	began := time.Now()
	g.writes[g.counter] = write{operation, began}
	return g.counter, began
}

func (g *guard) end(id uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.writes, id)
}

// oldest gives the write that has been in progress for longest.
func (g *guard) oldest() (oldest write, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.writes {
		if !ok || w.began.Before(oldest.began) {
			oldest, ok = w, true
		}
	}
	return oldest, ok
}

// read passes a read's absence on and makes any other failure final.
func (g *guard) read(operation string, err error) error {
	if err == nil || errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	g.fail(fmt.Errorf("%s: %w: %w", operation, ErrStore, err))
	runtime.Goexit()
	return err
}

func (g *guard) IsMonotonic() bool { return g.store.IsMonotonic() }

func (g *guard) FirstIndex() (uint64, error) {
	index, err := g.store.FirstIndex()
	return index, g.read("read first index", err)
}

func (g *guard) LastIndex() (uint64, error) {
	index, err := g.store.LastIndex()
	return index, g.read("read last index", err)
}

func (g *guard) GetLog(index uint64, log *raft.Log) error {
	return g.read("read entry", g.store.GetLog(index, log))
}

func (g *guard) StoreLog(log *raft.Log) error { return g.StoreLogs([]*raft.Log{log}) }

func (g *guard) StoreLogs(logs []*raft.Log) error {
	return g.write("append", func() error { return g.store.StoreLogs(logs) })
}

// DeleteRange deletes a conflicting tail, or everything, as asked; but compaction never takes what the machine has not
// made durable.
func (g *guard) DeleteRange(low, high uint64) error {
	first, err := g.FirstIndex()
	if err != nil {
		return err
	}
	last, err := g.LastIndex()
	if err != nil {
		return err
	}
	if low <= first && high < last {
		if high = min(high, g.discardable()); high < low {
			return nil
		}
	}
	return g.write("delete", func() error { return g.store.DeleteRange(low, high) })
}

func (g *guard) Set(key, value []byte) error {
	return g.write("set", func() error { return g.store.Set(key, value) })
}

func (g *guard) SetUint64(key []byte, value uint64) error {
	return g.write("set", func() error { return g.store.SetUint64(key, value) })
}

func (g *guard) Get(key []byte) ([]byte, error) {
	value, err := g.store.Get(key)
	return value, g.read("read value", err)
}

func (g *guard) GetUint64(key []byte) (uint64, error) {
	value, err := g.store.GetUint64(key)
	return value, g.read("read value", err)
}
