package coordinator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/shard"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// writes brings writes to the leaders of their shards, through changes of leadership and of the layout.
type writes struct {
	// find gives a node's replica of a shard.
	find func(shard, node string) (rpc.Replica, error)
	// view gives the metadata, and refresh waits for some that know a shard in at least an epoch.
	view    func() *state.View
	refresh func(ctx context.Context, shard string, epoch uint64)
	after   func(time.Duration) <-chan time.Time
}

func newWrites(n *Node) *writes {
	return &writes{
		find: func(shard, node string) (rpc.Replica, error) {
			return n.copyOn(shard, node).Replica.(copyOf).find() //nolint:forcetypeassert // copyOn makes nothing else
		},
		view:    func() *state.View { return n.meta.View() },
		refresh: func(ctx context.Context, shard string, epoch uint64) { n.layouts.refresh(ctx, shard, epoch) },
		after:   n.cfg.After,
	}
}

// write writes to one shard. A try whose outcome is unknown is repeated under the same id, which applies
// it once.
func (w *writes) write(ctx context.Context, s *shardLayout, documents []api.Write) (rpc.WriteAnswer, error) {
	id, err := requestID(ctx, s.ID)
	if err != nil {
		return rpc.WriteAnswer{}, err
	}
	req := rpc.WriteRequest{ID: id, Writes: documents}
	var answer rpc.WriteAnswer
	err = w.reach(ctx, s, true, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		var err error
		answer, _, err = r.Write(ctx, call, req)
		return err
	})
	answer, err = w.recognise(ctx, s, documents, answer, err)
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

// atLeader calls the shard's leader, wherever it is or will be, until ctx ends: for calls that change nothing.
// Errors of the call itself are given back at once.
func (w *writes) atLeader(ctx context.Context, s *shardLayout,
	call func(ctx context.Context, r rpc.Replica, call rpc.Call) error,
) error {
	return w.reach(ctx, s, false, call)
}

// reach is atLeader, also for calls that change something. If one of its tries may have done so, any error is an
// api.ErrUnknownOutcome, but that of an index that is gone with all that was written.
func (w *writes) reach(ctx context.Context, s *shardLayout, changes bool,
	call func(ctx context.Context, r rpc.Replica, call rpc.Call) error,
) error {
	// The layout is shared by all calls; this one may come to know a newer shard.
	own := *s
	s = &own
	unknown := false
	for {
		var last error
		nodes := s.order()
		for tried := 0; tried < len(nodes); tried++ {
			node := nodes[tried]
			err := w.try(ctx, s, node, call)
			if err == nil {
				s.leader.Store(&node)
				return nil
			}
			unknown = unknown || changes && mayBeDone(err)
			if !passing(err) || ctx.Err() != nil {
				return giveUp(ctx, s, unknown, err)
			}
			last = err
			nodes = follow(nodes, tried, err)
		}
		select {
		case <-w.after(writePause/2 + rand.N(writePause)):
		case <-ctx.Done():
			return giveUp(ctx, s, unknown, last)
		}
		if err := w.look(ctx, s, last); err != nil {
			return err
		}
	}
}

// mayBeDone reports whether an error of a write leaves open if it was done.
func mayBeDone(err error) bool {
	return errors.Is(err, api.ErrUnknownOutcome) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled)
}

// follow lets the leader that a replica knows be tried next, if it was not yet. It need not be one of the nodes
// that the metadata want.
func follow(nodes []string, tried int, err error) []string {
	var moved *rpc.NotLeaderError
	if !errors.As(err, &moved) || moved.Leader == "" {
		return nodes
	}
	switch at := slices.Index(nodes, moved.Leader); {
	case at < 0:
		return slices.Insert(nodes, tried+1, moved.Leader)
	case at > tried+1:
		nodes[tried+1], nodes[at] = nodes[at], nodes[tried+1]
	}
	return nodes
}

// try calls one node's replica, for a part of the time: a node that hangs must not take all of it.
func (w *writes) try(ctx context.Context, s *shardLayout, node string,
	call func(ctx context.Context, r rpc.Replica, call rpc.Call) error,
) error {
	r, err := w.find(s.ID, node)
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

// look takes a newer layout of the shard if there is one; api.ErrIndexNotFound if the index is gone.
func (w *writes) look(ctx context.Context, s *shardLayout, last error) error {
	_, now, ok := w.view().Shard(s.ID)
	var stale *rpc.EpochError
	if ok && errors.As(last, &stale) && now.Epoch < stale.Epoch {
		wait, cancel := context.WithTimeout(ctx, writeAttempt)
		defer cancel()
		w.refresh(wait, s.ID, stale.Epoch)
		_, now, ok = w.view().Shard(s.ID)
	}
	if !ok {
		return fmt.Errorf("index of shard %s was deleted: %w", s.ID, api.ErrIndexNotFound)
	}
	s.Shard = now
	return nil
}

// giveUp gives the final error of a call its meaning.
func giveUp(ctx context.Context, s *shardLayout, unknown bool, err error) error {
	kind := api.ErrUnavailable
	if unknown {
		kind = api.ErrUnknownOutcome
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("shard %s took no answer in time: %w: %w", s.ID, kind, errors.Join(ctx.Err(), err))
	case unknown && !errors.Is(err, api.ErrUnknownOutcome):
		return fmt.Errorf("shard %s: %w: %w", s.ID, kind, err)
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
	ordinal := l.ShardFor(api.SlotOf(l.Schema.RoutingKey(id))).Ordinal
	return slices.IndexFunc(l.shards, func(s shardLayout) bool { return s.Ordinal == ordinal })
}
