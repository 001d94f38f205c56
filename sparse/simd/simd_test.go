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
				require.Equal(t, i, Next(values, at, least))
				at = i + 1
			}
		}
		require.Equal(t, Run, want.Next(at))
		require.Equal(t, len(values), Next(values, at, least))
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

// packed makes what Unpack reads.
func packed(values *[Run]uint32, width uint) []uint32 {
	out := make([]uint32, Lanes*width)
	for i, v := range values {
		for bit := range width {
			at := uint(i/Lanes)*width + bit
			out[at/32*Lanes+uint(i%Lanes)] |= v >> bit & 1 << (at % 32)
		}
	}
	return out
}

func FuzzUnpack(f *testing.F) {
	for width := range uint(32) {
		f.Add(uint64(width), width, uint32(1000))
	}
	f.Fuzz(func(t *testing.T, seed uint64, width uint, next uint32) {
		width %= 32
		random := rand.New(rand.NewPCG(seed, 1))
		var values, plain, found [Run]uint32
		for i := range values {
			values[i] = random.Uint32() & (1<<width - 1)
		}
		src := packed(&values, width)
		unpackScalar(&plain, src, width)
		require.Equal(t, values, plain)
		Unpack(&found, src, width)
		require.Equal(t, values, found)

		n := random.IntN(Run + 1)
		want := make([]uint32, n)
		for i, at := 0, next; i < n; i++ {
			want[i] = at + values[i]
			at = want[i] + 1
		}
		addUpScalar(plain[:n], next)
		require.Equal(t, want, append([]uint32{}, plain[:n]...))
		AddUp(found[:n], next)
		require.Equal(t, want, append([]uint32{}, found[:n]...))
	})
}

func BenchmarkUnpack(b *testing.B) {
	var values [Run]uint32
	for i := range values {
		values[i] = uint32(i*7) & 127
	}
	src := packed(&values, 7)
	for b.Loop() {
		Unpack(&values, src, 7)
		AddUp(values[:], 9)
	}
}
