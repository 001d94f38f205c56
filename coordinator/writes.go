package coordinator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/shard"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// writes brings writes to the leaders of their shards, through changes of leadership and of the layout.
type writes struct{ node *Node }

func newWrites(n *Node) *writes { return &writes{node: n} }

// write writes to one shard. A try whose outcome is unknown is repeated under the same id, which applies
// it once.
func (w *writes) write(ctx context.Context, s *shardLayout, documents []api.Write) (rpc.WriteAnswer, error) {
	id, err := replica.NewRequestID()
	if err != nil {
		return rpc.WriteAnswer{}, err
	}
	req := rpc.WriteRequest{ID: id, Writes: documents}
	var answer rpc.WriteAnswer
	err = w.atLeader(ctx, s, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		var err error
		answer, _, err = r.Write(ctx, call, req)
		return err
	})
	if err == nil {
		s.wrote(answer.Applied)
	}
	return answer, err
}

// get reads documents as the leader has them now: a linearizable read.
func (w *writes) get(ctx context.Context, s *shardLayout, ids []string) ([]sparse.Stored, error) {
	var found []sparse.Stored
	err := w.atLeader(ctx, s, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		call.MinIndex = shard.Latest
		var err error
		found, _, err = r.Fetch(ctx, call, ids)
		return err
	})
	return found, err
}

// atLeader calls the shard's leader, wherever it is or will be, until ctx ends. Errors of the call itself,
// such as replica.ErrWrite, are given back at once.
func (w *writes) atLeader(ctx context.Context, s *shardLayout,
	call func(ctx context.Context, r rpc.Replica, call rpc.Call) error,
) error {
	// The layout is shared by all calls; this one may come to know a newer shard.
	own := *s
	s = &own
	unknown := false
	var last error
	for {
		nodes := s.order()
		for tried := 0; tried < len(nodes); tried++ {
			node := nodes[tried]
			err := w.try(ctx, s, node, call)
			if err == nil {
				s.leader.Store(&node)
				return nil
			}
			if !passing(err) || ctx.Err() != nil {
				return w.giveUp(ctx, s, unknown, err)
			}
			unknown = unknown || errors.Is(err, api.ErrUnknownOutcome) || errors.Is(err, context.DeadlineExceeded)
			last = err
			// The leader that a replica knows is tried next.
			var moved *rpc.NotLeaderError
			if errors.As(err, &moved) && moved.Leader != "" && moved.Leader != node {
				if at := slices.Index(nodes[tried+1:], moved.Leader); at >= 0 {
					nodes[tried+1], nodes[tried+1+at] = nodes[tried+1+at], nodes[tried+1]
				}
			}
		}
		if err := w.look(ctx, s, last); err != nil {
			return w.giveUp(ctx, s, unknown, err)
		}
	}
}

// try calls one node's replica, for a part of the time: a node that hangs must not take all of it.
func (w *writes) try(ctx context.Context, s *shardLayout, node string,
	call func(ctx context.Context, r rpc.Replica, call rpc.Call) error,
) error {
	copied := w.node.copyOn(s.ID, node).Replica.(copyOf) //nolint:forcetypeassert // copyOn makes nothing else
	r, err := copied.find()
	if err != nil {
		return err
	}
	attempt, cancel := context.WithTimeout(ctx, writeAttempt)
	defer cancel()
	return call(attempt, r, rpc.Call{Shard: s.ID, Epoch: s.Epoch})
}

// passing reports whether an error may be gone at another replica, or soon.
func passing(err error) bool {
	if errors.Is(err, replica.ErrRepeated) {
		return false
	}
	return errors.Is(err, api.ErrUnavailable) || errors.Is(err, api.ErrUnknownOutcome) || nodeFailed(err) ||
		errors.Is(err, context.DeadlineExceeded)
}

// look rests, and takes a newer layout of the shard if there is one.
func (w *writes) look(ctx context.Context, s *shardLayout, last error) error {
	select {
	case <-w.node.cfg.After(writePause/2 + rand.N(writePause)):
	case <-ctx.Done():
		return errors.Join(ctx.Err(), last)
	}
	_, now, ok := w.node.meta.View().Shard(s.ID)
	if !ok {
		return fmt.Errorf("index of shard %s was deleted: %w", s.ID, api.ErrIndexNotFound)
	}
	var stale *rpc.EpochError
	if errors.As(last, &stale) && now.Epoch < stale.Epoch {
		wait, cancel := context.WithTimeout(ctx, writeAttempt)
		defer cancel()
		w.node.layouts.refresh(wait, s.ID, stale.Epoch)
		_, now, _ = w.node.meta.View().Shard(s.ID)
	}
	if now.Epoch != s.Epoch {
		s.Shard = now
	}
	return nil
}

// giveUp gives the final error of a call its meaning.
func (w *writes) giveUp(ctx context.Context, s *shardLayout, unknown bool, err error) error {
	if ctx.Err() != nil && !errors.Is(err, api.ErrIndexNotFound) {
		kind := api.ErrUnavailable
		if unknown || errors.Is(err, api.ErrUnknownOutcome) || errors.Is(err, context.DeadlineExceeded) {
			kind = api.ErrUnknownOutcome
		}
		return fmt.Errorf("shard %s took no answer in time: %w: %w", s.ID, kind, err)
	}
	return err
}

// group splits writes by shard, keeping their order: places are indexes into documents.
func (l *layout) group(documents []api.Write) (places [][]int) {
	places = make([][]int, len(l.shards))
	for i := range documents {
		at := l.shardOf(documents[i].Doc.ID)
		places[at] = append(places[at], i)
	}
	return places
}

// shardOf gives the position of the shard that a document belongs to.
func (l *layout) shardOf(id string) int {
	if len(l.shards) == 1 {
		return 0
	}
	ordinal := l.ShardFor(state.SlotOf(id)).Ordinal
	return slices.IndexFunc(l.shards, func(s shardLayout) bool { return s.Ordinal == ordinal })
}
