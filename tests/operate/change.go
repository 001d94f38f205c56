package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sagasu/api"
	"sagasu/tests/cluster"
)

// operation gives an operation.
func (s *session) operation(ctx context.Context, id string) (api.Operation, error) {
	var o api.Operation
	return o, s.get(ctx, "/v1/operations/"+url.PathEscape(id), &o)
}

// beginMove begins a move of the shard of a number, away from a node that does not lead it unless it shall.
func (s *session) beginMove(ctx context.Context, number int, fromLeader bool) (m api.Move, leader string, err error) {
	shards, err := s.client.Shards(ctx, s.url(), index)
	if err != nil {
		return m, "", err
	}
	shard := shards[number%len(shards)]
	var on []string
	for _, r := range shard.Replicas {
		on = append(on, r.Node)
	}
	from := on[number/len(shards)%len(on)]
	for _, id := range on {
		if (id == shard.Leader) == fromLeader && (from == shard.Leader) != fromLeader {
			from = id
		}
	}
	to := ""
	for i := range s.cfg.nodes {
		if id := fmt.Sprintf("s%d", i+1); !slices.Contains(on, id) {
			to = id
		}
	}
	request := map[string]any{"shard": shard.Shard, "from": from, "to": to, "throttle_bytes_per_second": s.cfg.throttle}
	return m, shard.Leader, s.ask(ctx, http.MethodPost, "/v1/cluster/move", request, http.StatusAccepted, &m)
}

// killedMove moves a replica, kills a node when the move is at a step, and starts it again; the move must be done all
// the same.
func (s *session) killedMove(ctx context.Context, number int, role, step string) error {
	if err := s.cluster.WaitGreen(ctx, s.url(), s.cfg.limit); err != nil {
		return err
	}
	m, leader, err := s.beginMove(ctx, number+int(time.Now().UnixNano()%9), role == "leader" && number%2 == 1)
	if err != nil {
		return err
	}
	victim := map[string]string{"source": m.From, "target": m.To, "leader": leader}[role]
	if role == "metadata" {
		status, err := s.client.Status(ctx, s.url())
		if err != nil {
			return err
		}
		victim = status.Leader
	}
	reached, err := s.awaitStep(ctx, m.Operation, step)
	if err != nil {
		return err
	}
	n := s.cluster.Node(victim)
	if n == nil {
		return fmt.Errorf("there is no node %q to kill", victim)
	}
	if err := n.Kill(); err != nil {
		return err
	}
	s.say("move of %s from %s to %s: killed %s (%s) at %q", m.Shard, m.From, m.To, victim, role, reached)
	s.count(role + " at " + reached)
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	if err := n.WaitReady(ctx); err != nil {
		return err
	}
	return s.awaitDone(ctx, m.Operation)
}

func (s *session) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hit[what]++
}

// awaitStep returns when an operation is at a step, or one behind it: some take less time than to be seen.
func (s *session) awaitStep(ctx context.Context, id, step string) (reached string, err error) {
	order := append(allSteps(), "")
	want := slices.Index(order, step)
	err = until(ctx, s.cfg.limit, 20*time.Millisecond, id+" is at "+step, func(ctx context.Context) (bool, error) {
		o, err := s.operation(ctx, id)
		if err != nil {
			return false, err
		}
		if o.State == "failed" || o.State == "cancelled" {
			return false, fmt.Errorf("%w: it is %s: %s", errGivenUp, o.State, o.Error)
		}
		reached = o.Step
		return o.State == "done" || slices.Index(order, o.Step) >= want, nil
	})
	return reached, err
}

// awaitDone returns when an operation is done, with its copying noted.
func (s *session) awaitDone(ctx context.Context, id string) error {
	var o api.Operation
	err := until(ctx, s.cfg.limit, 100*time.Millisecond, id+" is done", func(ctx context.Context) (bool, error) {
		var err error
		if o, err = s.operation(ctx, id); err != nil {
			return false, err
		}
		if o.State == "failed" || o.State == "cancelled" {
			return false, fmt.Errorf("%w: it is %s: %s", errGivenUp, o.State, o.Error)
		}
		return o.State == "done", fmt.Errorf("it is %s at %q: %s", o.State, o.Step, o.Error)
	})
	if errors.Is(err, errGivenUp) || err != nil && o.State != "done" {
		return err
	}
	return nil
}

// plainMove moves a replica, and measures its copying.
func (s *session) plainMove(ctx context.Context, number int) error {
	if err := s.cluster.WaitGreen(ctx, s.url(), s.cfg.limit); err != nil {
		return err
	}
	m, _, err := s.beginMove(ctx, number, false)
	if err != nil {
		return err
	}
	var first, last api.Operation
	var began, ended time.Time
	err = until(ctx, s.cfg.limit, 50*time.Millisecond, "it is done", func(ctx context.Context) (bool, error) {
		o, err := s.operation(ctx, m.Operation)
		if err != nil {
			return false, err
		}
		if o.Step == "copy" && o.Bytes > 0 {
			if first.ID == "" {
				first, began = o, time.UnixMilli(o.UpdatedMillis)
			}
			last, ended = o, time.UnixMilli(o.UpdatedMillis)
		}
		return o.State == "done", nil
	})
	if err != nil {
		return err
	}
	if ended.After(began) {
		c := copied{last.Bytes - first.Bytes, ended.Sub(began).Seconds()}
		s.say("move of %s copied %d bytes in %.1f s: %.0f bytes/s", m.Shard, c.bytes, c.seconds, float64(c.bytes)/c.seconds)
		s.copies = append(s.copies, c)
	}
	return nil
}

// rebalance crowds the index on as many nodes as it has copies, and has it spread again.
func (s *session) rebalance(ctx context.Context, number int) error {
	if err := s.cluster.WaitGreen(ctx, s.url(), s.cfg.limit); err != nil {
		return err
	}
	empty := fmt.Sprintf("s%d", number%s.cfg.nodes+1)
	if err := s.drain(ctx, empty, "remove"); err != nil {
		return err
	}
	if err := s.ask(ctx, http.MethodDelete, "/v1/cluster/nodes/"+empty+"/drain", nil, http.StatusOK, nil); err != nil {
		return err
	}
	var plan api.RebalancePlan
	if err := s.ask(ctx, http.MethodPost, "/v1/cluster/rebalance", nil, http.StatusAccepted, &plan); err != nil {
		return err
	}
	s.say("rebalance %d: node %s was emptied, %d moves", number, empty, len(plan.Moves))
	s.count(fmt.Sprintf("%d moves of a rebalance", len(plan.Moves)))
	return s.awaitDone(ctx, plan.Operation)
}

// drain drains a node and waits until it is.
func (s *session) drain(ctx context.Context, node, mode string) error {
	path := "/v1/cluster/nodes/" + node + "/drain"
	if err := s.ask(ctx, http.MethodPost, path, map[string]string{"mode": mode}, http.StatusOK, nil); err != nil {
		return err
	}
	return until(ctx, s.cfg.limit, 100*time.Millisecond, node+" is drained", func(ctx context.Context) (bool, error) {
		var d api.DrainStatus
		err := s.get(ctx, path, &d)
		return err == nil && d.State == "drained", err
	})
}

// restart ends a node by SIGTERM, and starts it again.
func (s *session) restart(ctx context.Context, number int) error {
	if err := s.cluster.WaitGreen(ctx, s.url(), s.cfg.limit); err != nil {
		return err
	}
	nodes := s.cluster.Nodes()
	nodes = slices.DeleteFunc(nodes, func(n *cluster.Node) bool { return strings.HasPrefix(n.ID(), "g") })
	n := nodes[number%len(nodes)]
	began := time.Now()
	if err := n.Stop(30 * time.Second); err != nil {
		return err
	}
	took := time.Since(began)
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	if err := n.WaitReady(ctx); err != nil {
		return err
	}
	s.say("restarted %s by a signal: it stopped in %s", n.ID(), took.Round(time.Millisecond))
	s.count("restart of a " + n.Roles())
	return until(ctx, s.cfg.limit, 100*time.Millisecond, n.ID()+" is back", func(ctx context.Context) (bool, error) {
		var d api.DrainStatus
		err := s.get(ctx, "/v1/cluster/nodes/"+n.ID()+"/drain", &d)
		return err == nil && d.State == "none", err
	})
}
