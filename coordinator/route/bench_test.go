package route

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCall is what routing costs a call whose copy answers at once.
func BenchmarkCall(b *testing.B) {
	for _, copies := range []int{1, 3} {
		b.Run(fmt.Sprintf("%d copies", copies), func(b *testing.B) {
			c := newCluster(b, copies)
			b.ReportAllocs()
			for b.Loop() {
				_, err := c.search(b.Context())
				require.NoError(b, err)
			}
		})
	}
	b.Run("3 copies in parallel", func(b *testing.B) {
		c := newCluster(b, 3)
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if _, err := c.search(b.Context()); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
