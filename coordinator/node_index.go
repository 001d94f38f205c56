package coordinator

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"sagasu/api"
	"sagasu/coordinator/placement"
	"sagasu/coordinator/state"
	"sagasu/shard/rpc"
)

// CreateIndex makes an index, which is durable and takes writes on return. It returns api.ErrIndexExists, a
// *api.Problem for a layout that can't be, and api.ErrUnavailable if the metadata can't be changed now.
func (n *Node) CreateIndex(ctx context.Context, name string, schema api.Schema, want api.Layout) (
	api.IndexInfo, error,
) {
	if want.Shards == 0 {
		want.Shards = 1
	}
	if want.Replicas == 0 {
		want.Replicas = 1
		if n.net != nil {
			want.Replicas = defaultReplicas
		}
	}
	if err := want.Check(); err != nil {
		return api.IndexInfo{}, err
	}
	// Whoever knows an old version of the metadata would place the replicas by it.
	if err := n.sync(ctx); err != nil {
		return api.IndexInfo{}, fmt.Errorf("create index %q: %w: %w", name, api.ErrUnavailable, err)
	}
	view := n.meta.View()
	if _, ok := view.Resolve(name); ok {
		return api.IndexInfo{}, fmt.Errorf("index %q: %w", name, api.ErrIndexExists)
	}
	if err := n.canServe(view, &schema); err != nil {
		return api.IndexInfo{}, err
	}
	created, err := n.propose(ctx, view, name, schema, want)
	if err != nil {
		return api.IndexInfo{}, fmt.Errorf("create index %q: %w", name, err)
	}
	if err := n.awaitLeaders(ctx, created.Name); err != nil {
		// It is there and will come to serve; its creator must know that it doesn't yet.
		return api.IndexInfo{}, fmt.Errorf("index %q is created, but does not take writes yet: %w", name, err)
	}
	return describe(&created), nil
}

// canServe returns an *api.Problem for a schema that older nodes do not understand, or that names a model for which
// there is no service.
func (n *Node) canServe(view *state.View, schema *api.Schema) error {
	if state.NeedsGenerations(schema) {
		if err := n.needLevel(view, state.LevelGenerations); err != nil {
			return err
		}
	}
	if schema.Dense == nil || schema.Dense.Model == "" {
		return nil
	}
	if _, err := n.embedder(schema.Dense.Model); err != nil {
		return api.NewProblem(api.ProblemSchema, 400, "dense.model", "%v; see embed-services and embed-url", err)
	}
	return nil
}

// sync returns when this node's metadata are not older than the call, after an election if there is one.
func (n *Node) sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	for {
		err := n.meta.Sync(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-n.cfg.After(loopEvery / 10):
		case <-ctx.Done():
			return err
		}
	}
}

// propose places a new index and commits it.
func (n *Node) propose(ctx context.Context, view *state.View, name string, schema api.Schema, want api.Layout) (
	state.Index, error,
) {
	uuid, err := newUUID()
	if err != nil {
		return state.Index{}, err
	}
	nodes, err := placement.Place(view, n.candidates(view), want.Shards, want.Replicas)
	if err != nil {
		return state.Index{}, fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	wanted := state.CreateIndex{
		Name: name, UUID: uuid, Schema: schema, CreatedMillis: n.cfg.Now().UnixMilli(),
		Replicas: want.Replicas, Shards: state.Layout(uuid, nodes),
	}
	r, err := n.meta.Propose(ctx, wanted)
	if err == nil && r.Index.UUID == "" {
		// It was committed, but what came of it was forgotten with its leader: a repetition tells.
		r, err = n.meta.Propose(ctx, wanted)
	}
	return r.Index, translate(err)
}

// awaitLeaders returns when every shard of a new index has a leader that takes writes.
func (n *Node) awaitLeaders(ctx context.Context, name string) error {
	l, err := n.layouts.find(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for i := range l.shards {
		s := &l.shards[i]
		group.Go(func() error {
			return n.writes.atLeader(ctx, s, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
				info, _, err := r.Info(ctx, call)
				switch {
				case err != nil || info.LeaderHere:
				case info.Failed != "":
					err = fmt.Errorf("%w: %s", api.ErrUnavailable, info.Failed)
				default:
					err = &rpc.NotLeaderError{Leader: info.Leader, Term: info.Term}
				}
				return err
			})
		})
	}
	return group.Wait()
}

// DeleteIndex removes an index; its files go on every node as soon as that learns of it. It returns
// api.ErrIndexNotFound.
func (n *Node) DeleteIndex(ctx context.Context, name string) error {
	if err := n.sync(ctx); err != nil {
		return fmt.Errorf("delete index %q: %w: %w", name, api.ErrUnavailable, err)
	}
	x, ok := n.meta.View().Index(name)
	if !ok {
		return fmt.Errorf("index %q: %w", name, api.ErrIndexNotFound)
	}
	remove := state.DeleteIndex{Name: x.Name, UUID: x.UUID, Remote: n.cfg.Remote != nil && x.Schema.Dense != nil}
	if n.meta.View().FeatureLevel() < state.LevelGenerations {
		remove.Remote = false // older nodes drop the collection themselves
	}
	if _, err := n.meta.Propose(ctx, remove); err != nil {
		return fmt.Errorf("delete index %q: %w", name, translate(err))
	}
	if n.host == nil {
		return nil
	}
	// What is on this node goes before the answer.
	if err := n.holdReplicas(ctx, n.meta.View()); err != nil {
		return err
	}
	for _, s := range x.Shards {
		if err := n.host.Gone(ctx, s.ID); err != nil {
			return fmt.Errorf("remove files of index %q: %w", name, err)
		}
	}
	return nil
}

// translate gives a refusal of the metadata the meaning that callers know.
func translate(err error) error {
	switch {
	case errors.Is(err, state.ErrIndexExists), errors.Is(err, state.ErrAliasExists):
		return fmt.Errorf("%w: %w", api.ErrIndexExists, err)
	case errors.Is(err, state.ErrIndexNotFound):
		return fmt.Errorf("%w: %w", api.ErrIndexNotFound, err)
	case errors.Is(err, state.ErrAliasNotFound):
		return api.NewProblem(api.ProblemNotFound, 404, "alias", "%v", err)
	case errors.Is(err, state.ErrGeneration), errors.Is(err, state.ErrLevel):
		return api.NewProblem(api.ProblemConflict, 409, "", "%v", err)
	case errors.Is(err, state.ErrLimit):
		return api.NewProblem(api.ProblemRequest, 400, "", "%v", err)
	case errors.Is(err, state.ErrNodeNotFound), errors.Is(err, state.ErrEpoch):
		// The cluster changed while this was being planned; a repetition plans anew.
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}
