package rediscache

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestValue(t *testing.T) {
	t.Run("comes back as it was", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			key := rapid.String().Draw(t, "key")
			value := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"), rapid.IntRange(1, 20).Draw(t, "times"))
			data := encodeValue(key, value)
			got, err := decodeValue(key, data)
			require.NoError(t, err)
			require.True(t, bytes.Equal(value, got))
			_, err = decodeValue(key+"x", data)
			require.ErrorIs(t, err, errDamaged)
		})
	})
	t.Run("is compressed if that pays", func(t *testing.T) {
		text := []byte(strings.Repeat("it was the best of times, ", 100))
		require.Less(t, len(encodeValue("k", text)), len(text)/4)
		noise := make([]byte, 4000)
		_, err := rand.Read(noise)
		require.NoError(t, err)
		require.Len(t, encodeValue("k", noise), headerBytes+len(noise))
	})
	t.Run("no bit may change and no byte be missing", func(t *testing.T) {
		for _, value := range [][]byte{[]byte("short"), []byte(strings.Repeat("long enough to be compressed ", 50))} {
			data := encodeValue("k", value)
			for i := range data {
				_, err := decodeValue("k", data[:i])
				require.ErrorIs(t, err, errDamaged)
				for bit := range 8 {
					changed := bytes.Clone(data)
					changed[i] ^= 1 << bit
					_, err := decodeValue("k", changed)
					require.ErrorIs(t, err, errDamaged)
				}
			}
		}
	})
}

func FuzzDecodeValue(f *testing.F) {
	f.Add("k", []byte("sg\x01\x00"))
	f.Add("k", encodeValue("k", []byte("value")))
	f.Add("k", encodeValue("k", bytes.Repeat([]byte("value"), 500)))
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		if len(data) >= headerBytes {
			// With the sum right, what follows is what is tried.
			fixed := bytes.Clone(data)
			fixed[0], fixed[1], fixed[2], fixed[3] = 's', 'g', valueVersion, data[3]&1
			s := sum(key, fixed)
			for i := range 8 {
				fixed[4+i] = byte(s >> (8 * i))
			}
			value, err := decodeValue(key, fixed)
			if err == nil && fixed[3] == formPlain {
				require.Equal(t, fixed[headerBytes:], value)
			}
			if err == nil && fixed[3] == formCompressed {
				n, lenErr := s2.DecodedLen(fixed[headerBytes:])
				require.NoError(t, lenErr)
				require.Len(t, value, n)
			}
		}
		value, err := decodeValue(key, data)
		if err != nil {
			require.ErrorIs(t, err, errDamaged)
			require.Nil(t, value)
		}
	})
}
