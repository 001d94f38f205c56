package jobs

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// update writes the fixture of the present version anew.
var update = flag.Bool("update", false, "rewrite the fixtures of the present version")

// fixture is a job that was stopped after its first two batches.
const fixture = "testdata/version1"

func TestFixture(t *testing.T) {
	if *update {
		writeFixture(t)
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(fixture)))
	s := newStore(t)
	m := open(t, config(t, dir, s))
	got, ok := m.Status("bulk-1")
	require.True(t, ok)
	require.Equal(t, Status{
		ID: "bulk-1", Target: target(), State: StateRunning, RequestID: "r1", Bytes: 240, TotalBytes: 381, Done: 5,
		Failed: 1, TotalItems: 9, CreatedMillis: 1700000000000, UpdatedMillis: 1700000000000, Kept: 1, Loaded: true,
	}, got)
	m.Start()
	got = await(t, m, "bulk-1", ended)
	require.Equal(t, StateDone, got.State, got.Error)
	require.EqualValues(t, 8, got.Done)
	require.Len(t, s.docs, 3, "the first five were written before")
	page, err := m.Errors("bulk-1", 0, 10)
	require.NoError(t, err)
	require.Len(t, page.Errors, 1)
	require.EqualValues(t, 4, page.Errors[0].Line)
}

func writeFixture(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	s := newStore(t)
	cfg := config(t, dir, s)
	cfg.InFlight = 1
	cfg.Now = func() time.Time { return time.UnixMilli(1700000000000) }
	m := open(t, cfg)
	reached := make(chan struct{})
	s.hook = func(call int, _ Try) error {
		if call == 3 {
			close(reached)
			<-m.ctx.Done()
			return m.ctx.Err()
		}
		return nil
	}
	receive(t, m, "bulk-1", documents(0, 3)+"{bad\n"+documents(3, 8))
	m.Start()
	<-reached
	m.Close()
	require.NoError(t, os.RemoveAll(fixture))
	require.NoError(t, os.MkdirAll(filepath.Dir(fixture), 0o755))
	require.NoError(t, os.CopyFS(fixture, os.DirFS(dir)))
}
