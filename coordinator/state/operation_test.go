package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// level3 is a script with three nodes and a founded shard "u1-0" on n1 and n2.
func level3(t *testing.T) *script {
	s := newScript(t)
	s.changes(FoundCluster{ClusterID: "c1", Level: Level})
	for _, id := range []string{"n1", "n2", "n3"} {
		s.changes(RegisterNode{Node: node(id)})
	}
	s.changes(papers("u1", 2, []string{"n1", "n2"}))
	s.changes(MarkFounded{Shard: "u1-0"})
	return s
}

func running(id string) Operation {
	return Operation{ID: id, Kind: "move", State: OperationRunning, CreatedMillis: 1, UpdatedMillis: 1, StartedMillis: 1}
}

func (s *script) operation(id string) Operation {
	o, ok := s.View().Operation(id)
	require.True(s.t, ok)
	return o
}

func TestSteer(t *testing.T) {
	steer := func(id string, action Steering, by string) SteerOperation {
		return SteerOperation{ID: id, Action: action, By: by, Millis: 50}
	}
	begun := func(t *testing.T) *script {
		s := level3(t)
		part := running("part")
		part.Parent, part.State, part.StartedMillis = "whole", OperationPending, 0
		s.changes(BeginOperations{Operations: []Operation{running("whole"), part}})
		s.repeats(BeginOperations{Operations: []Operation{running("whole"), part}})
		return s
	}
	t.Run("parts go with the whole", func(t *testing.T) {
		s := begun(t)
		s.changes(steer("whole", SteerPause, "ann"))
		s.repeats(steer("whole", SteerPause, "ann"))
		require.Equal(t, OperationPaused, s.operation("part").State)
		require.Equal(t, "ann", s.operation("part").PausedBy)
		require.EqualValues(t, 50, s.operation("part").UpdatedMillis)
		s.changes(steer("whole", SteerResume, "bob"))
		require.Equal(t, OperationPending, s.operation("part").State)
		require.Equal(t, OperationRunning, s.operation("whole").State)
		require.Empty(t, s.operation("whole").PausedBy)
		s.changes(steer("whole", SteerCancel, "bob"))
		s.repeats(steer("whole", SteerCancel, "bob"))
		require.Equal(t, OperationCancelling, s.operation("part").State)
		s.refuses(steer("part", SteerPause, "bob"), ErrInvalid)
	})
	t.Run("a part alone", func(t *testing.T) {
		s := begun(t)
		s.changes(steer("part", SteerPause, "ann"))
		require.Equal(t, OperationRunning, s.operation("whole").State)
		s.changes(SteerOperation{ID: "part", Action: SteerThrottle, Throttle: 7, By: "ann"})
		require.EqualValues(t, 7, s.operation("part").Throttle)
	})
	t.Run("progress undoes no wish", func(t *testing.T) {
		s := begun(t)
		s.changes(steer("whole", SteerPause, "ann"))
		s.changes(SteerOperation{ID: "whole", Action: SteerThrottle, Throttle: 7, By: "ann"})
		o := running("whole")
		o.Bytes, o.Throttle, o.RequestedBy = 5, 9, "mallory"
		s.changes(PutOperation{Operation: o})
		got := s.operation("whole")
		require.Equal(t, OperationPaused, got.State)
		require.EqualValues(t, 5, got.Bytes)
		require.EqualValues(t, 7, got.Throttle)
		require.Empty(t, got.RequestedBy)
		o.State = OperationDone
		s.changes(PutOperation{Operation: o})
		require.Equal(t, OperationDone, s.operation("whole").State)
		require.Empty(t, s.operation("whole").PausedBy)
		s.refuses(steer("whole", SteerPause, "ann"), ErrOperationEnded)
	})
	t.Run("a pause by itself gives way to a user's", func(t *testing.T) {
		s := begun(t)
		s.changes(steer("whole", SteerPause, Automatic))
		s.changes(steer("whole", SteerPause, "ann"))
		s.repeats(steer("whole", SteerPause, Automatic))
		s.repeats(steer("whole", SteerResume, Automatic))
		require.Equal(t, OperationPaused, s.operation("whole").State)
		s.changes(steer("whole", SteerResume, "ann"))
		s.changes(steer("whole", SteerPause, Automatic))
		s.changes(steer("whole", SteerResume, Automatic))
		require.Equal(t, OperationRunning, s.operation("whole").State)
	})
	t.Run("refused", func(t *testing.T) {
		s := begun(t)
		s.refuses(steer("none", SteerPause, "ann"), ErrOperationNotFound)
		s.refuses(steer("whole", "explode", "ann"), ErrInvalid)
		s.refuses(steer("whole", SteerPause, strings.Repeat("a", MaxNameBytes+1)), ErrInvalid)
		stray := running("stray")
		s.refuses(BeginOperations{Operations: []Operation{running("other"), stray}}, ErrInvalid)
		s.refuses(BeginOperations{}, ErrInvalid)
		var many []Operation
		for i := range MaxTogether + 1 {
			many = append(many, running(fmt.Sprint("m", i)))
		}
		s.refuses(BeginOperations{Operations: many}, ErrInvalid)
	})
	t.Run("version 1 knows nothing of it", func(t *testing.T) {
		s := level3(t)
		payload, err := Encode(PutOperation{Operation: running("o")})
		require.NoError(t, err)
		_, err = s.Apply(Command{Index: 100, Type: TypePutOperation, Version: 1, Payload: payload})
		require.ErrorIs(t, err, ErrCommand)
		payload, err = Encode(PutSetting{Key: SettingMoveParallel, Value: "3"})
		require.NoError(t, err)
		r, err := s.Apply(Command{Index: 101, Type: TypePutSetting, Version: 1, Payload: payload})
		require.NoError(t, err)
		require.ErrorIs(t, r.Err, ErrSetting)
	})
}

func TestMove(t *testing.T) {
	begin := func(from, to string) BeginMove {
		return BeginMove{Shard: "u1-0", Epoch: 1, From: from, To: to, Operation: running("m")}
	}
	shard := func(s *script) Shard {
		_, x, _ := s.View().Shard("u1-0")
		return x
	}
	switching, ending := SwitchMove{Shard: "u1-0", Operation: "m"}, EndMove{Shard: "u1-0", Operation: "m"}
	reverting := RevertMove{Shard: "u1-0", Operation: "m"}

	t.Run("step by step", func(t *testing.T) {
		s := level3(t)
		s.changes(begin("n1", "n3"))
		s.repeats(begin("n1", "n3"))
		require.Equal(t, []string{"n1", "n2"}, shard(s).Nodes)
		require.Equal(t, []string{"n1", "n2", "n3"}, shard(s).Members())
		require.EqualValues(t, 1, shard(s).Epoch)
		require.Len(t, s.View().ShardsOn("n3"), 1)
		s.refuses(SetReplicas{Shard: "u1-0", Epoch: 1, Nodes: []string{"n1"}}, ErrMoving)
		s.refuses(BeginMove{Shard: "u1-0", Epoch: 1, From: "n2", Operation: running("m2")}, ErrMoving)
		s.refuses(ending, ErrInvalid)
		s.changes(switching)
		s.repeats(switching)
		require.Equal(t, []string{"n3", "n2"}, shard(s).Nodes)
		require.Equal(t, []string{"n3", "n2", "n1"}, shard(s).Members())
		require.EqualValues(t, 2, shard(s).Epoch)
		s.changes(ending)
		require.Equal(t, []string{"n3", "n2"}, shard(s).Members())
		s.refuses(ending, ErrNoMove)
	})
	t.Run("back before the switch", func(t *testing.T) {
		s := level3(t)
		s.changes(begin("n1", "n3"))
		s.changes(reverting)
		require.Equal(t, []string{"n1", "n2"}, shard(s).Members())
		require.EqualValues(t, 1, shard(s).Epoch)
	})
	t.Run("back after the switch", func(t *testing.T) {
		s := level3(t)
		s.changes(begin("n1", "n3"))
		s.changes(switching)
		s.changes(reverting)
		s.repeats(reverting)
		require.Equal(t, []string{"n1", "n2"}, shard(s).Nodes)
		require.Equal(t, []string{"n1", "n2", "n3"}, shard(s).Members())
		require.EqualValues(t, 3, shard(s).Epoch)
		s.changes(ending)
		require.Equal(t, []string{"n1", "n2"}, shard(s).Members())
	})
	t.Run("one more, one less", func(t *testing.T) {
		s := level3(t)
		s.changes(begin("", "n3"))
		s.changes(switching)
		require.Nil(t, shard(s).Move)
		require.Equal(t, []string{"n1", "n2", "n3"}, shard(s).Nodes)
		less := begin("n1", "")
		less.Epoch, less.Operation.ID = 2, "less"
		s.changes(less)
		require.Equal(t, []string{"n2", "n3"}, shard(s).Nodes)
		require.Equal(t, []string{"n2", "n3", "n1"}, shard(s).Members())
		s.changes(RevertMove{Shard: "u1-0", Operation: "less"})
		require.Equal(t, []string{"n2", "n3", "n1"}, shard(s).Nodes)
		require.Nil(t, shard(s).Move)
	})
	t.Run("refused", func(t *testing.T) {
		s := level3(t)
		s.refuses(begin("n3", "n1"), ErrInvalid)
		s.refuses(begin("n1", "n1"), ErrInvalid)
		s.refuses(begin("n1", "n2"), ErrInvalid)
		s.refuses(begin("", ""), ErrInvalid)
		s.refuses(begin("n1", "n9"), ErrNodeNotFound)
		stale := begin("n1", "n3")
		stale.Epoch = 7
		s.refuses(stale, ErrEpoch)
		s.refuses(switching, ErrNoMove)
		s.refuses(SwitchMove{Shard: "none"}, ErrShardNotFound)
		s.changes(RegisterNode{Node: node("n4")})
		s.changes(StartDrain{
			Node: "n3", Instance: "i-n3", Operation: running("d"), Drain: Drain{Mode: DrainRemove, Operation: "d"},
		})
		s.refuses(begin("n1", "n3"), ErrNodeNotFound)
		s.changes(PutOperation{Operation: Operation{ID: "m", Kind: "move", State: OperationCancelled}})
		s.refuses(begin("n1", "n4"), ErrOperationEnded)
		require.Nil(t, shard(s).Move)
	})
	t.Run("a node that was removed is known until the move leaves it", func(t *testing.T) {
		s := level3(t)
		s.changes(begin("n1", "n3"))
		s.changes(RemoveNode{ID: "n3", Instance: "i-n3", Force: true})
		_, known := s.View().Node("n3")
		require.True(t, known)
		s.changes(reverting)
		_, known = s.View().Node("n3")
		require.False(t, known)
	})
}

func TestDrain(t *testing.T) {
	drain := func(id string, mode DrainMode, since, until int64) StartDrain {
		return StartDrain{
			Node: id, Instance: "i-" + id, Operation: running("d" + id),
			Drain: Drain{Mode: mode, Operation: "d" + id, SinceMillis: since, UntilMillis: until},
		}
	}
	holds := func(s *script, id string) (holds, keeps bool) {
		n, _ := s.View().Node(id)
		return n.HoldsReplicas(), n.KeepsReplicas()
	}
	s := level3(t)
	s.changes(drain("n1", DrainRestart, 10, 20))
	s.repeats(drain("n1", DrainRestart, 10, 20))
	gets, keeps := holds(s, "n1")
	require.False(t, gets)
	require.True(t, keeps)
	s.repeats(RegisterNode{Node: node("n1")})
	s.refuses(drain("n2", DrainRestart, 19, 30), ErrDraining)
	s.changes(drain("n2", DrainRestart, 20, 30)) // the first one's time is over
	s.repeats(EndDrain{Node: "n1", Operation: "other"})
	s.changes(EndDrain{Node: "n1", Operation: "dn1"})
	s.repeats(EndDrain{Node: "n1", Operation: "dn1"})
	again := drain("n2", DrainRemove, 40, 0)
	again.Drain.Operation, again.Operation.ID = "x", "x"
	s.changes(again)
	gets, keeps = holds(s, "n2")
	require.False(t, gets || keeps)
	s.refuses(drain("n3", DrainRestart, 99, 100), ErrDraining)
	s.refuses(EndDrain{Node: "n9"}, ErrNodeNotFound)

	t.Run("in one zone", func(t *testing.T) {
		s := level3(t)
		for _, id := range []string{"n1", "n2"} {
			n := node(id)
			n.Zone = "z1"
			s.changes(RegisterNode{Node: n})
		}
		s.changes(drain("n1", DrainRestart, 10, 20))
		s.changes(drain("n2", DrainRestart, 10, 20))
		s.refuses(drain("n3", DrainRestart, 10, 20), ErrDraining)
	})
	t.Run("refused", func(t *testing.T) {
		s := level3(t)
		s.refuses(drain("n9", DrainRestart, 10, 20), ErrNodeNotFound)
		other := drain("n1", DrainRestart, 10, 20)
		other.Instance = "x"
		s.refuses(other, ErrNodeInstance)
		s.refuses(drain("n1", "nap", 10, 20), ErrInvalid)
		s.refuses(drain("n1", DrainRestart, 10, 10), ErrInvalid)
		s.refuses(drain("n1", DrainRemove, 10, 20), ErrInvalid)
		nameless := drain("n1", DrainRemove, 10, 0)
		nameless.Drain.Operation = ""
		s.refuses(nameless, ErrInvalid)
	})
}
