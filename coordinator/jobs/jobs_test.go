package jobs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func TestJob(t *testing.T) {
	s := newStore(t)
	dir := t.TempDir()
	cfg := config(t, dir, s)
	registry := prometheus.NewRegistry()
	cfg.Registry = registry
	m := open(t, cfg)
	lines := documents(0, 4) + "\n" + `{"id":"x","nope":1}` + "\n" + documents(4, 6) + "{bad\n" + documents(0, 1) +
		`{"id":"d1","op":"delete"}` + "  \n" + `{"id":"last","title":"no end of line"}`
	received, err := m.Receive(t.Context(), "bulk-1", target(), "r1", strings.NewReader(lines))
	require.NoError(t, err)
	require.Equal(t, StateReceived, received.State)
	require.EqualValues(t, 11, received.TotalItems)
	require.EqualValues(t, len(lines), received.TotalBytes)
	require.Empty(t, s.docs)

	require.NoError(t, m.Accept("bulk-1"))
	require.NoError(t, m.Accept("bulk-1"), "accepting twice does nothing")
	require.Equal(t, StatePending, await(t, m, "bulk-1", func(Status) bool { return true }).State)
	m.Start()
	got := await(t, m, "bulk-1", ended)
	require.Equal(t, StateDone, got.State, got.Error)
	require.EqualValues(t, 8, got.Done)
	require.EqualValues(t, 3, got.Failed)
	require.Equal(t, got.TotalBytes, got.Bytes)
	require.Equal(t, got.TotalItems, got.Progress().Items)
	require.Len(t, s.docs, 6)
	require.NotContains(t, s.docs, "d1")
	require.Contains(t, s.docs, "last")

	page, err := m.Errors("bulk-1", 0, 10)
	require.NoError(t, err)
	require.Len(t, page.Errors, 3)
	require.Zero(t, page.Next)
	require.EqualValues(t, 6, page.Errors[0].Line, "empty lines count")
	require.Equal(t, "line 6.nope", page.Errors[0].Error.Field)
	require.EqualValues(t, 9, page.Errors[1].Line)
	require.EqualValues(t, 10, page.Errors[2].Line)
	require.Equal(t, "d0", page.Errors[2].ID)
	require.Equal(t, api.ProblemConflict, page.Errors[2].Error.Type)
	page, err = m.Errors("bulk-1", 6, 1)
	require.NoError(t, err)
	require.EqualValues(t, 9, page.Next)
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 6)
	require.Equal(t, "job_items_total", families[0].GetName())
	require.InDelta(t, 3, families[0].GetMetric()[0].GetCounter().GetValue(), 0)

	m.Close()
	require.NoFileExists(t, bodyPath(dir, "bulk-1"))
	t.Run("is known after a restart", func(t *testing.T) {
		again := open(t, config(t, dir, s))
		now, ok := again.Status("bulk-1")
		require.True(t, ok)
		require.True(t, now.Loaded)
		now.Loaded = false
		require.Equal(t, got, now)
		page, err := again.Errors("bulk-1", 0, 10)
		require.NoError(t, err)
		require.Len(t, page.Errors, 3)
		require.NoError(t, again.Forget("bulk-1"))
		require.NoDirExists(t, filepath.Join(dir, "bulk-1"))
		require.NoError(t, again.Forget("bulk-1"))
	})
}

func TestOrder(t *testing.T) {
	// Lines about one document take effect in their order, although batches are written beside each other.
	s := newStore(t)
	m := open(t, config(t, t.TempDir(), s))
	m.Start()
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, `{"id":"same","year":%d}`+"\n", i)
		fmt.Fprintf(&lines, `{"id":"d%d"}`+"\n", i%7)
	}
	receive(t, m, "bulk-1", lines.String())
	require.Equal(t, StateDone, await(t, m, "bulk-1", ended).State)
	require.JSONEq(t, `{"year":99}`, s.docs["same"])
}

func TestErrorsAreBounded(t *testing.T) {
	s := newStore(t)
	cfg := config(t, t.TempDir(), s)
	cfg.BatchItems = 300
	m := open(t, cfg)
	m.Start()
	receive(t, m, "bulk-1", strings.Repeat("{\n", MaxErrors+500)+`{"id":"a","`+strings.Repeat("x", 5000)+`":1}`)
	got := await(t, m, "bulk-1", ended)
	require.Equal(t, StateDone, got.State)
	require.EqualValues(t, MaxErrors+501, got.Failed)
	require.EqualValues(t, 501, got.Dropped)
	require.Equal(t, MaxErrors, got.Kept)
	page, err := m.Errors("bulk-1", MaxErrors-1, 10)
	require.NoError(t, err)
	require.Len(t, page.Errors, 1)
	require.EqualValues(t, 501, page.Dropped)
}

func TestLongErrorsAreCut(t *testing.T) {
	p := clipProblem(&api.Problem{Detail: strings.Repeat("日", 2000), Field: strings.Repeat("a", 3000)})
	require.LessOrEqual(t, len(p.Detail), maxErrorBytes)
	require.Equal(t, strings.Repeat("日", maxErrorBytes/3), p.Detail)
	require.Len(t, p.Field, maxErrorBytes)
}

func TestRetry(t *testing.T) {
	t.Run("what may be gone soon is tried again", func(t *testing.T) {
		s := newStore(t)
		s.hook = func(call int, _ Try) error {
			if call%2 == 1 {
				return fmt.Errorf("no leader: %w", api.ErrUnavailable)
			}
			return nil
		}
		m := open(t, config(t, t.TempDir(), s))
		m.Start()
		receive(t, m, "bulk-1", documents(0, 20))
		got := await(t, m, "bulk-1", ended)
		require.EqualValues(t, 20, got.Done, got.Error)
		require.Empty(t, got.Trouble)
		require.Len(t, s.docs, 20)
	})
	t.Run("a lost answer makes no conflict", func(t *testing.T) {
		s := newStore(t)
		s.after = func(call int, try Try) error {
			if call%2 == 1 && !try.Again {
				return fmt.Errorf("connection broke: %w", api.ErrUnknownOutcome)
			}
			return nil
		}
		m := open(t, config(t, t.TempDir(), s))
		m.Start()
		receive(t, m, "bulk-1", documents(0, 20))
		got := await(t, m, "bulk-1", ended)
		require.EqualValues(t, 20, got.Done)
		require.Zero(t, got.Failed)
	})
	t.Run("what will never work is an error of its items", func(t *testing.T) {
		s := newStore(t)
		s.hook = func(call int, _ Try) error {
			if call == 2 {
				return errors.New("vector of another length")
			}
			return nil
		}
		m := open(t, config(t, t.TempDir(), s))
		m.Start()
		receive(t, m, "bulk-1", documents(0, 9))
		got := await(t, m, "bulk-1", ended)
		require.Equal(t, StateDone, got.State)
		require.EqualValues(t, 3, got.Failed)
		require.EqualValues(t, 6, got.Done)
	})
	t.Run("a panic is too", func(t *testing.T) {
		s := newStore(t)
		s.hook = func(call int, _ Try) error {
			if call == 1 {
				panic("no")
			}
			return nil
		}
		m := open(t, config(t, t.TempDir(), s))
		m.Start()
		receive(t, m, "bulk-1", documents(0, 3))
		require.EqualValues(t, 3, await(t, m, "bulk-1", ended).Failed)
	})
	t.Run("an index that is gone ends the job", func(t *testing.T) {
		s := newStore(t)
		s.hook = func(call int, _ Try) error {
			if call == 3 {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.gone = true
				return fmt.Errorf("index papers: %w", api.ErrIndexNotFound)
			}
			return nil
		}
		cfg := config(t, t.TempDir(), s)
		cfg.InFlight = 1
		m := open(t, cfg)
		m.Start()
		receive(t, m, "bulk-1", documents(0, 30))
		got := await(t, m, "bulk-1", ended)
		require.Equal(t, StateFailed, got.State)
		require.Equal(t, "index papers: index not found", got.Error)
		require.EqualValues(t, 6, got.Done)
	})
}

func TestCancel(t *testing.T) {
	t.Run("one that waits", func(t *testing.T) {
		dir := t.TempDir()
		m := open(t, config(t, dir, newStore(t)))
		receive(t, m, "bulk-1", documents(0, 3))
		require.NoError(t, m.Cancel("bulk-1", "not wanted"))
		got, _ := m.Status("bulk-1")
		require.Equal(t, StateCancelled, got.State)
		require.Equal(t, "not wanted", got.Error)
		require.NoFileExists(t, bodyPath(dir, "bulk-1"))
		require.ErrorIs(t, m.Cancel("bulk-1", ""), ErrEnded)
		require.ErrorIs(t, m.Cancel("bulk-2", ""), ErrNotFound)
	})
	t.Run("one that runs keeps what it has written", func(t *testing.T) {
		s := newStore(t)
		written, goOn := make(chan struct{}), make(chan struct{})
		s.hook = func(call int, _ Try) error {
			if call == 4 {
				close(written)
				<-goOn
			}
			return nil
		}
		dir := t.TempDir()
		m := open(t, config(t, dir, s))
		m.Start()
		receive(t, m, "bulk-1", documents(0, 300))
		<-written
		require.NoError(t, m.Cancel("bulk-1", "stop"))
		require.NoError(t, m.Cancel("bulk-1", "stop it"))
		close(goOn)
		got := await(t, m, "bulk-1", ended)
		require.Equal(t, StateCancelled, got.State)
		require.Equal(t, "stop", got.Error)
		require.GreaterOrEqual(t, got.Done, int64(12))
		require.Less(t, got.Done, int64(300))
		require.Len(t, s.docs, int(got.Done))
		m.Close()
		require.NoFileExists(t, bodyPath(dir, "bulk-1"))
	})
	t.Run("one that waits for others to come back", func(t *testing.T) {
		s := newStore(t)
		tried := make(chan struct{}, 1000)
		s.hook = func(int, Try) error {
			select {
			case tried <- struct{}{}:
			default:
			}
			return api.ErrUnavailable
		}
		m := open(t, config(t, t.TempDir(), s))
		m.Start()
		receive(t, m, "bulk-1", documents(0, 30))
		<-tried
		require.NoError(t, m.Cancel("bulk-1", "stop"))
		require.Equal(t, StateCancelled, await(t, m, "bulk-1", ended).State)
		require.Empty(t, s.docs)
	})
}

func TestConcurrency(t *testing.T) {
	s := newStore(t)
	started, goOn := make(chan struct{}, 10), make(chan struct{})
	s.hook = func(int, Try) error {
		started <- struct{}{}
		<-goOn
		return nil
	}
	cfg := config(t, t.TempDir(), s)
	cfg.Running, cfg.MaxJobs, cfg.InFlight = 2, 3, 1
	m := open(t, cfg)
	m.Start()
	for i := range 3 {
		receive(t, m, fmt.Sprintf("bulk-%d", i), documents(i, i+1))
	}
	<-started
	<-started
	waiting, active, bytes := m.counts()
	require.Equal(t, []int{1, 2}, []int{waiting, active})
	require.EqualValues(t, len(documents(0, 3)), bytes)
	_, err := m.Receive(t.Context(), "bulk-9", target(), "", strings.NewReader(""))
	require.ErrorIs(t, err, ErrTooMany)
	close(goOn)
	for i := range 3 {
		await(t, m, fmt.Sprintf("bulk-%d", i), ended)
	}
	require.Len(t, s.docs, 3)
	require.Len(t, m.List(), 3)
}

func TestReceive(t *testing.T) {
	setup := func(t *testing.T, change func(*Config)) (*Manager, string) {
		dir := t.TempDir()
		cfg := config(t, dir, newStore(t))
		if change != nil {
			change(&cfg)
		}
		return open(t, cfg), dir
	}
	empty := func(t *testing.T, dir string) {
		names, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, names)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		body   io.Reader
		want   error
	}{
		"a body over the limit": {
			func(c *Config) { c.MaxBytes = 10 }, strings.NewReader("12345678901"), ErrTooLarge,
		},
		"a disk without room": {
			func(c *Config) { c.Room = func() error { return errors.New("95 % full") } }, strings.NewReader(""), ErrNoRoom,
		},
		"a disk that fills up meanwhile": {
			func(c *Config) {
				asked := 0
				c.Room = func() error {
					if asked++; asked > 2 {
						return errors.New("95 % full")
					}
					return nil
				}
			}, strings.NewReader(strings.Repeat("x", 3*blockBytes)), ErrNoRoom,
		},
		"a body that breaks off": {
			nil, io.MultiReader(strings.NewReader(documents(0, 3)), iotest.ErrReader(io.ErrUnexpectedEOF)), ErrBody,
		},
		"a disk that is full": {
			func(c *Config) { c.FS = fullFS{c.FS} }, strings.NewReader(documents(0, 3)), ErrNoRoom,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, dir := setup(t, c.change)
			_, err := m.Receive(t.Context(), "bulk-1", target(), "", c.body)
			require.ErrorIs(t, err, c.want)
			empty(t, dir)
			_, ok := m.Status("bulk-1")
			require.False(t, ok)
		})
	}
	t.Run("an id that is no name", func(t *testing.T) {
		m, _ := setup(t, nil)
		_, err := m.Receive(t.Context(), "../x", target(), "", strings.NewReader(""))
		require.ErrorIs(t, err, ErrConfig)
	})
	t.Run("an empty body", func(t *testing.T) {
		m, _ := setup(t, nil)
		m.Start()
		receive(t, m, "bulk-1", "\n\n")
		got := await(t, m, "bulk-1", ended)
		require.Equal(t, StateDone, got.State)
		require.Zero(t, got.Done+got.TotalItems)
	})
	t.Run("after the end", func(t *testing.T) {
		m, _ := setup(t, nil)
		m.Close()
		_, err := m.Receive(t.Context(), "bulk-1", target(), "", strings.NewReader(""))
		require.ErrorIs(t, err, ErrClosed)
	})
	t.Run("a body of many blocks", func(t *testing.T) {
		s := newStore(t)
		cfg := config(t, t.TempDir(), s)
		cfg.BatchItems = 512
		m := open(t, cfg)
		m.Start()
		filler := strings.Repeat("word ", 20_000)
		var lines strings.Builder
		for i := range 100 {
			fmt.Fprintf(&lines, `{"id":"d%d","title":"%s"}`+"\n", i, filler)
		}
		receive(t, m, "bulk-1", lines.String())
		got := await(t, m, "bulk-1", ended)
		require.EqualValues(t, 100, got.Done, got.Error)
		require.Greater(t, got.TotalBytes, int64(2*blockBytes))
	})
	t.Run("a line over the limit", func(t *testing.T) {
		m, _ := setup(t, nil)
		m.Start()
		receive(t, m, "bulk-1", documents(0, 1)+strings.Repeat("x", api.MaxBulkLine+1)+"\n"+documents(1, 2))
		got := await(t, m, "bulk-1", ended)
		require.EqualValues(t, 2, got.Done)
		page, err := m.Errors("bulk-1", 0, 1)
		require.NoError(t, err)
		require.Equal(t, 413, page.Errors[0].Error.Status)
		require.Equal(t, "line 2", page.Errors[0].Error.Field)
	})
}

// errFull is what a disk without room says.
var errFull = &os.PathError{Op: "write", Path: "body", Err: syscall.ENOSPC}
