// Package fsm is the shell that connects the replicated metadata (package state) with consensus: it
// unwraps commands, keeps the state in one small file, and stops for good at what it can't apply.
package fsm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

// ErrStopped is returned for commands after one that could not be applied.
var ErrStopped = errors.New("metadata state machine stopped")

// FSM is the metadata state machine. Apply and Persist are called by consensus, one goroutine at a
// time each; View by anyone.
type FSM struct {
	fs    vfs.FS
	dir   string
	state *state.State

	// mu guards err; failed is closed when it is set.
	mu     sync.Mutex
	err    error
	failed chan struct{}
}

var _ consensus.StateMachine = (*FSM)(nil)

// Open reads the state of the directory, an empty one if there is no file yet. It returns ErrCorrupt
// or state.ErrNewerFormat for a file it can't use.
func Open(fsys vfs.FS, dir string) (*FSM, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open metadata: %w", err)
	}
	f := &FSM{fs: fsys, dir: dir, state: state.New(), failed: make(chan struct{})}
	path := filepath.Join(dir, stateFile)
	data, err := fsys.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("open metadata: %w", err)
	}
	body, err := unframe(data)
	if err != nil {
		return nil, fmt.Errorf("open metadata %s: %w", path, err)
	}
	if f.state, err = state.Decode(body); err != nil {
		return nil, fmt.Errorf("open metadata %s: %w", path, err)
	}
	return f, nil
}

// Apply applies commands in order; each result is a state.Result, or an error once the machine has
// stopped.
func (f *FSM) Apply(commands []consensus.Command) []any {
	results := make([]any, len(commands))
	for i, c := range commands {
		results[i] = f.applyOne(c)
	}
	return results
}

func (f *FSM) applyOne(c consensus.Command) any {
	if err := f.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	result, err := f.state.Apply(state.Command{Index: c.Index, Type: c.Type, Version: c.Version, Payload: c.Payload})
	if err != nil {
		f.stop(err)
		return err
	}
	return result
}

func (f *FSM) stop(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		close(f.failed)
	}
}

// Failed is closed when a command could not be applied: this node is older than its cluster or its
// log is damaged, and it must not go on. Err tells why.
func (f *FSM) Failed() <-chan struct{} { return f.failed }

// Err is why the machine stopped; nil while it runs.
func (f *FSM) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// View gives the state as of now.
func (f *FSM) View() *state.View { return f.state.View() }

// AppliedIndex is the log index of the last applied command.
func (f *FSM) AppliedIndex() uint64 { return f.state.View().Applied() }

// Hash is a digest of the state; 0 if it can't be computed.
func (f *FSM) Hash() uint64 {
	hash, err := f.state.Hash()
	if err != nil {
		f.stop(err)
		return 0
	}
	return hash
}

// Persist writes the state as of now and returns its applied index, which is durable on return.
func (f *FSM) Persist(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("persist metadata: %w", err)
	}
	view := f.state.View()
	body, err := view.Encode()
	if err != nil {
		return 0, fmt.Errorf("persist metadata: %w", err)
	}
	if err := f.replace(frame(body)); err != nil {
		return 0, fmt.Errorf("persist metadata: %w", err)
	}
	return view.Applied(), nil
}

// replace writes the file beside its predecessor and then takes its place in one step.
func (f *FSM) replace(data []byte) (err error) {
	path, next := filepath.Join(f.dir, stateFile), filepath.Join(f.dir, stateFileNext)
	file, err := f.fs.Create(next)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := f.fs.Rename(next, path); err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}
