package state

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// notes is an index with vectors of model m1 on one node.
func notes(uuid, on string) CreateIndex {
	return CreateIndex{
		Name: "notes", UUID: uuid, CreatedMillis: 1, Replicas: 1, Shards: Layout(uuid, [][]string{{on}}),
		Schema: api.Schema{
			Fields: map[string]api.Field{"title": {Type: api.TypeText}, "lang": {Type: api.TypeKeyword}},
			Dense: &api.DenseConfig{
				Dims: 4, Fields: []string{"title"}, Model: "m1", Partition: "lang", Index: &api.VectorIndex{Kind: api.VectorFlat},
			},
		},
	}
}

// notes2 is another one, whose documents are split.
func notes2(uuid, on string) CreateIndex {
	c := notes(uuid, on)
	c.Name = "notes2"
	c.Schema.Passages = &api.PassageConfig{
		Field: "title", By: api.PassageBySentences, Unit: api.PassageCharacters, Size: 100, Overlap: 10,
	}
	return c
}

// begin begins a generation of an index with the field title.
func begin(name, uuid string, generation int, model string) BeginGeneration {
	return BeginGeneration{
		Name: name, UUID: uuid,
		Next: api.DenseConfig{Dims: 8, Fields: []string{"title"}, Model: model, Generation: generation},
		Operation: Operation{
			ID: fmt.Sprintf("reembed-%s-%d", uuid, generation), Kind: "reembed", State: OperationPending, Index: name,
		},
	}
}

func TestGenerations(t *testing.T) {
	start := func(t *testing.T) *script {
		s := cluster(t)
		s.changes(notes("u1", "n1"))
		return s
	}
	index := func(s *script) Index {
		x, ok := s.View().Index("notes")
		require.True(s.t, ok)
		return x
	}
	t.Run("begin, switch, forget", func(t *testing.T) {
		s := start(t)
		first := begin("notes", "u1", 1, "m2")
		s.changes(first)
		require.Equal(t, "m2", index(s).Next.Model)
		require.Equal(t, 0, index(s).Schema.Dense.Generation)
		_, noted := s.View().Operation(first.Operation.ID)
		require.True(t, noted)
		s.repeats(first)

		s.changes(SwitchGeneration{Name: "notes", UUID: "u1", Generation: 1})
		s.repeats(SwitchGeneration{Name: "notes", UUID: "u1", Generation: 1})
		require.Equal(t, "m2", index(s).Schema.Dense.Model)
		require.Nil(t, index(s).Next)
		require.Equal(t, []int{0}, index(s).Retired)
		require.Equal(t, []int{0, 1}, index(s).Generations())

		s.changes(ForgetGeneration{Name: "notes", UUID: "u1", Generation: 0})
		s.repeats(ForgetGeneration{Name: "notes", UUID: "u1", Generation: 0})
		s.repeats(ForgetGeneration{Name: "notes", UUID: "u1", Generation: 1})
		require.Equal(t, []int{1}, index(s).Generations())
	})
	t.Run("a generation that was cancelled leaves its number", func(t *testing.T) {
		s := start(t)
		s.changes(begin("notes", "u1", 1, "m2"))
		s.changes(CancelGeneration{Name: "notes", UUID: "u1", Generation: 1})
		s.repeats(CancelGeneration{Name: "notes", UUID: "u1", Generation: 1})
		require.Equal(t, []int{1}, index(s).Retired)
		s.refuses(SwitchGeneration{Name: "notes", UUID: "u1", Generation: 1}, ErrGeneration)
		again := begin("notes", "u1", 1, "m2")
		again.Operation.ID = "another"
		s.refuses(again, ErrGeneration)
		s.changes(begin("notes", "u1", 2, "m2"))
	})
	t.Run("what does not fit is refused", func(t *testing.T) {
		s := start(t)
		s.refuses(begin("notes", "u2", 1, "m2"), ErrIndexNotFound)
		s.refuses(begin("none", "u1", 1, "m2"), ErrIndexNotFound)
		s.refuses(begin("notes", "u1", 0, "m2"), ErrGeneration)
		s.refuses(begin("notes", "u1", 2, "m2"), ErrGeneration)
		s.refuses(SwitchGeneration{Name: "notes", UUID: "u1", Generation: 1}, ErrGeneration)
		s.refuses(CancelGeneration{Name: "notes", UUID: "u1", Generation: 0}, ErrGeneration)
		for _, wrong := range []func(*BeginGeneration){
			func(c *BeginGeneration) { c.Next.Dims = 0 },
			func(c *BeginGeneration) { c.Next.Dims = api.MaxDenseDims + 1 },
			func(c *BeginGeneration) { c.Next.Fields = nil },
			func(c *BeginGeneration) { c.Next.Fields = []string{"lang"} },
			func(c *BeginGeneration) { c.Next.Fields = []string{"title", "title"} },
			func(c *BeginGeneration) { c.Next.Fields = []string{"none"} },
			func(c *BeginGeneration) { c.Next.Model = "a\nb" },
			func(c *BeginGeneration) { c.Operation.ID = "../x" },
			func(c *BeginGeneration) { c.Operation.State = "fine" },
		} {
			c := begin("notes", "u1", 1, "m2")
			wrong(&c)
			s.refuses(c, ErrInvalid)
		}
		s.changes(begin("notes", "u1", 1, "m2"))
		s.refuses(begin("notes", "u1", 2, "m2"), ErrGeneration)
		s.changes(papers("u5", 1, []string{"n1"}))
		s.refuses(begin("papers", "u5", 1, "m2"), ErrInvalid)
	})
	t.Run("generations that can't be dropped are bounded", func(t *testing.T) {
		s := start(t)
		for i := range MaxRetired {
			s.changes(begin("notes", "u1", i+1, "m2"))
			s.changes(CancelGeneration{Name: "notes", UUID: "u1", Generation: i + 1})
		}
		s.refuses(begin("notes", "u1", MaxRetired+1, "m2"), ErrLimit)
		s.changes(ForgetGeneration{Name: "notes", UUID: "u1", Generation: 3})
		s.changes(begin("notes", "u1", MaxRetired+1, "m2"))
	})
	t.Run("an index begins with generation 0", func(t *testing.T) {
		s := cluster(t)
		c := notes("u1", "n1")
		c.Schema.Dense.Generation = 1
		s.refuses(c, ErrInvalid)
	})
	t.Run("nothing of it below its feature level", func(t *testing.T) {
		s := newScript(t)
		s.changes(FoundCluster{ClusterID: "c1", Level: LevelCluster})
		s.changes(RegisterNode{Node: node("n1")})
		s.refuses(notes("u1", "n1"), ErrLevel)
		s.changes(RaiseLevel{Level: LevelGenerations})
		s.changes(notes("u1", "n1"))
	})
}

func TestLeftovers(t *testing.T) {
	s := cluster(t)
	s.changes(notes("u1", "n1"))
	s.changes(begin("notes", "u1", 1, "m2"))
	s.changes(DeleteIndex{Name: "notes", UUID: "u1", Remote: true})
	require.Equal(t, []Leftover{{UUID: "u1", Name: "notes", Generations: []int{0, 1}}}, s.View().Leftovers())
	s.changes(notes("u2", "n1"))
	s.changes(DeleteIndex{Name: "notes", UUID: "u2"})
	s.changes(papers("u3", 1, []string{"n1"}))
	s.changes(DeleteIndex{Name: "papers", UUID: "u3", Remote: true})
	require.Len(t, s.View().Leftovers(), 1, "an index without vectors leaves nothing")
	s.repeats(ForgetLeftover{UUID: "u2"})
	s.changes(ForgetLeftover{UUID: "u1"})
	s.repeats(ForgetLeftover{UUID: "u1"})
	require.Empty(t, s.View().Leftovers())
}
