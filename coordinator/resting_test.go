package coordinator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
)

func TestResting(t *testing.T) {
	s := state.New()
	change := func(c state.Change) state.Index {
		payload, err := state.Encode(c)
		require.NoError(t, err)
		typ, version := state.Kind(c)
		r, err := s.Apply(state.Command{
			Index: s.View().Applied() + 1, Type: typ, Version: version, Payload: payload,
		})
		require.NoError(t, err)
		require.NoError(t, r.Err)
		return r.Index
	}
	change(state.FoundCluster{ClusterID: "c1", Level: state.Level})
	change(state.RegisterNode{Node: state.Node{
		ID: "n", Instance: "i", Roles: []state.Role{state.RoleShard}, Level: state.Level,
	}})
	dense := api.DenseConfig{Dims: 2, Fields: []string{"text"}, Model: "m1"}
	change(state.CreateIndex{
		Name: "papers", UUID: "u", Replicas: 1, Shards: state.Layout("u", [][]string{{"n"}}),
		Schema: api.Schema{Fields: map[string]api.Field{"text": {Type: api.TypeText}}, Dense: &dense},
	})
	next := dense
	next.Generation = 1
	change(state.BeginGeneration{Name: "papers", UUID: "u", Next: next, Operation: state.Operation{
		ID: reconcile.ReembedID("u", 1), Kind: reconcile.KindReembed, State: state.OperationRunning,
	}})
	x := change(state.SwitchGeneration{Name: "papers", UUID: "u", Generation: 1})
	require.Equal(t, []int{0}, x.Retired)

	r, now := newResting(), time.Unix(1000, 0)
	require.Equal(t, []int{0}, r.of(&x, now), "one that was not seen yet")
	r.look(s.View(), now)
	r.look(s.View(), now.Add(time.Second))
	require.Equal(t, []int{0}, r.of(&x, now.Add(-time.Second)))
	require.Empty(t, r.of(&x, now), "it has rested")
	x = change(state.ForgetGeneration{Name: "papers", UUID: "u", Generation: 0})
	r.look(s.View(), now.Add(time.Minute))
	require.Empty(t, r.of(&x, now))
	require.Empty(t, r.since)
}
