package state

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func create(t *testing.T, index uint64, name, uuid string) Command {
	t.Helper()
	payload, err := Encode(CreateIndex{
		Name: name, UUID: uuid, CreatedMillis: 1_700_000_000_000,
		Schema: api.Schema{Fields: map[string]api.Field{"title": {Type: api.TypeText}}},
	})
	require.NoError(t, err)
	return Command{Index: index, Type: TypeCreateIndex, Version: Version, Payload: payload}
}

func remove(t *testing.T, index uint64, name, uuid string) Command {
	t.Helper()
	payload, err := Encode(DeleteIndex{Name: name, UUID: uuid})
	require.NoError(t, err)
	return Command{Index: index, Type: TypeDeleteIndex, Version: Version, Payload: payload}
}

func mustApply(t *testing.T, s *State, c Command) Result {
	t.Helper()
	r, err := s.Apply(c)
	require.NoError(t, err)
	return r
}

func TestApply(t *testing.T) {
	t.Run("create and delete", func(t *testing.T) {
		s := New()
		require.NoError(t, mustApply(t, s, create(t, 1, "papers", "u1")).Err)
		before := s.View()
		got, ok := before.Index("papers")
		require.True(t, ok)
		require.Equal(t, "u1", got.UUID)
		require.Equal(t, api.TypeText, got.Schema.Fields["title"].Type)
		require.NoError(t, mustApply(t, s, remove(t, 2, "papers", "u1")).Err)
		require.Empty(t, s.View().Indexes())
		require.Len(t, before.Indexes(), 1, "an older view stays as it was")
	})
	t.Run("a taken name is refused, a retry is not", func(t *testing.T) {
		s := New()
		mustApply(t, s, create(t, 1, "papers", "u1"))
		require.ErrorIs(t, mustApply(t, s, create(t, 2, "papers", "u2")).Err, ErrIndexExists)
		require.NoError(t, mustApply(t, s, create(t, 3, "papers", "u1")).Err)
		require.Equal(t, uint64(3), s.View().Applied())
	})
	t.Run("a late delete spares the successor", func(t *testing.T) {
		s := New()
		mustApply(t, s, create(t, 1, "papers", "u1"))
		mustApply(t, s, remove(t, 2, "papers", "u1"))
		mustApply(t, s, create(t, 3, "papers", "u2"))
		require.ErrorIs(t, mustApply(t, s, remove(t, 4, "papers", "u1")).Err, ErrIndexNotFound)
		require.Len(t, s.View().Indexes(), 1)
	})
	t.Run("an applied entry is ignored", func(t *testing.T) {
		s := New()
		mustApply(t, s, create(t, 5, "papers", "u1"))
		mustApply(t, s, create(t, 5, "others", "u2"))
		require.Len(t, s.View().Indexes(), 1)
	})
	t.Run("unknown commands are refused and change nothing", func(t *testing.T) {
		s := New()
		for _, c := range []Command{
			{Index: 1, Type: 99, Version: 1},
			{Index: 1, Type: TypeCreateIndex, Version: 9, Payload: []byte(`{}`)},
		} {
			_, err := s.Apply(c)
			require.ErrorIs(t, err, ErrUnknownCommand)
		}
		require.Zero(t, s.View().Applied())
	})
	t.Run("malformed payloads are refused", func(t *testing.T) {
		for _, payload := range []string{"", "{", `{"name":"a"}`, `{"name":"a","uuid":"u","new":1}`, `{}{}`} {
			_, err := New().Apply(Command{Index: 1, Type: TypeCreateIndex, Version: 1, Payload: []byte(payload)})
			require.ErrorIs(t, err, ErrCommand, payload)
		}
	})
}

func TestGoldenLog(t *testing.T) {
	// The hash of this log must stay for ever: a change means that old logs replay to another state.
	s := New()
	mustApply(t, s, create(t, 1, "papers", "u1"))
	mustApply(t, s, create(t, 2, "notes", "u2"))
	mustApply(t, s, remove(t, 4, "papers", "u1"))
	mustApply(t, s, create(t, 7, "papers", "u3"))
	hash, err := s.Hash()
	require.NoError(t, err)
	require.Equal(t, uint64(0xeee32b2f1bf475f0), hash)
}

func TestSnapshot(t *testing.T) {
	t.Run("round trip", func(t *testing.T) {
		s := New()
		mustApply(t, s, create(t, 1, "papers", "u1"))
		mustApply(t, s, create(t, 2, "notes", "u2"))
		data, err := s.View().Encode()
		require.NoError(t, err)
		again, err := Decode(data)
		require.NoError(t, err)
		require.Equal(t, s.View(), again.View())
	})
	t.Run("a newer format is refused", func(t *testing.T) {
		_, err := Decode([]byte(`{"format":5}`))
		require.ErrorIs(t, err, ErrNewerFormat)
	})
	t.Run("damage is refused", func(t *testing.T) {
		_, err := Decode([]byte(`{"format":1,"indexes":`))
		require.ErrorIs(t, err, ErrCommand)
	})
}
