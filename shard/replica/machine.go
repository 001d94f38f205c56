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
	typeGeneration  uint16 = 4
	typeConsumer    uint16 = 5
	typeAgain       uint16 = 6

	// writeVersion and vectorVersion are the versions that this build writes; it reads all up to them. The other
	// types are at their first.
	writeVersion  uint16 = 3
	vectorVersion uint16 = 2
	// mixedVersion is the version of writes that nodes of an earlier version read.
	mixedVersion uint16 = 2
	// minReader is what entries ask of their readers (consensus.ReaderVersion).
	minReader uint16 = 1
)

// machine is the replica's state machine. Its Apply reads the state and the entry only. The stores of vectors
// become durable before the manifest that tells of them, so they may be ahead of the rest after a restart, and then
// ignore the entries that they hold already. Whatever can't be applied stops the machine for good.
type machine struct {
	schema  api.Schema
	sparse  *sparse.Index
	vectors *vectors
	state   *state
	// requests are those applied last.
	requests *requestLog
	// ages tells when versions were applied.
	ages *ages

	applied atomic.Uint64
	// version is the highest document version that is visible.
	version atomic.Uint64
	// entries counts the entries applied since open.
	entries atomic.Uint64
	// bell rings when something was applied.
	bell *bell

	mu     sync.Mutex
	err    error
	failed chan struct{}
}

var _ consensus.StateMachine = (*machine)(nil)

// newMachine starts at the index that all parts hold.
func newMachine(schema api.Schema, index *sparse.Index, vectors *vectors, state *state, requests *requestLog,
	ages *ages,
) *machine {
	m := &machine{
		schema: schema, sparse: index, vectors: vectors, state: state, requests: requests, ages: ages,
		bell: newBell(), failed: make(chan struct{}),
	}
	m.applied.Store(m.durable())
	m.see(index.LastVersion())
	return m
}

func (m *machine) durable() uint64 { return m.vectors.durable(m.sparse.DurableIndex()) }

// see notes a version that is visible now.
func (m *machine) see(version uint64) {
	if version > m.version.Load() {
		m.version.Store(version)
		m.ages.note(version)
	}
}

// AppliedIndex is the log index of the last entry that every part holds.
func (m *machine) AppliedIndex() uint64 { return m.applied.Load() }

// Hash is a digest of the live documents and of how far the workers are.
func (m *machine) Hash() uint64 { return m.sparse.Hash() ^ m.state.hash() }

// Persist makes everything applied durable and gives the index up to which it is.
func (m *machine) Persist(ctx context.Context) (uint64, error) {
	if err := m.cause(); err != nil {
		return 0, fmt.Errorf("persist: %w", err)
	}
	if _, err := m.sparse.Flush(ctx); err != nil {
		return 0, fmt.Errorf("persist sparse index: %w", err)
	}
	if err := m.vectors.flush(ctx); err != nil {
		return 0, fmt.Errorf("persist %w", err)
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
	m.bell.ring()
	return results
}

func (m *machine) applyOne(c *consensus.Command) (any, error) {
	if c.Type == typeWriteBatch && c.Version >= 1 && c.Version <= writeVersion {
		return m.applyWrites(c)
	}
	switch [2]uint16{c.Type, c.Version} {
	case [2]uint16{typeVectorBatch, 1}, [2]uint16{typeVectorBatch, 2}:
		batch, err := decodeVectorBatch(c.Payload, c.Version)
		if err != nil {
			return nil, err
		}
		return nil, m.applyVectors(c.Index, batch)
	case [2]uint16{typeDenseFailed, 1}:
		failures, err := decodeFailures(c.Payload)
		if err != nil {
			return nil, err
		}
		return nil, m.applyVectors(c.Index, &vectorBatch{Failed: failures})
	case [2]uint16{typeGeneration, 1}:
		return nil, m.applyGeneration(c)
	case [2]uint16{typeConsumer, 1}:
		return nil, m.applyMove(c)
	case [2]uint16{typeAgain, 1}:
		return nil, m.applyAgain(c)
	}
	return nil, fmt.Errorf("type %d, version %d: %w", c.Type, c.Version, ErrCommand)
}

// applyState brings all parts to the index of an entry that has no writes: the stores by what it does to them, and
// the state by do, unless the manifest had that already. What was durable in the stores alone they ignore.
func (m *machine) applyState(index uint64, c change, do func()) error {
	if index <= m.sparse.AppliedIndex() {
		return m.vectors.apply(index, c)
	}
	var failure error
	_, err := m.sparse.Apply(sparse.Batch{Index: index, Then: func([]sparse.Outcome) {
		if failure = m.vectors.apply(index, c); failure == nil {
			m.state.change(do)
		}
	}})
	if err != nil {
		return fmt.Errorf("sparse index: %w", err)
	}
	return failure
}

// versions gives the present versions of documents, false for those that are not there.
func (m *machine) versions() (version func(id string) (uint64, bool), release func()) {
	snap := m.sparse.Snapshot()
	return snap.Version, snap.Release
}

// none is a change of nothing.
func none() change { return change{only: -1} }

// vectorOf makes what is stored of a document's vector but its values.
func (m *machine) vectorOf(doc *api.Document, version uint64) dense.Vector {
	return dense.Vector{
		ID: doc.ID, Version: version, Slot: slotOf(&m.schema, doc.ID), Attributes: attributes(&m.schema, doc),
	}
}

func slotOf(schema *api.Schema, id string) uint16 { return uint16(api.SlotOf(schema.RoutingKey(id))) }

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
