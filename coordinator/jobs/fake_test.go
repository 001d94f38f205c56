package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
)

const schemaJSON = `{"fields":{"title":{"type":"text"},"year":{"type":"int"}}}`

// target is the index of the tests.
func target() Target { return Target{Index: "papers", UUID: "u1"} }

// store is an index as a Writer finds it: it remembers what it was asked to write, by keys.
type store struct {
	mu      sync.Mutex
	schema  *api.Schema
	docs    map[string]string
	applied map[string][]api.WriteResult
	calls   int
	// hook, if set, runs before a write with the number of the call, and may fail it; after, if set, runs when it is
	// applied, and may lose the answer.
	hook, after func(call int, try Try) error
	gone        bool
}

func newStore(t testing.TB) *store {
	t.Helper()
	schema, err := api.ParseSchema([]byte(schemaJSON))
	require.NoError(t, err)
	return &store{schema: &schema, docs: map[string]string{}, applied: map[string][]api.WriteResult{}}
}

func (s *store) Schema(context.Context, Target) (*api.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, fmt.Errorf("index papers: %w", api.ErrIndexNotFound)
	}
	return s.schema, nil
}

func (s *store) Write(ctx context.Context, to Target, try Try, writes []api.Write) ([]api.WriteResult, error) {
	s.mu.Lock()
	s.calls++
	call, hook, after := s.calls, s.hook, s.after
	s.mu.Unlock()
	if to != target() {
		return nil, fmt.Errorf("written to %v", to)
	}
	if hook != nil {
		if err := hook(call, try); err != nil {
			return nil, err
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	results := s.apply(try, writes)
	if after != nil {
		if err := after(call, try); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (s *store) apply(try Try, writes []api.Write) []api.WriteResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.applied[try.Key]; ok && len(known) == len(writes) {
		return known
	}
	results := make([]api.WriteResult, len(writes))
	for i, w := range writes {
		r := api.WriteResult{ID: w.Doc.ID, Status: api.StatusUpdated}
		_, exists := s.docs[w.Doc.ID]
		switch {
		case w.Kind == api.OpDelete:
			r.Status = api.StatusDeleted
			delete(s.docs, w.Doc.ID)
		case w.Kind == api.OpCreate && exists:
			r.Status, r.Error = api.StatusConflict, api.NewProblem(api.ProblemConflict, 409, "op", "exists already")
		default:
			s.docs[w.Doc.ID] = string(w.Doc.Source)
		}
		results[i] = r
	}
	s.applied[try.Key] = results
	return results
}

// problem is what clients are told, in short.
func problem(err error) *api.Problem {
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	return api.NewProblem(api.ProblemUnavailable, 503, "", "%v", err)
}

// config is one with small batches and no pauses.
func config(t testing.TB, dir string, s *store) Config {
	t.Helper()
	cfg := Default()
	cfg.Dir, cfg.Writer, cfg.Problem = dir, s, problem
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.FS = quickFS{cfg.FS}
	cfg.BatchItems, cfg.InFlight = 3, 2
	cfg.After = func(time.Duration) <-chan time.Time {
		now := make(chan time.Time)
		close(now)
		return now
	}
	return cfg
}

func open(t testing.TB, cfg Config) *Manager {
	t.Helper()
	m, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(m.Close)
	return m
}

// receive takes a body and accepts it.
func receive(t testing.TB, m *Manager, id, body string) {
	t.Helper()
	_, err := m.Receive(t.Context(), id, target(), "r1", strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, m.Accept(id))
}

// await returns when a job fulfils a condition.
func await(t testing.TB, m *Manager, id string, fulfils func(Status) bool) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		changed := m.Changed()
		s, ok := m.Status(id)
		require.True(t, ok)
		if fulfils(s) {
			return s
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(t, "the job does not get there", "%+v", s)
		}
	}
}

func ended(s Status) bool { return s.State.Ended() }

// documents makes lines of documents.
func documents(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"id":"d%d","title":"document %d","op":"create"}`+"\n", i, i)
	}
	return b.String()
}

// quickFS does not wait for stable storage.
type quickFS struct{ vfs.FS }

func (quickFS) SyncDir(string) error { return nil }

func (f quickFS) Create(path string) (vfs.File, error) {
	file, err := f.FS.Create(path)
	return quickFile{file}, err
}

type quickFile struct{ vfs.File }

func (quickFile) Sync() error { return nil }

// frozenFS does a number of operations and then none any more, as if the process were killed: the last one is torn if
// it is a write.
type frozenFS struct {
	vfs.FS
	mu     sync.Mutex
	left   int
	frozen chan struct{}
}

var errFrozen = errors.New("killed")

func newFrozenFS(operations int) *frozenFS {
	return &frozenFS{FS: quickFS{vfs.OS()}, left: operations, frozen: make(chan struct{})}
}

// step reports whether an operation is carried out, and whether it is the last one.
func (f *frozenFS) step() (last bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left <= 0 {
		return false, errFrozen
	}
	if f.left--; f.left == 0 {
		close(f.frozen)
	}
	return f.left == 0, nil
}

func (f *frozenFS) Create(path string) (vfs.File, error) {
	if _, err := f.step(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(path)
	return &frozenFile{File: file, fs: f}, err
}

func (f *frozenFS) Rename(from, to string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f *frozenFS) Remove(path string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.FS.Remove(path)
}

func (f *frozenFS) MkdirAll(path string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.FS.MkdirAll(path)
}

func (f *frozenFS) SyncDir(dir string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
}

type frozenFile struct {
	vfs.File
	fs *frozenFS
}

func (f *frozenFile) Write(data []byte) (int, error) {
	last, err := f.fs.step()
	if err != nil {
		return 0, err
	}
	if last {
		data = data[:len(data)/2]
	}
	return f.File.Write(data)
}

func (f *frozenFile) Sync() error {
	if _, err := f.fs.step(); err != nil {
		return err
	}
	return f.File.Sync()
}

// bodyPath is where a job keeps its body.
func bodyPath(dir, id string) string { return filepath.Join(dir, id, bodyFile) }
