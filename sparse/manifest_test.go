package sparse

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseManifest(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, testConfig(dir, testSchema(1.2, 0.75)))
	apply(t, x, 1, put("a", "one two"))
	flush(t, x)
	require.NoError(t, x.Close())
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	require.NoError(t, err)
	_, err = parseManifest(data)
	require.NoError(t, err)
	t.Run("version 0 is damage", func(t *testing.T) {
		bad := append([]byte(nil), data...)
		bad[8] = 0
		_, err := parseManifest(bad)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, "version 0")
	})
	t.Run("a newer version is told apart", func(t *testing.T) {
		newer := append([]byte(nil), data...)
		newer[8]++
		binary.LittleEndian.PutUint32(newer[16:], laterChecksum(newer))
		_, err := parseManifest(newer)
		require.ErrorIs(t, err, ErrNewerFormat)
	})
	t.Run("a version that rotted is damage, also beside other bits", func(t *testing.T) {
		for bit := range 8 * len(data) {
			bad := append([]byte(nil), data...)
			bad[8] ^= 1 << 7
			bad[bit/8] ^= 1 << (bit % 8)
			_, err := parseManifest(bad)
			if bit == 8*8+7 {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, ErrCorrupt, "bit %d", bit)
		}
	})
	t.Run("every bit that flips is found", func(t *testing.T) {
		bad := append([]byte(nil), data...)
		for bit := range 8 * len(bad) {
			bad[bit/8] ^= 1 << (bit % 8)
			_, err := parseManifest(bad)
			require.ErrorIs(t, err, ErrCorrupt, "bit %d", bit)
			bad[bit/8] ^= 1 << (bit % 8)
		}
	})
}
