package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

// operation is an append, or a read when its payload is empty.
type operation struct{ payload string }

// view is what an operation sees: for an append its result, for a read the number of commands and the last one.
type view string

// history checks that appends and reads look as if done one after the other: a command applied twice, or a read of old
// state, fits nowhere.
func history() porcupine.Model {
	type state struct {
		n    int
		last string
	}
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(before, input, output any) (bool, any) {
			s, op := before.(state), input.(operation)
			if op.payload != "" {
				s = state{s.n + 1, op.payload}
			}
			return output == view(fmt.Sprintf("%d:%s", s.n, s.last)), s
		},
	}
}

// client works against whoever leads. It repeats an append whose outcome is unknown with the same key.
type client struct {
	c     *cluster
	id    int
	clock *atomic.Int64
	ops   []porcupine.Operation
}

func (cl *client) do(n int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, uint64(cl.id)))
	for i := range n {
		op := operation{}
		if random.IntN(2) == 0 {
			op.payload = fmt.Sprintf("%d-%d", cl.id, i)
		}
		called := cl.clock.Add(1)
		saw := cl.repeat(op, uint64(i+1))
		cl.ops = append(cl.ops, porcupine.Operation{
			ClientId: cl.id, Input: op, Output: saw, Call: called, Return: cl.clock.Add(1),
		})
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
	}
}

func (cl *client) repeat(op operation, sequence uint64) view {
	p := command(op.payload)
	p.Key[0] = byte(cl.id + 1)
	binary.BigEndian.PutUint64(p.Key[8:], sequence)
	for {
		for i, g := range cl.c.groups {
			if !g.IsLeader() {
				continue
			}
			if op.payload == "" {
				if g.ReadBarrier(cl.c.t.Context()) == nil {
					return cl.c.machines[i].look()
				}
				continue
			}
			result, _, err := g.Propose(cl.c.t.Context(), p)
			if err == nil {
				return view(result.(string))
			}
			if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNotLeader) {
				cl.c.t.Errorf("propose: %v", err)
				return ""
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (j *journal) look() view {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.applied) == 0 {
		return "0:"
	}
	return view(fmt.Sprintf("%d:%s", len(j.applied), j.applied[len(j.applied)-1].Payload))
}

func TestLinearizable(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprintf("with leaders lost, seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, func(_ int, cfg *Config) { cfg.HashEvery = 16 })
				checkHistory(t, c, seed, c.isolate, c.connect)
			})
		})
		t.Run(fmt.Sprintf("with nodes suspected and leadership handed over, seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh(t, func(_ int, cfg *Config) { cfg.HashEvery = 16 })
				m.web.slow(time.Millisecond)
				m.check(t, seed)
			})
		})
	}
}

// check cuts nodes off, has the others suspect them, rightly or not, and hands leadership over without being asked.
func (m *mesh) check(t *testing.T, seed uint64) {
	isolate := func(i int) {
		wrongly := m.configs[(i+1)%3].ID
		m.web.isolate(m.configs[i].ID, true)
		for j, cfg := range m.configs {
			if j != i {
				m.web.node(cfg.ID).Suspect(m.configs[i].ID)
			}
			m.web.node(cfg.ID).Suspect(wrongly)
		}
	}
	connect := func(i int) {
		m.web.isolate(m.configs[i].ID, false)
		for j, g := range m.groups {
			if g.IsLeader() {
				// it may have lost the leadership meanwhile, or the heir be out of reach
				_ = g.TransferLeadershipTo(t.Context(), m.configs[(j+1)%3].ID)
			}
		}
	}
	checkHistory(t, m.cluster, seed, isolate, connect)
}

func checkHistory(t *testing.T, c *cluster, seed uint64, isolate, connect func(int)) {
	c.leader(-1)
	var clock atomic.Int64
	var clients sync.WaitGroup
	all := make([]*client, 4)
	for id := range all {
		all[id] = &client{c: c, id: id, clock: &clock}
		clients.Go(func() { all[id].do(60, seed) })
	}
	random, lost := rand.New(rand.NewPCG(seed, 99)), 0
	done := make(chan struct{})
	go func() {
		clients.Wait()
		close(done)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(time.Duration(random.IntN(1500)) * time.Millisecond):
			cut := random.IntN(3)
			for i, g := range c.groups {
				if g.IsLeader() && (lost == 0 || i == cut) {
					cut = i
					lost++
				}
			}
			isolate(cut)
			time.Sleep(time.Duration(random.IntN(8000)) * time.Millisecond)
			connect(cut)
		}
	}
	var ops []porcupine.Operation
	for _, cl := range all {
		ops = append(ops, cl.ops...)
	}
	require.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(history(), ops, 0))
	require.Positive(t, lost, "no leader was lost")
	for _, g := range c.groups {
		require.NoError(t, g.Err())
	}
	time.Sleep(time.Minute)
	c.close()
	time.Sleep(time.Minute)
}
