package meta

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// access is one to where a node is: a change of its zone, or a look at it when there is no zone.
type access struct{ node, zone string }

// zones checks that changes and looks behave as if done one after the other.
func zones() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
			by := map[string][]porcupine.Operation{}
			for _, op := range history {
				key := op.Input.(access).node
				by[key] = append(by[key], op)
			}
			for _, part := range by {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return "" },
		Step: func(before, input, output any) (bool, any) {
			if zone := input.(access).zone; zone != "" {
				return true, zone
			}
			return output == before, before
		},
	}
}

// user changes and looks through one node, whatever becomes of the cluster.
type user struct {
	id     int
	source Source
	clock  *atomic.Int64
	ops    []porcupine.Operation
	failed int
}

func (u *user) run(ctx context.Context, seed uint64) {
	random := rand.New(rand.NewPCG(seed, uint64(u.id)))
	for i := 0; ctx.Err() == nil; i++ {
		a := access{node: fmt.Sprint("n-", random.IntN(2))}
		if random.IntN(2) == 0 {
			a.zone = fmt.Sprintf("%d-%d", u.id, i)
		}
		u.do(a)
		<-time.After(time.Duration(random.IntN(10)) * time.Millisecond)
	}
}

func (u *user) do(a access) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	op := porcupine.Operation{ClientId: u.id, Input: a, Call: u.clock.Add(1)}
	if a.zone != "" {
		change := node(a.node)
		change.Node.Zone = a.zone
		_, err := u.source.Propose(ctx, change)
		op.Return = u.clock.Add(1)
		if err != nil { // it may still be made, at any time
			u.failed++
			op.Return = math.MaxInt64
		}
		u.ops = append(u.ops, op)
		return
	}
	if err := u.source.Sync(ctx); err != nil {
		u.failed++
		return
	}
	n, _ := u.source.View().Node(a.node)
	op.Output, op.Return = n.Zone, u.clock.Add(1)
	u.ops = append(u.ops, op)
}

// Changes and synchronised looks are linearizable, through coordinators and a node that follows them, while leaders are
// cut off and come back.
func TestMetadataAreLinearizable(t *testing.T) {
	c := newCoordinators(t, "a", "b", "c")
	f := c.follow(t.TempDir(), c.ids...)
	defer f.Close()
	ctx, cancel := context.WithCancel(testContext(t))
	var clock atomic.Int64
	var running sync.WaitGroup
	var users []*user
	for i, s := range []Source{c.by["a"], c.by["b"], c.by["c"], f} {
		u := &user{id: i, source: s, clock: &clock}
		users = append(users, u)
		running.Go(func() { u.run(ctx, 1) })
	}
	for range 2 {
		<-time.After(500 * time.Millisecond)
		lost := c.leader()
		c.web.isolate(lost, true)
		require.NotEqual(t, lost, c.leader())
		<-time.After(500 * time.Millisecond)
		c.web.isolate(lost, false)
	}
	<-time.After(500 * time.Millisecond)
	cancel()
	running.Wait()
	var history []porcupine.Operation
	failed := 0
	for _, u := range users {
		require.NotEmpty(t, u.ops)
		history = append(history, u.ops...)
		failed += u.failed
	}
	t.Logf("%d operations, %d without an answer", len(history), failed)
	require.NotZero(t, failed, "nobody noticed that leaders were cut off")
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(zones(), history, time.Minute))
}
