package segment

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestColumn(t *testing.T) {
	t.Run("gives what was packed", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			bits := rapid.IntRange(0, 64).Draw(t, "bits")
			base := rapid.SampledFrom([]uint64{0, 1, 1 << 40}).Draw(t, "base")
			value := rapid.Uint64Range(0, 1<<bits-1)
			values := rapid.SliceOfN(value, 0, 300).Draw(t, "values")
			for i := range values {
				values[i] += base // which may wrap
			}
			section := packColumn(values)
			c, ok := openColumn(section, uint64(len(values)))
			require.True(t, ok)
			for i, v := range values {
				require.Equal(t, v, c.at(uint32(i)))
			}
			_, ok = openColumn(section, uint64(len(values))+100)
			require.Equal(t, c.width == 0, ok)
		})
	})
	t.Run("refuses widths and sizes that were not packed", func(t *testing.T) {
		section := packColumn([]uint32{1, 2, 3})
		for _, width := range []byte{3, 57, 63, 65, 255} {
			section[8] = width
			_, ok := openColumn(section, 3)
			require.False(t, ok, width)
		}
		_, ok := openColumn(nil, 0)
		require.False(t, ok)
		_, ok = openColumn(section, 1<<40)
		require.False(t, ok)
	})
	t.Run("reads whole numbers of format 1", func(t *testing.T) {
		c, ok := wholeColumn(appendWords(nil, []uint32{5, 1 << 31}), 2, 4)
		require.True(t, ok)
		require.Equal(t, []uint64{5, 1 << 31}, []uint64{c.at(0), c.at(1)})
		c, ok = wholeColumn(binary.LittleEndian.AppendUint64(nil, 1<<63), 1, 8)
		require.True(t, ok)
		require.Equal(t, uint64(1<<63), c.at(0))
		_, ok = wholeColumn(make([]byte, 9), 2, 4)
		require.False(t, ok)
	})
}

func TestIDTable(t *testing.T) {
	for _, docs := range []uint32{0, 1, 2, 3, 1000, 70_000} {
		id := func(doc uint32) string { return fmt.Sprint("id", doc) }
		table := newIDTable(docs)
		for doc := range docs {
			table.add(doc, xxhash.Sum64String(id(doc)))
		}
		asked := 0
		is := func(doc uint32) string { asked++; return id(doc) }
		for doc := range docs {
			got, ok := table.find(id(doc), docs, is)
			require.True(t, ok)
			require.Equal(t, doc, got)
		}
		require.LessOrEqual(t, asked, int(docs)+int(docs)/100, "ids looked at in vain")
		for doc := docs; doc < docs+1000; doc++ {
			_, ok := table.find(id(doc), docs, is)
			require.False(t, ok)
		}
	}
}
