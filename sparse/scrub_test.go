package sparse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs/vfstest"
	"sagasu/sparse/segment"
)

func unpaced(int) error { return nil }

func TestScrub(t *testing.T) {
	start := func(t *testing.T) (*Index, string) {
		dir := t.TempDir()
		x := openTest(t, testConfig(dir, testSchema(1.2, 0.75)))
		apply(t, x, 1, put("a", "one two"), put("b", "two three"))
		flush(t, x)
		t.Cleanup(func() { _ = x.Close() })
		return x, dir
	}
	segmentOf := func(t *testing.T, dir string) string {
		names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		require.NoError(t, err)
		require.Len(t, names, 1)
		return names[0]
	}
	t.Run("an index that is whole passes, an empty one too", func(t *testing.T) {
		x, _ := start(t)
		read := 0
		require.NoError(t, x.Scrub(context.Background(), func(n int) error { read += n; return nil }))
		require.Positive(t, read)
		require.NoError(t, x.Err())
		empty := openTest(t, testConfig(t.TempDir(), testSchema(1.2, 0.75)))
		require.NoError(t, empty.Scrub(context.Background(), unpaced))
		require.NoError(t, empty.Close())
	})
	t.Run("a segment that rots in use fails the index and is named", func(t *testing.T) {
		x, dir := start(t)
		path := segmentOf(t, dir)
		vfstest.Flip(t, path)
		err := x.Scrub(context.Background(), unpaced)
		require.ErrorIs(t, err, segment.ErrCorrupt)
		require.ErrorContains(t, err, path)
		<-x.Failed()
		require.ErrorIs(t, x.Err(), segment.ErrCorrupt)
	})
	t.Run("a manifest that rots fails the index and is named", func(t *testing.T) {
		x, dir := start(t)
		vfstest.Flip(t, filepath.Join(dir, manifestName))
		err := x.Scrub(context.Background(), unpaced)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, manifestName)
		require.ErrorIs(t, x.Err(), ErrCorrupt)
	})
	t.Run("what rotted is not merged into a file that is whole", func(t *testing.T) {
		x, dir := start(t)
		path := segmentOf(t, dir)
		apply(t, x, 2, put("c", "three"))
		flush(t, x)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		before, err := os.ReadFile(filepath.Join(dir, manifestName))
		require.NoError(t, err)
		refused := 0
		for at := 0; at < len(data); at += 7 {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteAt([]byte{data[at] ^ 1}, int64(at))
			require.NoError(t, err)
			held, err := x.holdDurable()
			require.NoError(t, err)
			require.Len(t, held.segments, 2)
			err = x.merge(held.segments)
			require.True(t, Damaged(err), "byte %d: %v", at, err)
			refused++
			_, err = f.WriteAt(data[at:at+1], int64(at))
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
		require.Positive(t, refused)
		after, err := os.ReadFile(filepath.Join(dir, manifestName))
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
	t.Run("being ended does no harm", func(t *testing.T) {
		x, _ := start(t)
		stop := errors.New("stop")
		require.ErrorIs(t, x.Scrub(context.Background(), func(int) error { return stop }), stop)
		require.NoError(t, x.Err())
		apply(t, x, 2, put("c", "three"))
		require.Equal(t, []string{"c", "b"}, titles(t, x, "three"))
		require.NoError(t, x.Close())
		require.ErrorIs(t, x.Scrub(context.Background(), unpaced), ErrClosed)
	})
}

// rotAll overwrites what lies at a stretch of a file, in place.
func rotAll(t *testing.T, path string, at, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, int(size)), at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// Every section of a segment in use is overwritten in turn: what a search or a read can't decode fails the index.
func TestDamageMetInUse(t *testing.T) {
	meet := func(t *testing.T, section int) (more, met bool) {
		dir := t.TempDir()
		x := openTest(t, testConfig(dir, testSchema(1.2, 0.75)))
		defer func() { _ = x.Close() }()
		var batch []api.Write
		for i := range 700 {
			batch = append(batch, put(fmt.Sprintf("%03d", i), fmt.Sprintf("one two number%d", i%7)))
		}
		apply(t, x, 1, batch...)
		flush(t, x)
		names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		require.NoError(t, err)
		data, err := os.ReadFile(names[0])
		require.NoError(t, err)
		foot := data[len(data)-24:]
		table := data[binary.LittleEndian.Uint64(foot):][:binary.LittleEndian.Uint32(foot[8:])]
		if 24*section >= len(table) {
			return false, false
		}
		at, size := binary.LittleEndian.Uint64(table[24*section+8:]), binary.LittleEndian.Uint64(table[24*section+16:])
		rotAll(t, names[0], int64(at), int64(size))
		s := x.Snapshot()
		defer s.Release()
		_, searched := s.Search(context.Background(), Request{Query: &api.Match{
			Fields: []api.FieldBoost{{Field: "title", Boost: 1}}, Text: "one number3", Operator: api.OperatorAnd, Boost: 1,
		}, K: 10})
		_, _, read := s.Get("003")
		if Damaged(searched) || Damaged(read) {
			require.ErrorIs(t, x.Err(), segment.ErrCorrupt, "section %d", section)
			<-x.Failed()
			return true, true
		}
		require.NoError(t, x.Err())
		return true, false
	}
	found := 0
	for section := 0; ; section++ {
		more, met := meet(t, section)
		if !more {
			break
		}
		if met {
			found++
		}
	}
	require.GreaterOrEqual(t, found, 2, "sections of which a search or a read finds the damage")
}
