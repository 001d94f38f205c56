package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"sagasu/api"
	"sagasu/internal/consensus"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// The types of log entry. A number is never used again for something else.
const (
	typeWriteBatch  uint16 = 1
	typeVectorBatch uint16 = 2
	typeDenseFailed uint16 = 3

	// writeVersion and denseVersion are the versions that this build writes; it reads all up to them.
	writeVersion uint16 = 2
	denseVersion uint16 = 1
	// minReader is what entries ask of their readers (consensus.ReaderVersion).
	minReader uint16 = 1
)

// flatVectors is the local dense index as the state machine sees it.
type flatVectors interface {
	Apply(index uint64, upserts []dense.Vector, deletes []dense.Key) error
	Flush(ctx context.Context) (uint64, error)
	DurableIndex() uint64
}

// machine is the replica's state machine. Its Apply reads the state and the entry only. Entries that
// one of the two indexes holds already (they become durable at different times) are ignored by that
// one. Whatever can't be applied stops the machine for good.
type machine struct {
	sparse *sparse.Index
	// flat is nil if there is no dense leg, or a remote one.
	flat   flatVectors
	remote bool
	state  *denseState
	// requests are those applied last.
	requests *requestLog

	applied atomic.Uint64
	// version is the highest document version that is visible.
	version atomic.Uint64
	// reached is the version up to which the dense worker found nothing left to do.
	reached atomic.Uint64
	// entries counts the entries applied since open.
	entries atomic.Uint64
	// wake holds a token when something was applied that the dense worker has not seen.
	wake chan struct{}

	mu     sync.Mutex
	err    error
	failed chan struct{}
}

var _ consensus.StateMachine = (*machine)(nil)

// newMachine starts at the index that both parts hold.
func newMachine(index *sparse.Index, flat flatVectors, remote bool, state *denseState, requests *requestLog,
) *machine {
	m := &machine{
		sparse: index, flat: flat, remote: remote, state: state, requests: requests,
		wake: make(chan struct{}, 1), failed: make(chan struct{}),
	}
	m.applied.Store(m.durable())
	m.version.Store(index.LastVersion())
	return m
}

func (m *machine) durable() uint64 {
	at := m.sparse.DurableIndex()
	if m.flat != nil {
		at = min(at, m.flat.DurableIndex())
	}
	return at
}

// AppliedIndex is the log index of the last entry that every part holds.
func (m *machine) AppliedIndex() uint64 { return m.applied.Load() }

// Hash is a digest of the live documents and the dense checkpoint.
func (m *machine) Hash() uint64 {
	checkpoint, _ := m.state.progress()
	return m.sparse.Hash() ^ checkpoint*0x9e3779b97f4a7c15
}

// Persist makes everything applied durable and gives the index up to which it is.
func (m *machine) Persist(ctx context.Context) (uint64, error) {
	if err := m.cause(); err != nil {
		return 0, fmt.Errorf("persist: %w", err)
	}
	if _, err := m.sparse.Flush(ctx); err != nil {
		return 0, fmt.Errorf("persist sparse index: %w", err)
	}
	if m.flat != nil {
		if _, err := m.flat.Flush(ctx); err != nil {
			return 0, fmt.Errorf("persist dense index: %w", err)
		}
	}
	return m.durable(), nil
}

// Apply applies entries in order. The result of a write batch is []requestResult, of others nil; of
// anything after a failure an error.
func (m *machine) Apply(commands []consensus.Command) []any {
	results := make([]any, len(commands))
	for i := range commands {
		if err := m.cause(); err != nil {
			results[i] = fmt.Errorf("%w: %w", ErrClosed, err)
			continue
		}
		result, err := m.applyOne(&commands[i])
		if err != nil {
			err = fmt.Errorf("apply entry %d: %w", commands[i].Index, err)
			m.stop(err)
			results[i] = err
			continue
		}
		m.applied.Store(commands[i].Index)
		m.entries.Add(1)
		results[i] = result
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return results
}

func (m *machine) applyOne(c *consensus.Command) (any, error) {
	switch [2]uint16{c.Type, c.Version} {
	case [2]uint16{typeWriteBatch, 1}, [2]uint16{typeWriteBatch, 2}:
		return m.applyWrites(c)
	case [2]uint16{typeVectorBatch, 1}:
		return nil, m.applyVectors(c)
	case [2]uint16{typeDenseFailed, 1}:
		return nil, m.applyFailures(c)
	}
	return nil, fmt.Errorf("type %d, version %d: %w", c.Type, c.Version, ErrCommand)
}

// requestResult is what became of one request of an entry.
type requestResult struct {
	outcomes []sparse.Outcome
	// err is ErrRepeated if the request was applied before and what it did is no longer known.
	err error
}

func (m *machine) applyWrites(c *consensus.Command) (any, error) {
	requests, err := decodeWriteBatch(c.Payload, c.Version)
	if err != nil {
		return nil, err
	}
	var results []requestResult
	if c.Index > m.sparse.AppliedIndex() {
		if results, err = m.applyRequests(c.Index, requests); err != nil {
			return nil, err
		}
		m.state.signal()
	}
	if m.flat == nil {
		return results, nil
	}
	// Of repeated requests too: in a replay they can't be told apart, and looking again does no harm.
	if err := m.flat.Apply(c.Index, nil, m.staleVectors(requests)); err != nil {
		return nil, fmt.Errorf("dense index: %w", err)
	}
	return results, nil
}

// applyRequests applies those requests of an entry that are new.
func (m *machine) applyRequests(index uint64, requests []writeRequest) ([]requestResult, error) {
	results := make([]requestResult, len(requests))
	// at[i] is where the outcomes of request i begin, -1 for a repeated one.
	at := make([]int, len(requests))
	var writes []api.Write
	seen := map[RequestID]bool{}
	for i, r := range requests {
		at[i] = -1
		if _, applied := m.requests.find(r.id); applied || seen[r.id] {
			continue
		}
		seen[r.id] = r.id != RequestID{}
		at[i] = len(writes)
		writes = append(writes, r.writes...)
	}
	batch := sparse.Batch{Index: index, Writes: writes, Then: func(outcomes []sparse.Outcome) {
		m.state.written(writes, outcomes, m.remote, index)
		for i, r := range requests {
			if at[i] >= 0 {
				results[i].outcomes = outcomes[at[i] : at[i]+len(r.writes) : at[i]+len(r.writes)]
				m.requests.record(r.id, results[i].outcomes)
			}
		}
	}}
	outcomes, err := m.sparse.Apply(batch)
	if err != nil {
		return nil, fmt.Errorf("sparse index: %w", err)
	}
	for _, o := range outcomes {
		m.version.Store(max(m.version.Load(), o.Version))
	}
	for i, r := range requests {
		if at[i] < 0 {
			if results[i].outcomes, _ = m.requests.find(r.id); len(results[i].outcomes) != len(r.writes) {
				results[i] = requestResult{err: ErrRepeated}
			}
		}
	}
	return results, nil
}

// staleVectors names the vectors that the writes made invalid: all of a document's but that of its
// present version. It looks at the documents as they are now, not at what the writes did, because in a
// replay the sparse index may be ahead and not tell; what it sees then is only newer, and right.
func (m *machine) staleVectors(requests []writeRequest) []dense.Key {
	snap := m.sparse.Snapshot()
	defer snap.Release()
	var stale []dense.Key
	for _, r := range requests {
		for i := range r.writes {
			id := r.writes[i].Doc.ID
			upTo := uint64(maxVersion)
			if version, ok := snap.Version(id); ok {
				upTo = version - 1
			}
			stale = append(stale, dense.Key{ID: id, Version: upTo})
		}
	}
	return stale
}

func (m *machine) applyVectors(c *consensus.Command) error {
	batch, err := decodeVectorBatch(c.Payload)
	if err != nil {
		return err
	}
	if m.flat != nil {
		if err := m.flat.Apply(c.Index, m.present(batch.Vectors), nil); err != nil {
			return fmt.Errorf("dense index: %w", err)
		}
	}
	return m.applyState(c.Index, func() { m.state.advance(batch) })
}

// present keeps the vectors whose document has not changed since it was embedded.
func (m *machine) present(vectors []dense.Vector) []dense.Vector {
	snap := m.sparse.Snapshot()
	defer snap.Release()
	kept := vectors[:0]
	for _, v := range vectors {
		if version, ok := snap.Version(v.ID); ok && version == v.Version {
			kept = append(kept, v)
		}
	}
	return kept
}

func (m *machine) applyFailures(c *consensus.Command) error {
	failures, err := decodeFailures(c.Payload)
	if err != nil {
		return err
	}
	if m.flat != nil {
		if err := m.flat.Apply(c.Index, nil, nil); err != nil {
			return fmt.Errorf("dense index: %w", err)
		}
	}
	return m.applyState(c.Index, func() { m.state.fail(m.stillFailed(failures)) })
}

// stillFailed keeps the failures whose document has not changed since.
func (m *machine) stillFailed(failures []Failure) []Failure {
	snap := m.sparse.Snapshot()
	defer snap.Release()
	kept := failures[:0]
	for _, f := range failures {
		if version, ok := snap.Version(f.ID); ok && version == f.Version {
			kept = append(kept, f)
		}
	}
	return kept
}

// applyState changes the state unless the manifest had that change, and moves the sparse index on.
func (m *machine) applyState(index uint64, change func()) error {
	if index <= m.sparse.AppliedIndex() {
		return nil
	}
	batch := sparse.Batch{Index: index, Then: func([]sparse.Outcome) { change() }}
	if _, err := m.sparse.Apply(batch); err != nil {
		return fmt.Errorf("sparse index: %w", err)
	}
	return nil
}

func (m *machine) stop(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = err
		close(m.failed)
	}
}

// cause is why the machine stopped, nil while it runs.
func (m *machine) cause() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}
