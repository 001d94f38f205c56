package segment_test

import (
	"context"
	"errors"
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
	t.Run("every bit that flipped before is found by open or verify", func(t *testing.T) {
		unread := 0
		for bit := range 8 * len(whole) {
			data := append([]byte(nil), whole...)
			data[bit/8] ^= 1 << (bit % 8)
			r, err := segment.Open(flipped{data: data}, "rotten.seg", testShapes)
			if err != nil {
				continue
			}
			unread++
			require.ErrorIs(t, r.Verify(context.Background(), unpaced), segment.ErrCorrupt, "bit %d", bit)
			require.NoError(t, r.Close())
		}
		t.Logf("%d of %d bits are seen by Verify alone", unread, 8*len(whole))
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
