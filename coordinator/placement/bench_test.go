package placement

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/coordinator/state"
)

func BenchmarkPlace(b *testing.B) {
	for _, size := range []struct{ nodes, shards int }{{10, 100}, {1000, 4096}} {
		b.Run(fmt.Sprintf("%d nodes, %d shards", size.nodes, size.shards), func(b *testing.B) {
			w := newWorld(b)
			for i := range size.nodes {
				w.join(fmt.Sprint("z", i%3), fmt.Sprint("n", i))
			}
			candidates := w.candidates()
			b.ReportAllocs()
			for b.Loop() {
				_, err := Place(w.view(), candidates, size.shards, 3)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkRepair(b *testing.B) {
	for _, down := range []string{"", "n0000"} {
		b.Run("100 nodes, 40960 shards, down "+down, func(b *testing.B) {
			w := newWorld(b)
			ids := make([]string, 100)
			for i := range ids {
				ids[i] = fmt.Sprintf("n%04d", i)
				w.join(fmt.Sprint("z", i%3), ids[i])
			}
			for i := range 10 {
				name := fmt.Sprint("i", i)
				nodes, err := Place(w.view(), w.candidates(), state.Slots, 3)
				require.NoError(b, err)
				w.apply(state.CreateIndex{Name: name, UUID: name, Replicas: 3, Shards: state.Layout(name, nodes)})
			}
			// Founding one by one would take longer than what is measured.
			w.found(b)
			if down != "" {
				w.down[down] = time.Hour
			}
			candidates := w.candidates()
			b.ReportAllocs()
			for b.Loop() {
				Repair(w.view(), candidates, grace)
			}
		})
	}
}

// found marks every shard as founded, through the encoding.
func (w *world) found(b *testing.B) {
	b.Helper()
	data, err := w.view().Encode()
	require.NoError(b, err)
	w.state, err = state.Decode(bytes.ReplaceAll(data, []byte(`"founded":false`), []byte(`"founded":true`)))
	require.NoError(b, err)
}
