package fsm

import (
	"context"
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
	payload, err := state.Encode(state.CreateIndex{Name: name, UUID: "uuid-" + name})
	require.NoError(t, err)
	return consensus.Command{Index: index, Type: state.TypeCreateIndex, Version: 1, Payload: payload}
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
	path := filepath.Join(dir, stateFile)
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
