package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

const lockWait = 20 * time.Millisecond

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, lockWait)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func entries(from, to, term uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{
			Index: i, Term: term, Type: raft.LogCommand,
			Data: fmt.Appendf(nil, "data %d", i), Extensions: fmt.Appendf(nil, "extension %d", i),
			AppendedAt: time.Unix(9, int64(i)),
		})
	}
	return logs
}

// edit changes the file's records directly, as damage would.
func edit(t *testing.T, dir string, change func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, FileName), 0o600, &bbolt.Options{Timeout: time.Second})
	require.NoError(t, err)
	require.NoError(t, db.Update(change))
	require.NoError(t, db.Close())
}

func TestStore(t *testing.T) {
	t.Run("entries and stable values survive reopening", func(t *testing.T) {
		dir := t.TempDir()
		s, err := Open(dir, lockWait)
		require.NoError(t, err)
		want := entries(1, 300, 4)
		require.NoError(t, s.StoreLogs(want))
		require.NoError(t, s.SetUint64([]byte("CurrentTerm"), 4))
		require.NoError(t, s.Close())

		s = open(t, dir)
		first, err := s.FirstIndex()
		require.NoError(t, err)
		last, err := s.LastIndex()
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 300}, []uint64{first, last})
		for _, w := range want {
			var got raft.Log
			require.NoError(t, s.GetLog(w.Index, &got))
			require.Equal(t, *w, got)
		}
		term, err := s.GetUint64([]byte("CurrentTerm"))
		require.NoError(t, err)
		require.EqualValues(t, 4, term)
	})
	t.Run("absent things are zero or not found", func(t *testing.T) {
		s := open(t, t.TempDir())
		require.ErrorIs(t, s.GetLog(1, new(raft.Log)), raft.ErrLogNotFound)
		value, err := s.Get([]byte("nothing"))
		require.NoError(t, err)
		require.Nil(t, value)
		number, err := s.GetUint64([]byte("nothing"))
		require.NoError(t, err)
		require.Zero(t, number)
		require.True(t, s.IsMonotonic())
	})
	t.Run("a gap is refused and harms nothing", func(t *testing.T) {
		s := open(t, t.TempDir())
		require.NoError(t, s.StoreLogs(entries(5, 6, 1)))
		require.ErrorIs(t, s.StoreLogs(entries(8, 9, 1)), ErrGap)
		require.ErrorIs(t, s.StoreLogs(entries(6, 7, 1)), ErrGap)
		require.NoError(t, s.StoreLogs(entries(7, 7, 1)))
	})
	t.Run("a second opener gets the directory's name", func(t *testing.T) {
		dir := t.TempDir()
		open(t, dir)
		_, err := Open(dir, lockWait)
		require.ErrorIs(t, err, ErrLocked)
		require.ErrorContains(t, err, dir)
		_, err = Inspect(dir, nil)
		require.ErrorIs(t, err, ErrLocked)
	})
	t.Run("no write follows a failed one", func(t *testing.T) {
		s := open(t, t.TempDir())
		broken := errors.New("fsync: input/output error")
		s.mu.Lock()
		require.ErrorIs(t, s.update(nil, func(*bbolt.Tx) error { return broken }), broken)
		s.mu.Unlock()
		for _, err := range []error{
			s.StoreLogs(entries(1, 1, 1)), s.Set([]byte("k"), nil), s.SetUint64([]byte(keyVoteTerm), 1),
		} {
			require.ErrorIs(t, err, ErrFailed)
			require.ErrorIs(t, err, broken)
		}
	})
}

func TestDeleteRange(t *testing.T) {
	const n = 3*deleteChunk + 7
	for _, c := range []struct {
		name                       string
		low, high, first, last, at uint64
	}{
		{"the beginning", 0, deleteChunk + 5, deleteChunk + 6, n, deleteChunk + 5},
		{"the tail", deleteChunk - 3, n, 1, deleteChunk - 4, deleteChunk - 3},
		{"everything", 1, n, 0, 0, 9},
		{"nothing", n + 1, n + 9, 1, n, n + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(dir, lockWait)
			require.NoError(t, err)
			require.NoError(t, s.StoreLogs(entries(1, n, 1)))
			require.NoError(t, s.DeleteRange(c.low, c.high))
			require.ErrorIs(t, s.GetLog(c.at, new(raft.Log)), raft.ErrLogNotFound)
			require.NoError(t, s.Close())
			s = open(t, dir)
			require.Equal(t, []uint64{c.first, c.last}, []uint64{s.first.Load(), s.last.Load()})
		})
	}
	t.Run("the middle is refused", func(t *testing.T) {
		s := open(t, t.TempDir())
		require.NoError(t, s.StoreLogs(entries(1, 9, 1)))
		require.ErrorIs(t, s.DeleteRange(3, 5), ErrGap)
	})
}

func TestVotePair(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, lockWait)
	require.NoError(t, err)
	vote := func(term uint64, candidate string) {
		require.NoError(t, s.SetUint64([]byte(keyVoteTerm), term))
		require.NoError(t, s.Set([]byte(keyVoteCandidate), []byte(candidate)))
	}
	read := func() (uint64, string) {
		term, err := s.GetUint64([]byte(keyVoteTerm))
		require.NoError(t, err)
		candidate, err := s.Get([]byte(keyVoteCandidate))
		require.NoError(t, err)
		return term, string(candidate)
	}
	vote(2, "b")
	require.NoError(t, s.SetUint64([]byte(keyVoteTerm), 3)) // a crash here must leave the old pair
	term, candidate := read()
	require.EqualValues(t, 2, term)
	require.Equal(t, "b", candidate)
	require.NoError(t, s.Close())

	s, err = Open(dir, lockWait)
	require.NoError(t, err)
	term, candidate = read()
	require.EqualValues(t, 2, term)
	require.Equal(t, "b", candidate)
	vote(3, "c")
	term, candidate = read()
	require.EqualValues(t, 3, term)
	require.Equal(t, "c", candidate)
	require.NoError(t, s.Close())
}

func TestDamage(t *testing.T) {
	key := func(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }
	fill := func(t *testing.T) string {
		dir := t.TempDir()
		s, err := Open(dir, lockWait)
		require.NoError(t, err)
		require.NoError(t, s.StoreLogs(entries(1, 9, 1)))
		require.NoError(t, s.SetUint64([]byte("CurrentTerm"), 1))
		require.NoError(t, s.Close())
		return dir
	}
	t.Run("a changed entry names file and index", func(t *testing.T) {
		dir := fill(t)
		edit(t, dir, func(tx *bbolt.Tx) error {
			raw := append([]byte(nil), tx.Bucket(names().logs).Get(key(7))...)
			raw[len(raw)-1] ^= 1
			return tx.Bucket(names().logs).Put(key(7), raw)
		})
		err := open(t, dir).GetLog(7, new(raft.Log))
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, filepath.Join(dir, FileName))
		require.ErrorContains(t, err, "entry 7")
	})
	t.Run("an entry under another index is refused", func(t *testing.T) {
		dir := fill(t)
		edit(t, dir, func(tx *bbolt.Tx) error {
			logs := tx.Bucket(names().logs)
			return logs.Put(key(7), append([]byte(nil), logs.Get(key(8))...))
		})
		require.ErrorIs(t, open(t, dir).GetLog(7, new(raft.Log)), ErrCorrupt)
	})
	t.Run("a missing entry is refused when opening", func(t *testing.T) {
		dir := fill(t)
		edit(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(names().logs).Delete(key(4)) })
		_, err := Open(dir, lockWait)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, "entry 4")
	})
	t.Run("a changed term is refused", func(t *testing.T) {
		dir := fill(t)
		edit(t, dir, func(tx *bbolt.Tx) error {
			return tx.Bucket(names().stable).Put([]byte("CurrentTerm"), make([]byte, 12))
		})
		_, err := open(t, dir).GetUint64([]byte("CurrentTerm"))
		require.ErrorIs(t, err, ErrCorrupt)
	})
	t.Run("a newer version is named beside ours", func(t *testing.T) {
		dir := fill(t)
		edit(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(names().meta).Put(names().header, header(FormatVersion+1)) })
		_, err := Open(dir, lockWait)
		require.ErrorIs(t, err, ErrVersion)
		require.ErrorContains(t, err, fmt.Sprintf("version %d, this program reads up to %d", FormatVersion+1, FormatVersion))
		require.ErrorContains(t, err, filepath.Join(dir, FileName))
	})
	t.Run("a file cut short is corrupt", func(t *testing.T) {
		for _, size := range []int64{0, 100, 5000, 9000, 17000} {
			dir := fill(t)
			require.NoError(t, os.Truncate(filepath.Join(dir, FileName), size))
			_, err := Open(dir, lockWait)
			require.ErrorIs(t, err, ErrCorrupt, "cut to %d bytes", size)
		}
	})
	t.Run("inspect lists whole and damaged entries", func(t *testing.T) {
		dir := fill(t)
		edit(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(names().logs).Put(key(3), []byte("garbage")) })
		var whole, damaged []uint64
		report, err := Inspect(dir, func(item Item) error {
			if item.Err != nil {
				damaged = append(damaged, item.Index)
				return nil
			}
			whole = append(whole, item.Log.Index)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []uint64{3}, damaged)
		require.Equal(t, []uint64{1, 2, 4, 5, 6, 7, 8, 9}, whole)
		require.Equal(t, Report{
			Path: filepath.Join(dir, FileName), Version: 1, First: 1, Last: 9, CurrentTerm: 1, Corrupt: 1,
		}, report)
	})
}
