package fsm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/coordinator/state"
	"sagasu/internal/consensus"
	"sagasu/internal/vfs"
)

func createCommand(t *testing.T, index uint64, name string) consensus.Command {
	t.Helper()
	return encoded(t, index, state.CreateIndex{Name: name, UUID: "uuid-" + name})
}

func encoded(t *testing.T, index uint64, c state.Change) consensus.Command {
	t.Helper()
	payload, err := state.Encode(c)
	require.NoError(t, err)
	typ, version := state.Kind(c)
	return consensus.Command{Index: index, Type: typ, Version: version, Payload: payload}
}

func open(t *testing.T, dir string) *FSM {
	t.Helper()
	f, err := Open(vfs.OS(), dir)
	require.NoError(t, err)
	return f
}

func TestFSM(t *testing.T) {
	t.Run("what was persisted is there after opening again", func(t *testing.T) {
		dir := t.TempDir()
		f := open(t, dir)
		results := f.Apply([]consensus.Command{createCommand(t, 3, "papers"), createCommand(t, 4, "papers")})
		require.Len(t, results, 2)
		require.NoError(t, results[0].(state.Result).Err)
		persisted, err := f.Persist(context.Background())
		require.NoError(t, err)
		require.Equal(t, uint64(4), persisted)

		again := open(t, dir)
		require.Equal(t, uint64(4), again.AppliedIndex())
		require.Equal(t, f.Hash(), again.Hash())
		require.Len(t, again.View().Indexes(), 1)
	})
	t.Run("it stops at a command it does not know", func(t *testing.T) {
		f := open(t, t.TempDir())
		results := f.Apply([]consensus.Command{{Index: 1, Type: 77, Version: 1}, createCommand(t, 2, "papers")})
		require.ErrorIs(t, results[0].(error), state.ErrUnknownCommand)
		require.ErrorIs(t, results[1].(error), ErrStopped)
		require.ErrorIs(t, f.Err(), state.ErrUnknownCommand)
		<-f.Failed()
		require.Zero(t, f.AppliedIndex())
	})
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	f.Apply([]consensus.Command{createCommand(t, 1, "papers")})
	_, err := f.Persist(context.Background())
	require.NoError(t, err)
	path := filepath.Join(dir, StateFile)
	good, err := os.ReadFile(path)
	require.NoError(t, err)

	t.Run("every truncation is found", func(t *testing.T) {
		for n := range good {
			require.NoError(t, os.WriteFile(path, good[:n], 0o600))
			_, err := Open(vfs.OS(), dir)
			require.ErrorIs(t, err, ErrCorrupt, "%d bytes", n)
		}
	})
	t.Run("every flipped byte is found", func(t *testing.T) {
		for i := range good {
			bad := append([]byte(nil), good...)
			bad[i] ^= 0x10
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			_, err := Open(vfs.OS(), dir)
			require.Error(t, err, "byte %d", i)
			require.ErrorContains(t, err, path)
		}
	})
	t.Run("a newer version is named", func(t *testing.T) {
		bad := append([]byte(nil), good...)
		bad[len(fileMagic)] = 9
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		_, err := Open(vfs.OS(), dir)
		require.ErrorIs(t, err, state.ErrNewerFormat)
		require.ErrorContains(t, err, "version 9")
	})
}

func TestChanged(t *testing.T) {
	t.Run("it tells of a change, not of a refusal", func(t *testing.T) {
		f := open(t, t.TempDir())
		changed := f.Changed()
		f.Apply([]consensus.Command{encoded(t, 1, state.FoundCluster{ClusterID: "c1"})})
		<-changed
		require.Equal(t, uint64(1), f.View().Version())
		changed = f.Changed()
		results := f.Apply([]consensus.Command{encoded(t, 2, state.FoundCluster{ClusterID: "c2"})})
		require.ErrorIs(t, results[0].(state.Result).Err, state.ErrCluster)
		require.Equal(t, uint64(2), f.View().Applied())
		require.Equal(t, uint64(1), f.View().Version())
		select {
		case <-changed:
			t.Fatal("a refusal was announced")
		default:
		}
	})
	t.Run("a watcher misses nothing", func(t *testing.T) {
		const last = 500
		f := open(t, t.TempDir())
		seen := make(chan uint64)
		go func() {
			defer close(seen)
			for version := uint64(0); version < last; {
				changed := f.Changed()
				if v := f.View().Version(); v > version {
					version = v
					seen <- v
					continue
				}
				<-changed
			}
		}()
		go func() {
			for i := uint64(1); i <= last; i++ {
				f.Apply([]consensus.Command{createCommand(t, i, fmt.Sprint("index", i))})
			}
		}()
		before := uint64(0)
		for v := range seen {
			require.Greater(t, v, before)
			before = v
		}
		require.Equal(t, uint64(last), before)
	})
}

func TestCheckpoint(t *testing.T) {
	dir, into := t.TempDir(), filepath.Join(t.TempDir(), "received")
	f := open(t, dir)
	f.Apply([]consensus.Command{createCommand(t, 1, "papers")})
	persisted, err := f.Persist(context.Background())
	require.NoError(t, err)
	require.Equal(t, uint64(1), persisted)
	f.Apply([]consensus.Command{createCommand(t, 5, "notes")})

	t.Run("it holds the state as of now", func(t *testing.T) {
		applied, err := f.Checkpoint(context.Background(), into)
		require.NoError(t, err)
		require.Equal(t, uint64(5), applied)
		names, err := vfs.OS().List(into)
		require.NoError(t, err)
		require.Equal(t, []string{StateFile}, names)
		copied := open(t, into)
		require.Equal(t, f.View(), copied.View())
		require.Equal(t, f.Hash(), copied.Hash())
	})
	t.Run("it leaves the machine's own file alone", func(t *testing.T) {
		require.Equal(t, uint64(1), open(t, dir).AppliedIndex())
	})
	t.Run("an ended context is told", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := f.Checkpoint(ctx, into)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("a stopped machine gives none", func(t *testing.T) {
		f.Apply([]consensus.Command{{Index: 6, Type: 77, Version: 1}})
		_, err := f.Checkpoint(context.Background(), into)
		require.ErrorIs(t, err, ErrStopped)
	})
}

func TestWrite(t *testing.T) {
	f := open(t, t.TempDir())
	f.Apply([]consensus.Command{encoded(t, 3, state.FoundCluster{ClusterID: "c1"})})
	into := filepath.Join(t.TempDir(), "made", "for it")
	require.NoError(t, Write(vfs.OS(), into, f.View()))
	written := open(t, into)
	require.Equal(t, f.View(), written.View())
	require.Equal(t, uint64(3), written.AppliedIndex())
}

func FuzzFrame(f *testing.F) {
	f.Add(frame([]byte(`{"format":1,"applied":0,"indexes":[]}`)))
	f.Add([]byte(fileMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := unframe(data)
		if err != nil {
			return
		}
		require.Equal(t, data, frame(body))
	})
}
