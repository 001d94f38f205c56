package state

import (
	"fmt"
	"maps"
	"sync/atomic"
)

// State is the metadata. Apply is called by one goroutine; View and Hash by any number at any time.
type State struct {
	view atomic.Pointer[View]
}

// New gives the empty state, before the first command.
func New() *State {
	s := &State{}
	s.view.Store(&View{indexes: map[string]Index{}})
	return s
}

// Result is what became of a command.
type Result struct {
	// Index is the index created or deleted.
	Index Index
	// Err is nil, ErrIndexExists or ErrIndexNotFound (both leave the state as it was, on every node).
	Err error
}

// change computes the indexes after a command, without touching those before it.
type change func(indexes map[string]Index, c Command) (map[string]Index, Result, error)

// changes is the table of commands: what isn't in it is refused.
func changes(typ, version uint16) (change, bool) {
	switch [2]uint16{typ, version} {
	case [2]uint16{TypeCreateIndex, 1}:
		return createIndex, true
	case [2]uint16{TypeDeleteIndex, 1}:
		return deleteIndex, true
	}
	return nil, false
}

// Apply applies a command. An error means that it could not be understood (ErrUnknownCommand,
// ErrCommand): the state is as before and the node must stop, for another node may have understood
// it. A refusal that every node agrees on is in Result.Err.
func (s *State) Apply(c Command) (Result, error) {
	before := s.view.Load()
	if c.Index <= before.applied {
		return Result{}, nil
	}
	apply, ok := changes(c.Type, c.Version)
	if !ok {
		return Result{}, fmt.Errorf("apply entry %d, type %d, version %d: %w", c.Index, c.Type, c.Version,
			ErrUnknownCommand)
	}
	indexes, result, err := apply(before.indexes, c)
	if err != nil {
		return Result{}, fmt.Errorf("apply entry %d: %w", c.Index, err)
	}
	s.view.Store(&View{applied: c.Index, indexes: indexes})
	return result, nil
}

// View gives the state as of now. It never changes.
func (s *State) View() *View { return s.view.Load() }

func createIndex(indexes map[string]Index, c Command) (map[string]Index, Result, error) {
	var cmd CreateIndex
	if err := decode(c.Payload, &cmd); err != nil {
		return nil, Result{}, err
	}
	if cmd.Name == "" || cmd.UUID == "" {
		return nil, Result{}, fmt.Errorf("%w: create index without a name or uuid", ErrCommand)
	}
	if present, ok := indexes[cmd.Name]; ok {
		if present.UUID == cmd.UUID {
			return indexes, Result{Index: present}, nil
		}
		return indexes, Result{Err: fmt.Errorf("create index %q: %w", cmd.Name, ErrIndexExists)}, nil
	}
	created := Index(cmd)
	after := maps.Clone(indexes)
	after[cmd.Name] = created
	return after, Result{Index: created}, nil
}

func deleteIndex(indexes map[string]Index, c Command) (map[string]Index, Result, error) {
	var cmd DeleteIndex
	if err := decode(c.Payload, &cmd); err != nil {
		return nil, Result{}, err
	}
	present, ok := indexes[cmd.Name]
	if !ok || present.UUID != cmd.UUID {
		return indexes, Result{Err: fmt.Errorf("delete index %q: %w", cmd.Name, ErrIndexNotFound)}, nil
	}
	after := maps.Clone(indexes)
	delete(after, cmd.Name)
	return after, Result{Index: present}, nil
}
