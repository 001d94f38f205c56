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

	// mu guards err, of which failed is closed when it is set, and changed, which is closed and replaced
	// after the view has changed.
	mu      sync.Mutex
	err     error
	failed  chan struct{}
	changed chan struct{}
}

var _ consensus.StateMachine = (*FSM)(nil)

// Open reads the state of the directory, an empty one if there is no file yet. It returns ErrCorrupt
// or state.ErrNewerFormat for a file it can't use.
func Open(fsys vfs.FS, dir string) (*FSM, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open metadata: %w", err)
	}
	f := &FSM{fs: fsys, dir: dir, state: state.New(), failed: make(chan struct{}), changed: make(chan struct{})}
	path := filepath.Join(dir, StateFile)
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
	before := f.state.View().Version()
	results := make([]any, len(commands))
	for i, c := range commands {
		results[i] = f.applyOne(c)
	}
	if f.state.View().Version() != before {
		f.announce()
	}
	return results
}

// Wake closes the channel of Changed though nothing has changed here: another machine has taken this one's place.
func (f *FSM) Wake() { f.announce() }

// announce tells those who wait that the view has changed.
func (f *FSM) announce() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// Changed is closed when the view's version has grown. Take it before looking at View: then a change is
// either in the view or closes this channel, and none is missed. Each channel tells of one change; take
// the next for the next one.
func (f *FSM) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
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
	applied, err := f.write(ctx, f.dir)
	if err != nil {
		return 0, fmt.Errorf("persist metadata: %w", err)
	}
	return applied, nil
}

// Checkpoint writes the state as of now into a directory of the caller's, made if missing, as the file
// that Open would read there, and returns its applied index. It is durable on return. Checkpoints into
// one directory must not overlap.
func (f *FSM) Checkpoint(ctx context.Context, dir string) (applied uint64, err error) {
	if err := f.Err(); err != nil {
		return 0, fmt.Errorf("checkpoint metadata: %w: %w", ErrStopped, err)
	}
	if err := f.fs.MkdirAll(dir); err != nil {
		return 0, fmt.Errorf("checkpoint metadata: %w", err)
	}
	if applied, err = f.write(ctx, dir); err != nil {
		return 0, fmt.Errorf("checkpoint metadata: %w", err)
	}
	return applied, nil
}

func (f *FSM) write(ctx context.Context, dir string) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	view := f.state.View()
	return view.Applied(), writeView(f.fs, dir, view)
}

// Write keeps a view in a directory, made if missing, as the file that Open would read there. It is durable on
// return.
func Write(fsys vfs.FS, dir string, view *state.View) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return fmt.Errorf("write metadata: %w", err)
	}
	if err := writeView(fsys, dir, view); err != nil {
		return fmt.Errorf("write metadata: %w", err)
	}
	return nil
}

func writeView(fsys vfs.FS, dir string, view *state.View) error {
	body, err := view.Encode()
	if err != nil {
		return err
	}
	return replace(fsys, dir, frame(body))
}
