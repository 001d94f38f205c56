package state

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// wideCluster is a cluster of 100 nodes with so many indexes of 8 fields and so many shards of 3 replicas.
func wideCluster(b *testing.B, indexes, shards int) *State {
	b.Helper()
	s := newScript(b)
	s.changes(FoundCluster{ClusterID: "c1", Level: Level})
	for i := range 100 {
		s.changes(RegisterNode{Node: node(fmt.Sprint("node-", i))})
	}
	for i := range indexes {
		c := CreateIndex{
			Name: fmt.Sprint("index-", i), UUID: fmt.Sprintf("%032x", i), Replicas: 3, CreatedMillis: 1_700_000_000_000,
			Schema: api.Schema{Fields: wide(8).Fields},
		}
		nodes := make([][]string, shards)
		for j := range nodes {
			for k := range 3 {
				nodes[j] = append(nodes[j], fmt.Sprint("node-", (i+j+k*33)%100))
			}
		}
		c.Shards = Layout(c.UUID, nodes)
		s.changes(c)
	}
	return s.State
}

func BenchmarkView(b *testing.B) {
	for _, size := range []struct{ indexes, shards int }{{100, 8}, {5000, 8}} {
		s := wideCluster(b, size.indexes, size.shards)
		name := fmt.Sprintf("%d indexes of %d shards/", size.indexes, size.shards)
		data, err := s.View().Encode()
		require.NoError(b, err)
		b.Run(name+"encode", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, err := s.View().Encode()
				require.NoError(b, err)
			}
		})
		b.Run(name+"hash", func(b *testing.B) {
			for b.Loop() {
				hash(b, s)
			}
		})
		b.Run(name+"decode", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, err := DecodeView(data)
				require.NoError(b, err)
			}
		})
		b.Run(name+"route a document", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x, _ := s.View().Resolve("index-42")
				if x.ShardFor(api.SlotOf("doc-00000001")).ID == "" {
					b.Fatal("no shard")
				}
			}
		})
		b.Run(name+"apply MarkFounded", func(b *testing.B) {
			// Which shard makes no difference; a state that is gone back to makes each a change.
			payload, err := Encode(MarkFounded{Shard: ShardID(fmt.Sprintf("%032x", 42), 0)})
			require.NoError(b, err)
			before := s.View()
			b.ReportAllocs()
			for b.Loop() {
				r, err := newState(before).Apply(Command{
					Index: before.Applied() + 1, Type: TypeMarkFounded, Version: 1, Payload: payload,
				})
				require.NoError(b, err)
				require.True(b, r.Changed)
			}
		})
		b.Run(name+"apply CreateIndex", func(b *testing.B) {
			payload, err := Encode(CreateIndex{
				Name: "more", UUID: "more", Replicas: 1, Shards: Layout("more", [][]string{{"node-1"}}),
			})
			require.NoError(b, err)
			before := s.View()
			for b.Loop() {
				_, err := newState(before).Apply(Command{
					Index: before.Applied() + 1, Type: TypeCreateIndex, Version: 2, Payload: payload,
				})
				require.NoError(b, err)
			}
		})
		b.Run(name+"shards on a node", func(b *testing.B) {
			for b.Loop() {
				require.NotEmpty(b, s.View().ShardsOn("node-1"))
			}
		})
	}
}
