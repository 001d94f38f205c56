package consensus

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
)

// outcome is what the FSM answers raft for one command.
type outcome struct {
	result any
	index  uint64
	err    error
}

// fsm hands committed entries to the machine. Its fields belong to raft's FSM goroutine unless said otherwise.
type fsm struct {
	machine StateMachine
	window  *window
	failure *failure
	fail    func(error)
	persist func(*snapshot) error // on raft's snapshot goroutine
	batch   prometheus.Observer
	after   func() // after each batch

	floor     uint64 // machine's durable index when opened: entries up to it are not applied again
	command   uint64 // last command the machine has
	seen      uint64 // last command whose key the window has been told
	ahead     *atomic.Uint64
	hashEvery uint64
	own       []checkpoint // the machine's recent hashes, ascending
	newest    atomic.Pointer[checkpoint]
	applied   progress // last entry passed to the FSM; any goroutine
	members   atomic.Pointer[membership]

	// pending is the batch of commands being collected, and where their outcomes go.
	pending []Command
	slots   []*outcome
}

// Apply implements raft.FSM; raft calls ApplyBatch instead.
func (f *fsm) Apply(log *raft.Log) any { return f.ApplyBatch([]*raft.Log{log})[0] }

// ApplyBatch implements raft.BatchingFSM: it also gets configuration entries, and returns as many results as entries.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	f.batch.Observe(float64(len(logs)))
	outcomes := make([]outcome, len(logs))
	results := make([]any, len(logs))
	for i, log := range logs {
		results[i] = &outcomes[i]
		if err := f.failure.err(); err != nil {
			outcomes[i].err = err
			continue
		}
		switch {
		case log.Type == raft.LogConfiguration:
			f.noteMembers(membership{log.Index, raft.DecodeConfiguration(log.Data)})
		case log.Type == raft.LogCommand && log.Index > f.seen:
			f.seen = log.Index
			f.collect(log, &outcomes[i])
		}
	}
	f.flush()
	if f.failure.err() == nil && len(logs) > 0 {
		f.applied.advance(logs[len(logs)-1].Index)
		f.after()
	}
	return results
}

// noteMembers remembers the newest committed members.
func (f *fsm) noteMembers(m membership) {
	for {
		before := f.members.Load()
		if m.index <= before.index || f.members.CompareAndSwap(before, &m) {
			return
		}
	}
}

// collect adds one command to the batch for the machine, unless it must not be applied.
func (f *fsm) collect(log *raft.Log, out *outcome) {
	out.index = log.Index
	e, err := decodeEnvelope(log.Data)
	if err != nil {
		if errors.Is(err, ErrUnreadable) && e.Flags&FlagIgnorable != 0 {
			f.window.see(log.Index, e.Key)
			return
		}
		f.stop(fmt.Errorf("entry %d: %w", log.Index, err), out)
		return
	}
	if log.Index <= f.command { // the machine came with it
		f.window.see(log.Index, e.Key)
		return
	}
	if err := f.compare(log.Index, e.stamp); err != nil {
		f.stop(err, out)
		return
	}
	if before, duplicate := f.window.see(log.Index, e.Key); duplicate {
		f.flush() // the first one may be in this batch
		before, _ = f.window.get(e.Key)
		out.index, out.result = before.index, before.result
		if !before.known {
			out.err = ErrDuplicate
		}
		return
	}
	f.pending = append(f.pending, Command{
		Index: log.Index, Term: log.Term, Type: e.Type, Version: e.Version, Key: e.Key, Payload: e.Payload,
	})
	f.slots = append(f.slots, out)
}

// stop applies what precedes the entry and ends the replica.
func (f *fsm) stop(reason error, out *outcome) {
	f.flush()
	f.fail(reason)
	out.err = f.failure.err()
}

// compare takes the checkpoint due before the entry at index and compares the leader's with our own.
func (f *fsm) compare(index uint64, stamp checkpoint) error {
	if due := (index - 1) / f.hashEvery * f.hashEvery; due >= max(f.floor, 1) && f.newestIndex() < due {
		f.flush()
		taken := checkpoint{due, f.machine.Hash()}
		f.own = append(f.own, taken)
		if len(f.own) > maxCheckpoints {
			f.own = append(f.own[:0], f.own[1:]...)
		}
		f.newest.Store(&taken)
	}
	for i := len(f.own) - 1; i >= 0 && f.own[i].index >= stamp.index; i-- {
		if f.own[i].index == stamp.index && f.own[i].hash != stamp.hash {
			return fmt.Errorf("state at index %d hashes to %016x here, to %016x on the leader of entry %d: %w",
				stamp.index, f.own[i].hash, stamp.hash, index, ErrDiverged)
		}
	}
	return nil
}

func (f *fsm) newestIndex() uint64 {
	if c := f.newest.Load(); c != nil {
		return c.index
	}
	return 0
}

// flush hands the collected commands to the machine.
func (f *fsm) flush() {
	if len(f.pending) == 0 || f.failure.err() != nil {
		f.abandon()
		return
	}
	results, err := f.apply(f.pending)
	if err != nil {
		f.fail(err)
		f.abandon()
		return
	}
	for i, cmd := range f.pending {
		f.slots[i].result = results[i]
		if cmd.Key != ([16]byte{}) {
			f.window.setResult(cmd.Key, results[i])
		}
		f.command = cmd.Index
	}
	f.pending, f.slots = f.pending[:0], f.slots[:0]
}

// abandon answers the collected commands of a failed replica.
func (f *fsm) abandon() {
	for _, slot := range f.slots {
		slot.err = f.failure.err()
	}
	f.pending, f.slots = f.pending[:0], f.slots[:0]
}

func (f *fsm) apply(cmds []Command) (results []any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("apply entries %d to %d: panic: %v\n%s: %w",
				cmds[0].Index, cmds[len(cmds)-1].Index, p, debug.Stack(), ErrStateMachine)
		}
	}()
	results = f.machine.Apply(cmds)
	if len(results) != len(cmds) {
		return nil, fmt.Errorf("apply %d commands: %d results: %w", len(cmds), len(results), ErrStateMachine)
	}
	return results, nil
}

// Snapshot implements raft.FSM. It only notes where the machine is.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.failure.err(); err != nil {
		return nil, err
	}
	ref := reference{
		command: f.command, hash: f.machine.Hash(), ahead: f.ahead.Load(), seen: f.seen, keys: f.window.keys(f.seen),
	}
	return &snapshot{ref: ref, persist: f.persist}, nil
}

// Restore implements raft.FSM. It is handed only snapshots of what the machine has, of which it takes the keys.
func (f *fsm) Restore(stream io.ReadCloser) error {
	raw, err := io.ReadAll(io.LimitReader(stream, maxReference))
	if err = errors.Join(err, stream.Close()); err != nil {
		return fmt.Errorf("read streamed snapshot: %w", err)
	}
	ref, err := decodeReference(raw)
	if err == nil {
		err = f.restore(ref)
	}
	if err != nil {
		f.fail(err) // the snapshot is kept already
	}
	return err
}

func (f *fsm) restore(ref reference) error {
	switch {
	case f.command < ref.command:
		return fmt.Errorf("machine is at index %d, the snapshot needs %d: %w", f.command, ref.command, ErrStateBehind)
	case f.command == ref.command && f.machine.Hash() != ref.hash:
		return fmt.Errorf("machine at index %d hashes to %016x, the leader's snapshot says %016x: %w",
			f.command, f.machine.Hash(), ref.hash, ErrDiverged)
	}
	if ref.seen > f.seen {
		f.window.restore(ref.keys)
		f.seen = ref.seen
		f.applied.advance(ref.seen)
	}
	return nil
}
