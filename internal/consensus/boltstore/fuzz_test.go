package boltstore

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

func FuzzEntry(f *testing.F) {
	for _, log := range entries(1, 3, 7) {
		raw, err := appendEntry(nil, log)
		require.NoError(f, err)
		f.Add(log.Index, raw)
	}
	f.Fuzz(func(t *testing.T, index uint64, raw []byte) {
		var log raft.Log
		if err := decodeEntry(index, raw, &log); err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			return
		}
		again, err := appendEntry(nil, &log)
		require.NoError(t, err)
		require.Equal(t, raw, again)
	})
}

// contents is all a store holds, or the error that says it can't be read.
func contents(dir string) (logs []raft.Log, term uint64, err error) {
	s, err := Open(dir, lockWait)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for i := s.first.Load(); i != 0 && i <= s.last.Load(); i++ {
		var log raft.Log
		if err := s.GetLog(i, &log); err != nil {
			return nil, 0, err
		}
		logs = append(logs, log)
	}
	if term, err = s.GetUint64([]byte("CurrentTerm")); err != nil {
		return nil, 0, err
	}
	return logs, term, s.SetUint64([]byte("CurrentTerm"), term+1)
}

// fileImage is a small log's file with the states it went through: damage to the newest meta page takes bbolt back
// by one transaction, which no checksum can tell from a torn write.
func fileImage(t testing.TB) (image []byte, states [][]raft.Log) {
	dir := t.TempDir()
	s, err := Open(dir, lockWait)
	require.NoError(t, err)
	require.NoError(t, s.SetUint64([]byte("CurrentTerm"), 1))
	for i := uint64(1); i <= 200; i += 50 {
		require.NoError(t, s.StoreLogs(entries(i, i+49, 1)))
	}
	require.NoError(t, s.StoreLogs(entries(201, 201, 1)))
	require.NoError(t, s.Close())
	image, err = os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)
	var all []raft.Log
	for _, log := range entries(1, 201, 1) {
		all = append(all, *log)
	}
	return image, [][]raft.Log{all, all[:200]}
}

func FuzzFile(f *testing.F) {
	image, states := fileImage(f)
	for _, at := range []uint32{8, 24, 4096 + 40, 3*4096 + 8, 5*4096 + 10, 6*4096 + 20, 7*4096 + 3000} {
		f.Add(at, byte(0xff), uint16(0))
	}
	f.Fuzz(func(t *testing.T, at uint32, flip byte, more uint16) { checkFlip(t, image, states, at, flip, more) })
}

func checkFlip(t *testing.T, image []byte, states [][]raft.Log, at uint32, flip byte, more uint16) {
	damaged := append([]byte(nil), image...)
	at %= uint32(len(damaged))
	damaged[at] ^= flip
	damaged[(at+uint32(more))%uint32(len(damaged))] ^= flip
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), damaged, 0o600))
	logs, term, err := contents(dir)
	if err != nil {
		require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrVersion), "%v", err)
		return
	}
	require.EqualValues(t, 1, term)
	require.True(t, reflect.DeepEqual(logs, states[0]) || reflect.DeepEqual(logs, states[1]),
		"byte %d changed by %#x went unnoticed", at, flip)
}

func TestFlippedBytes(t *testing.T) {
	const step = 163 // prime, to meet every offset of headers and elements over the pages
	image, states := fileImage(t)
	for at := uint32(3); at < min(uint32(len(image)), 16*4096); at += step {
		checkFlip(t, image, states, at, 0x41, 0)
	}
}
