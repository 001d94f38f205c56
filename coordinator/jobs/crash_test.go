package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/internal/vfs"
)

// fullFS has no room for what is written.
type fullFS struct{ vfs.FS }

func (f fullFS) Create(path string) (vfs.File, error) {
	file, err := f.FS.Create(path)
	return fullFile{file}, err
}

type fullFile struct{ vfs.File }

func (fullFile) Write([]byte) (int, error) { return 0, errFull }

// finish opens what a killed process left, and lets it come to its end. It gives false if nothing was left.
func finish(t *testing.T, dir string, s *store, id string) (Status, bool) {
	t.Helper()
	m := open(t, config(t, dir, s))
	defer m.Close()
	now, ok := m.Status(id)
	if !ok {
		return now, false
	}
	require.True(t, now.Loaded)
	require.NoError(t, m.Accept(id))
	m.Start()
	return await(t, m, id, ended), true
}

// untilEnded returns when a job has ended, or something else happened.
func untilEnded(m *Manager, id string, or <-chan struct{}) {
	for {
		changed := m.Changed()
		if s, _ := m.Status(id); s.State.Ended() {
			return
		}
		select {
		case <-changed:
		case <-or:
			return
		}
	}
}

func TestKilledAtEveryStep(t *testing.T) {
	const items = 20
	lines := documents(0, items) + "{bad\n"
	for steps := 1; ; steps++ {
		dir := filepath.Join(t.TempDir(), "jobs")
		s := newStore(t)
		fs := newFrozenFS(steps)
		cfg := config(t, dir, s)
		cfg.FS = fs
		m, err := Open(cfg)
		accepted := false
		if err == nil {
			_, err = m.Receive(t.Context(), "bulk-1", target(), "r1", strings.NewReader(lines))
			if err == nil {
				m.Start()
				err = m.Accept("bulk-1")
				accepted = err == nil
			}
			if accepted {
				untilEnded(m, "bulk-1", fs.frozen)
			}
			m.Close()
		}
		got, there := finish(t, dir, s, "bulk-1")
		require.True(t, there || !accepted, "step %d: an accepted job is gone", steps)
		if there {
			require.Equal(t, StateDone, got.State, "step %d: %s", steps, got.Error)
			require.EqualValues(t, items, got.Done, "step %d", steps)
			require.EqualValues(t, 1, got.Failed, "step %d", steps)
			require.Equal(t, 1, got.Kept, "step %d", steps)
			require.Len(t, s.docs, items)
		}
		select {
		case <-fs.frozen:
		default:
			require.Greater(t, steps, 20)
			return
		}
	}
}

func TestRestarts(t *testing.T) {
	// Stopped in order at any batch, again and again, it writes each item once.
	rapid.Check(t, func(rt *rapid.T) {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(rapid.Uint64().Draw(rt, "name")))
		s := newStore(t)
		items := rapid.IntRange(0, 40).Draw(rt, "items")
		var lines strings.Builder
		bad := 0
		for i := range items {
			if rapid.IntRange(0, 4).Draw(rt, "kind") == 0 {
				bad++
				lines.WriteString("{bad\n")
				continue
			}
			lines.WriteString(documents(i, i+1))
		}
		cfg := config(t, dir, s)
		cfg.BatchItems, cfg.InFlight = rapid.IntRange(1, 7).Draw(rt, "batch"), rapid.IntRange(1, 4).Draw(rt, "flight")
		m, err := Open(cfg)
		require.NoError(rt, err)
		_, err = m.Receive(t.Context(), "bulk-1", target(), "", strings.NewReader(lines.String()))
		require.NoError(rt, err)
		require.NoError(rt, m.Accept("bulk-1"))
		for range rapid.IntRange(0, 3).Draw(rt, "stops") {
			at := rapid.IntRange(1, 6).Draw(rt, "at")
			reached := make(chan struct{})
			s.mu.Lock()
			calls := s.calls
			s.hook = func(call int, _ Try) error {
				if call == calls+at {
					close(reached)
				}
				return nil
			}
			s.mu.Unlock()
			m.Start()
			untilEnded(m, "bulk-1", reached)
			m.Close()
			m, err = Open(cfg)
			require.NoError(rt, err)
		}
		s.hook = nil
		m.Start()
		got := await(t, m, "bulk-1", ended)
		m.Close()
		require.Equal(rt, StateDone, got.State)
		require.EqualValues(rt, items-bad, got.Done)
		require.EqualValues(rt, bad, got.Failed)
		require.Len(rt, s.docs, items-bad)
	})
}

func TestDamage(t *testing.T) {
	prepare := func(t *testing.T) (string, *store) {
		dir, s := t.TempDir(), newStore(t)
		m := open(t, config(t, dir, s))
		receive(t, m, "bulk-1", documents(0, 30))
		m.Close()
		return dir, s
	}
	flip := func(t *testing.T, path string, at int) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		data[at] ^= 4
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	t.Run("of the body", func(t *testing.T) {
		dir, s := prepare(t)
		flip(t, bodyPath(dir, "bulk-1"), 100)
		got, _ := finish(t, dir, s, "bulk-1")
		require.Equal(t, StateFailed, got.State)
		require.Contains(t, got.Error, "are not what was received")
		require.Empty(t, s.docs)
	})
	t.Run("a body cut short", func(t *testing.T) {
		dir, s := prepare(t)
		require.NoError(t, os.Truncate(bodyPath(dir, "bulk-1"), 50))
		got, _ := finish(t, dir, s, "bulk-1")
		require.Equal(t, StateFailed, got.State)
		require.Contains(t, got.Error, "body has 50 bytes")
	})
	t.Run("a body that is gone", func(t *testing.T) {
		dir, s := prepare(t)
		require.NoError(t, os.Remove(bodyPath(dir, "bulk-1")))
		got, _ := finish(t, dir, s, "bulk-1")
		require.Equal(t, StateFailed, got.State)
		require.Contains(t, got.Error, "open body")
	})
	t.Run("of the description", func(t *testing.T) {
		dir, s := prepare(t)
		flip(t, filepath.Join(dir, "bulk-1", jobFile), 30)
		got, _ := finish(t, dir, s, "bulk-1")
		require.Equal(t, StateFailed, got.State)
		require.Contains(t, got.Error, "checksum of a record")
	})
	t.Run("of the journal", func(t *testing.T) {
		dir, s := prepare(t)
		path := filepath.Join(dir, "bulk-1", journalName(1))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(data, data...), 0o600))
		flip(t, path, 30)
		got, _ := finish(t, dir, s, "bulk-1")
		require.Equal(t, StateFailed, got.State)
		require.Contains(t, got.Error, journalName(1))
	})
	t.Run("a foreign file", func(t *testing.T) {
		dir, s := prepare(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "READ.ME"), nil, 0o600))
		_, err := Open(config(t, dir, s))
		require.ErrorContains(t, err, "READ.ME")
	})
	t.Run("a newer format", func(t *testing.T) {
		dir, s := prepare(t)
		d := description{Format: format + 1, ID: "bulk-1", Target: target(), Block: 1}
		data, err := appendRecord(nil, d)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "bulk-1", jobFile), data, 0o600))
		_, err = Open(config(t, dir, s))
		require.ErrorIs(t, err, ErrNewerFormat)
		require.ErrorContains(t, err, "bulk-1")
	})
}

func FuzzDescription(f *testing.F) {
	good, err := appendRecord(nil, description{
		Format: 1, ID: "bulk-1", Target: target(), Bytes: 5, Lines: 1, Block: 4, Sums: []uint32{1, 2},
	})
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte("00000000 {}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := decodeDescription(data)
		if err == nil {
			require.LessOrEqual(t, d.Bytes, int64(len(d.Sums))*int64(d.Block))
		}
	})
}

func FuzzJournal(f *testing.F) {
	good, err := appendRecord(nil, progress{State: StateRunning, Offset: 3})
	require.NoError(f, err)
	f.Add(append(good, good[:len(good)-3]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := &job{description: description{Bytes: 10}}
		if decodeJournal(data, j.replay) == nil {
			require.LessOrEqual(t, j.Offset, j.Bytes)
		}
	})
}
