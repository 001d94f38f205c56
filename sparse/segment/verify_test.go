package segment_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs"
	"sagasu/sparse/segment"
)

func unpaced(int) error { return nil }

// flipped is a file system whose file rots after it was mapped.
type flipped struct {
	vfs.FS
	data []byte
}

type held []byte

func (h held) Bytes() []byte { return h }
func (held) Close() error    { return nil }

func (f flipped) Map(string) (vfs.Mapping, error) { return held(f.data), nil }

func TestVerify(t *testing.T) {
	whole := fixture(t)
	open := func(t *testing.T) (*segment.Reader, []byte) {
		data := append([]byte(nil), whole...)
		r, err := segment.Open(flipped{data: data}, "rotting.seg", testShapes)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		return r, data
	}
	t.Run("a whole file passes and every section's bytes are paced", func(t *testing.T) {
		r, _ := open(t)
		read := 0
		require.NoError(t, r.Verify(context.Background(), func(n int) error { read += n; return nil }))
		require.Positive(t, read)
		require.Less(t, read, len(whole))
	})
	t.Run("every bit that flips after open is found, file named", func(t *testing.T) {
		r, data := open(t)
		for bit := range 8 * len(data) {
			data[bit/8] ^= 1 << (bit % 8)
			err := r.Verify(context.Background(), unpaced)
			require.ErrorIs(t, err, segment.ErrCorrupt, "bit %d", bit)
			require.ErrorContains(t, err, "rotting.seg")
			data[bit/8] ^= 1 << (bit % 8)
		}
		require.NoError(t, r.Verify(context.Background(), unpaced))
	})
	t.Run("every bit that flipped before is found by open", func(t *testing.T) {
		data := append([]byte(nil), whole...)
		for bit := range 8 * len(data) {
			data[bit/8] ^= 1 << (bit % 8)
			_, err := segment.Open(flipped{data: data}, "rotten.seg", testShapes)
			require.Error(t, err, "bit %d", bit)
			require.ErrorContains(t, err, "rotten.seg")
			require.ErrorIs(t, err, segment.ErrCorrupt, "bit %d", bit)
			data[bit/8] ^= 1 << (bit % 8)
		}
	})
	t.Run("a later version is told apart from one that rotted", func(t *testing.T) {
		data := append([]byte(nil), whole...)
		data[8] = 99
		_, err := segment.Open(flipped{data: data}, "newer.seg", testShapes)
		require.ErrorIs(t, err, segment.ErrCorrupt)
		foot := data[len(data)-24:]
		at, size := binary.LittleEndian.Uint64(foot), uint64(binary.LittleEndian.Uint32(foot[8:]))
		castagnoli := crc32.MakeTable(crc32.Castagnoli)
		sum := crc32.Update(crc32.Checksum(data[:16], castagnoli), castagnoli, data[at:at+size])
		binary.LittleEndian.PutUint32(foot[12:], sum)
		_, err = segment.Open(flipped{data: data}, "newer.seg", testShapes)
		require.ErrorIs(t, err, segment.ErrNewerFormat)
		require.ErrorContains(t, err, "version 99")
	})
	t.Run("a section is named in words", func(t *testing.T) {
		data := append([]byte(nil), whole...)
		foot := data[len(data)-24:]
		table := data[binary.LittleEndian.Uint64(foot):]
		seen := map[string]bool{}
		for range binary.LittleEndian.Uint32(foot[8:]) / 24 {
			at, size := binary.LittleEndian.Uint64(table[8:]), binary.LittleEndian.Uint64(table[16:])
			table = table[24:]
			if size == 0 {
				continue
			}
			data[at] ^= 1
			_, err := segment.Open(flipped{data: data}, "rotten.seg", testShapes)
			require.ErrorIs(t, err, segment.ErrCorrupt)
			require.NotContains(t, err.Error(), "section")
			seen[err.Error()] = true
			data[at] ^= 1
		}
		require.Contains(t, seen, "open segment rotten.seg: "+segment.ErrCorrupt.Error()+": checksum of ids")
		require.Contains(t, seen, "open segment rotten.seg: "+segment.ErrCorrupt.Error()+": checksum of postings of field 0")
	})
	t.Run("the pace and the context end it", func(t *testing.T) {
		r, _ := open(t)
		stop := errors.New("stop")
		require.ErrorIs(t, r.Verify(context.Background(), func(int) error { return stop }), stop)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, r.Verify(ctx, unpaced), context.Canceled)
	})
}
