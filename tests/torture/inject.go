package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sagasu/tests/cluster"
)

// torment injects one fault after the other until a time; before each the cluster must be green.
func (s *session) torment(ctx context.Context, until time.Time) error {
	plan := newSchedule(s.cfg.seed, s.cfg.injuries, len(s.gateways) > 1)
	rest := 3 * time.Second
	for {
		if !pause(ctx, rest) {
			return ctx.Err()
		}
		if !time.Now().Before(until) {
			return nil
		}
		f := plan.next()
		n, err := s.victim(ctx, f)
		if err != nil {
			return fmt.Errorf("find a victim for %s: %w", f, err)
		}
		text := fmt.Sprintf("%s (%s)", f, n.ID())
		s.say("%s", text)
		began := time.Now()
		s.faults.begin(n.ID(), text)
		if err := s.inject(ctx, f, n); err != nil {
			return fmt.Errorf("after %.1fs, %s: %w", time.Since(s.started).Seconds(), text, err)
		}
		s.faults.end()
		s.tally.fault(f)
		over := time.Now()
		if err := s.cluster.WaitGreen(ctx, s.gateways[s.inUse()].URL(), greenTimeout); err != nil {
			return fmt.Errorf("after %.1fs, %s: %w", time.Since(s.started).Seconds(), text, err)
		}
		s.say("  over after %.1fs, green %.1fs later", over.Sub(began).Seconds(), time.Since(over).Seconds())
		rest = f.rest
	}
}

// inject hurts a node and returns when it is well again.
func (s *session) inject(ctx context.Context, f fault, n *cluster.Node) error {
	ready := func() error { return n.WaitReady(ctx) }
	switch f.injury {
	case injuryFlip, injuryRot:
		return s.rot(ctx, f, n)
	case injuryPause:
		return s.between(ctx, f, n.Pause, n.Resume)
	case injuryPartition:
		return s.between(ctx, f, n.Isolate, n.Heal)
	case injuryStop:
		return s.between(ctx, f, func() error { return n.Stop(stopTimeout) }, n.Start, ready)
	case injuryMove:
		return s.between(ctx, f, n.Kill, n.Move, n.Start, ready)
	default:
		return s.between(ctx, f, n.Kill, n.Start, ready)
	}
}

// between does the first, waits as long as the fault lasts, and does the others, also when the run is ended meanwhile.
func (s *session) between(ctx context.Context, f fault, hurt func() error, mend ...func() error) error {
	if err := hurt(); err != nil {
		return err
	}
	pause(ctx, f.lasts)
	for _, m := range mend {
		if err := m(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// pause waits; false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// victim chooses the node that a fault hits.
func (s *session) victim(ctx context.Context, f fault) (*cluster.Node, error) {
	if f.leader {
		id, err := s.leader(ctx, f.role)
		if err != nil {
			return nil, err
		}
		if n := s.cluster.Node(id); n != nil {
			return n, nil
		}
		return nil, fmt.Errorf("node %q leads, which there is none of", id)
	}
	var of []*cluster.Node
	for _, n := range s.cluster.Nodes() {
		if n.Roles() == f.role {
			of = append(of, n)
		}
	}
	return of[f.pick%len(of)], nil
}

// leader gives the node that leads the metadata, or most shards.
func (s *session) leader(ctx context.Context, role string) (string, error) {
	url := s.gateways[s.inUse()].URL()
	if role == "coordinator" {
		status, err := s.client.Status(ctx, url)
		return status.Leader, err
	}
	shards, err := s.client.Shards(ctx, url, index)
	if err != nil {
		return "", err
	}
	leads, most := map[string]int{}, ""
	for _, shard := range shards {
		if shard.Leader == "" {
			continue
		}
		leads[shard.Leader]++
		if most == "" || leads[shard.Leader] > leads[most] {
			most = shard.Leader
		}
	}
	if most == "" {
		return "", errors.New("nobody leads a shard")
	}
	return most, nil
}
