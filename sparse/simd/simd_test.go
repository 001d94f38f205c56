package simd

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzReach(f *testing.F) {
	f.Add([]byte{1, 2, 255, 128, 127, 0, 3, 4, 5}, uint8(3))
	f.Add([]byte{}, uint8(0))
	random := rand.New(rand.NewPCG(1, 2))
	for _, least := range []uint8{0, 1, 127, 128, 200, 255} {
		values := make([]byte, Run)
		for i := range values {
			values[i] = uint8(random.UintN(256))
		}
		f.Add(values, least)
	}
	f.Fuzz(func(t *testing.T, values []byte, least uint8) {
		values = values[:min(len(values), Run)]
		var want Places
		for i, v := range values {
			if v >= least {
				want[i/64] |= 1 << (i % 64)
			}
		}
		var plain Places
		reachScalar(&plain, values, 0, least)
		require.Equal(t, want, plain)
		require.Equal(t, want, Reach(values, least))
		at := 0
		for i, v := range values {
			if v >= least {
				require.Equal(t, i, want.Next(at))
				at = i + 1
			}
		}
		require.Equal(t, Run, want.Next(at))
		require.Equal(t, at > 0, want.Any())
	})
}

func BenchmarkReach(b *testing.B) {
	values := make([]byte, Run)
	for i := range values {
		values[i] = uint8(i * 7)
	}
	for b.Loop() {
		if p := Reach(values, 250); !p.Any() {
			b.Fatal("none")
		}
	}
}
