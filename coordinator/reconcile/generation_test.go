package reconcile

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sagasu/api"
	"sagasu/coordinator/state"
)

// notes is a cluster of one index with vectors, and a reconciler that stays.
type notes struct {
	*cluster
	uuid string
	loop *Reconciler
}

func newNotes(t testing.TB) *notes {
	c := newCluster(t, 1, 1, 1)
	n := &notes{cluster: c, uuid: fmt.Sprintf("%032x", 9)}
	c.must(state.CreateIndex{
		Name: "notes", UUID: n.uuid, Replicas: 1, Shards: state.Layout(n.uuid, [][]string{{"n0"}, {"n0"}}),
		Schema: api.Schema{
			Fields: map[string]api.Field{"title": {Type: api.TypeText}},
			Dense:  &api.DenseConfig{Dims: 2, Fields: []string{"title"}, Model: "m1"},
		},
	})
	n.loop = c.reconciler()
	return n
}

// begin begins the next generation, and gives its number.
func (n *notes) begin() int {
	x := n.index()
	generation := x.NextGeneration()
	n.must(state.BeginGeneration{
		Name: "notes", UUID: n.uuid,
		Next: api.DenseConfig{Dims: 4, Fields: []string{"title"}, Model: "m2", Generation: generation},
		Operation: state.Operation{
			ID: ReembedID(n.uuid, generation), Kind: KindReembed, State: state.OperationRunning, Index: "notes",
			CreatedMillis: n.now.UnixMilli(), UpdatedMillis: n.now.UnixMilli(),
		},
	})
	return generation
}

func (n *notes) index() state.Index {
	x, _ := n.View().Index("notes")
	return x
}

func (n *notes) operation(generation int) state.Operation {
	o, ok := n.View().Operation(ReembedID(n.uuid, generation))
	require.True(n.t, ok)
	return o
}

func (n *notes) turns(after time.Duration) error {
	n.now = n.now.Add(after)
	return n.loop.Turn(context.Background())
}

// has makes both shards tell of so many documents, those that wait and those that failed being in the first.
func (n *notes) has(there, waiting, failed int) {
	all := there + waiting + failed
	n.filled = []Filled{
		{Begun: true, Present: Vectors{There: all}, Next: Vectors{There: there, Waiting: waiting, Failed: failed}},
		{Begun: true, Present: Vectors{There: 10}, Next: Vectors{There: 10}},
	}
}

func TestReembed(t *testing.T) {
	n := newNotes(t)
	generation := n.begin()
	require.NoError(t, n.turns(time.Second))
	require.Contains(t, n.operation(generation).Error, "does not answer")

	n.has(10, 90, 0)
	require.NoError(t, n.turns(time.Second))
	o := n.operation(generation)
	require.Equal(t, state.OperationRunning, o.State)
	require.Equal(t, uint64(20), o.Done)
	require.Equal(t, uint64(110), o.Total)
	require.Empty(t, o.Error)
	n.has(50, 50, 0)
	require.NoError(t, n.turns(time.Second))
	require.Equal(t, uint64(20), n.operation(generation).Done, "progress is noted now and then")
	require.NoError(t, n.turns(progressEvery))
	require.Equal(t, uint64(60), n.operation(generation).Done)
	n.filled[0].Next.Trouble = "the service is away"
	require.NoError(t, n.turns(time.Second))
	require.Equal(t, "the service is away", n.operation(generation).Error)

	n.has(100, 0, 0)
	n.filled[1].Begun = false
	require.NoError(t, n.turns(time.Second))
	require.NotNil(t, n.index().Next, "a shard that has not begun has nothing")
	n.filled[1].Begun = true
	require.NoError(t, n.turns(time.Second))
	require.Nil(t, n.index().Next)
	require.Equal(t, "m2", n.index().Schema.Dense.Model)
	require.Equal(t, []int{0}, n.index().Retired)
	require.Equal(t, state.OperationRunning, n.operation(generation).State)

	// The shards still have the old generation; searches that use it are given time.
	n.filled[0].Others, n.unseen = []int{0}, true
	require.NoError(t, n.turns(time.Second))
	n.unseen = false
	require.NoError(t, n.turns(time.Second))
	require.NoError(t, n.turns(DefaultRest))
	require.Empty(t, n.dropped, "a shard may still write to it")
	n.filled[0].Others = nil
	require.NoError(t, n.turns(time.Second))
	require.Equal(t, []string{"0000 0"}, n.dropped)
	require.Empty(t, n.index().Retired)
	require.NoError(t, n.turns(time.Second))
	require.Equal(t, state.OperationDone, n.operation(generation).State)
	require.Equal(t, n.operation(generation).Total, n.operation(generation).Done)
	require.Empty(t, n.loop.dropping)
}

func TestReembedWhileWriting(t *testing.T) {
	n := newNotes(t)
	n.begin()
	n.has(90, 10, 0)
	n.filled[0].Present = Vectors{There: 95, Waiting: 5}
	require.NoError(t, n.turns(time.Second))
	require.NotNil(t, n.index().Next)
	n.filled[0].Next = Vectors{There: 95, Waiting: 5}
	require.NoError(t, n.turns(time.Second))
	require.Nil(t, n.index().Next)
}

func TestCancelledReembed(t *testing.T) {
	cancel := func(n *notes, generation int) {
		o := n.operation(generation)
		o.State, o.Error = state.OperationCancelling, ""
		n.must(state.PutOperation{Operation: o})
	}
	t.Run("while it is filled", func(t *testing.T) {
		n := newNotes(t)
		generation := n.begin()
		n.has(10, 90, 0)
		n.filled[0].Next.Trouble = "slow"
		require.NoError(t, n.turns(time.Second))
		cancel(n, generation)
		require.NoError(t, n.turns(time.Second))
		require.Equal(t, state.OperationCancelled, n.operation(generation).State)
		require.Empty(t, n.operation(generation).Error)
		require.Equal(t, []int{generation}, n.index().Retired)
		require.Equal(t, "m1", n.index().Schema.Dense.Model)
		for range 10 {
			require.NoError(t, n.turns(time.Second))
		}
		require.Equal(t, []string{"0000 1"}, n.dropped)
		require.Empty(t, n.index().Retired)
	})
	t.Run("when it was switched already", func(t *testing.T) {
		n := newNotes(t)
		generation := n.begin()
		n.has(100, 0, 0)
		require.NoError(t, n.turns(time.Second))
		cancel(n, generation)
		for range 10 {
			require.NoError(t, n.turns(time.Second))
		}
		require.Equal(t, state.OperationDone, n.operation(generation).State)
		require.Equal(t, "m2", n.index().Schema.Dense.Model)
	})
}

func TestFailedReembed(t *testing.T) {
	t.Run("a model that fails at many documents", func(t *testing.T) {
		n := newNotes(t)
		generation := n.begin()
		n.has(80, 10, 10)
		require.NoError(t, n.turns(time.Second))
		o := n.operation(generation)
		require.Equal(t, state.OperationFailed, o.State)
		require.Equal(t, "10 of 110 documents can't be embedded by the new model, 0 by the present one", o.Error)
		require.Equal(t, "m1", n.index().Schema.Dense.Model)
		require.Nil(t, n.index().Next)
	})
	t.Run("as many as before are no reason", func(t *testing.T) {
		n := newNotes(t)
		n.begin()
		n.has(90, 0, 10)
		n.filled[0].Present.Failed = 9
		require.NoError(t, n.turns(time.Second))
		require.Equal(t, "m2", n.index().Schema.Dense.Model)
	})
	t.Run("all of a few", func(t *testing.T) {
		require.True(t, tooManyFailed(Vectors{Failed: 3}, 0))
		require.False(t, tooManyFailed(Vectors{There: 9, Failed: 1}, 0))
		require.False(t, tooManyFailed(Vectors{There: 298, Failed: 4}, 0))
	})
	t.Run("the index is deleted", func(t *testing.T) {
		n := newNotes(t)
		generation := n.begin()
		n.must(state.DeleteIndex{Name: "notes", UUID: n.uuid, Remote: true})
		require.NoError(t, n.turns(time.Second))
		require.Equal(t, state.OperationCancelled, n.operation(generation).State)
		require.NoError(t, n.turns(DefaultRest))
		require.Equal(t, []string{"0000 0", "0000 1"}, n.dropped)
		require.Empty(t, n.View().Leftovers())
	})
	t.Run("a leader is lost before it could say why", func(t *testing.T) {
		n := newNotes(t)
		generation := n.begin()
		n.must(state.CancelGeneration{Name: "notes", UUID: n.uuid, Generation: generation})
		n.has(10, 0, 0)
		require.NoError(t, n.turns(time.Second))
		require.Equal(t, state.OperationFailed, n.operation(generation).State)
	})
}

func TestDropRetries(t *testing.T) {
	n := newNotes(t)
	n.must(state.DeleteIndex{Name: "notes", UUID: n.uuid, Remote: true})
	n.dropError, n.unseen = errors.New("milvus is away"), true
	told := 0
	for range 100 {
		if err := n.turns(time.Second); err != nil {
			require.ErrorContains(t, err, "milvus is away")
			told++
		}
	}
	require.Equal(t, 1, told, "the same trouble is told once")
	require.Len(t, n.View().Leftovers(), 1)
	n.dropError = nil
	for range 31 {
		require.NoError(t, n.turns(time.Second))
	}
	require.Empty(t, n.View().Leftovers())
	require.Equal(t, []string{"0000 0"}, n.dropped)
}

// TestReembedProperty lets leaders be lost between any two steps: each new one knows the metadata only.
func TestReembedProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := newNotes(t)
		wanted := rapid.SampledFrom([]string{"done", "cancelled", "failed"}).Draw(rt, "wanted")
		generation := n.begin()
		lost := errors.New("leader lost")
		fails := func(state.Change) error {
			if rapid.IntRange(0, 3).Draw(rt, "lost") == 0 {
				return lost
			}
			return nil
		}
		n.before, n.after = fails, fails
		n.has(10, 90, 0)
		turn := func() {
			if rapid.IntRange(0, 3).Draw(rt, "leader") == 0 {
				n.loop = n.reconciler()
			}
			if err := n.turns(time.Second); err != nil {
				require.ErrorIs(rt, err, lost)
			}
			x := n.index()
			require.True(rt, x.Next == nil || x.Schema.Dense.Generation == 0)
			for _, dropped := range n.dropped {
				require.NotEqual(rt, fmt.Sprintf("0000 %d", x.Schema.Dense.Generation), dropped)
			}
		}
		for range rapid.IntRange(0, 5).Draw(rt, "turns") {
			turn()
		}
		switch wanted {
		case "done":
			n.has(100, 0, 0)
		case "failed":
			n.has(50, 0, 50)
		case "cancelled":
			o := n.operation(generation)
			o.State, o.Error = state.OperationCancelling, ""
			_, err := n.apply(state.PutOperation{Operation: o})
			require.NoError(rt, err)
		}
		for range 50 {
			turn()
		}
		// Without further losses it comes to its end.
		n.before = func(state.Change) error { return nil }
		n.after = n.before
		for range 40 {
			turn()
		}
		require.Equal(rt, wanted, string(n.operation(generation).State))
		require.Nil(rt, n.index().Next)
		require.Empty(rt, n.index().Retired)
		model := map[bool]string{true: "m2", false: "m1"}[wanted == "done"]
		require.Equal(rt, model, n.index().Schema.Dense.Model)
	})
}
