package coordinator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"sagasu/api"
	"sagasu/coordinator/query"
	"sagasu/coordinator/reconcile"
	"sagasu/coordinator/state"
	"sagasu/embedclient"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// ChangeModel begins to make the vectors of an index anew by another model, beside those it has, and gives the
// operation that does it. It returns api.ErrIndexNotFound, and a *api.Problem for a change that can't be made.
func (n *Node) ChangeModel(ctx context.Context, index string, change api.ModelChange) (api.Operation, error) {
	if err := n.sync(ctx); err != nil {
		return api.Operation{}, fmt.Errorf("change the model of index %q: %w: %w", index, api.ErrUnavailable, err)
	}
	view := n.meta.View()
	x, ok := view.Resolve(index)
	if !ok {
		return api.Operation{}, fmt.Errorf("index %q: %w", index, api.ErrIndexNotFound)
	}
	if err := n.needLevel(view, state.LevelGenerations); err != nil {
		return api.Operation{}, err
	}
	next, err := n.nextGeneration(ctx, &x, change)
	if err != nil {
		return api.Operation{}, err
	}
	now := n.cfg.Now().UnixMilli()
	o := state.Operation{
		ID: reconcile.ReembedID(x.UUID, next.Generation), Kind: reconcile.KindReembed, State: state.OperationRunning,
		Reason: fmt.Sprintf("model of index %s: dimensions %s become %s", x.Name, x.Schema.Dense.Describe(),
			next.Describe()),
		Index: x.Name, CreatedMillis: now, UpdatedMillis: now,
	}
	c := state.BeginGeneration{Name: x.Name, UUID: x.UUID, Next: *next, Operation: o}
	if _, err := n.meta.Propose(ctx, c); err != nil {
		return api.Operation{}, fmt.Errorf("change the model of index %q: %w", x.Name, translate(err))
	}
	return describeOperation(o), nil
}

// needLevel returns an *api.Problem if the cluster has not reached a feature level.
func (n *Node) needLevel(view *state.View, level uint32) error {
	if view.FeatureLevel() >= level {
		return nil
	}
	return api.NewProblem(api.ProblemConflict, 409, "", "every node must run a newer version for this (feature level %d, "+
		"the cluster's is %d); older are: %s", level, view.FeatureLevel(), strings.Join(outdated(view), ", "))
}

// nextGeneration says how the vectors of an index shall be made and kept.
func (n *Node) nextGeneration(ctx context.Context, x *state.Index, change api.ModelChange) (*api.DenseConfig, error) {
	present := x.Schema.Dense
	if present == nil {
		return nil, noVectorsIn(x.Name)
	}
	next := *present
	next.Model, next.Dims, next.Generation = change.Model, change.Dims, x.NextGeneration()
	if change.Fields != nil {
		next.Fields = change.Fields
	}
	if len(next.Fields) == 0 {
		return nil, api.NewProblem(api.ProblemRequest, 400, "fields", "is missing: the documents of index %s bring their "+
			"own vectors, and no field is known to make others of; make a new index for vectors of another model", x.Name)
	}
	dims, err := n.modelDims(ctx, change.Model)
	switch {
	case errors.Is(err, embedclient.ErrNoService):
		return nil, api.NewProblem(api.ProblemRequest, 400, "model", "%v", err)
	case err != nil && next.Dims == 0:
		return nil, fmt.Errorf("ask for the dimensions of model %q: %w: %w", change.Model, api.ErrUnavailable, err)
	case err != nil:
		// The client knows them; the service need not be there yet.
	case next.Dims == 0:
		next.Dims = dims
	case next.Dims != dims:
		return nil, api.NewProblem(api.ProblemRequest, 400, "dims", "is %d, but model %q gives %d", next.Dims,
			change.Model, dims)
	}
	schema := x.Schema
	schema.Dense = &next
	return &next, schema.Validate()
}

// modelDims asks the service of a model for the dimensions of its vectors.
func (n *Node) modelDims(ctx context.Context, model string) (int, error) {
	service, err := n.embedder(model)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	vectors, err := service.Embed(ctx, embedclient.Passage, []string{"dimensions"})
	if err != nil {
		return 0, err
	}
	if len(vectors) != 1 {
		return 0, fmt.Errorf("%d vectors for 1 text: %w", len(vectors), embedclient.ErrBadResponse)
	}
	return len(vectors[0]), nil
}

// embedder gives the service of a model; embedclient.ErrNoService.
func (n *Node) embedder(model string) (embedclient.Embedder, error) {
	if n.cfg.Embedders == nil {
		return nil, fmt.Errorf("%w: none is configured", embedclient.ErrNoService)
	}
	return n.cfg.Embedders.For(model)
}

// cancelReembed asks for an operation of reconcile.KindReembed to be given up. An *api.Problem if it is too late.
func (n *Node) cancelReembed(ctx context.Context, o state.Operation) error {
	switched := api.NewProblem(api.ProblemConflict, 409, "id",
		"the index has the new vectors already; change its model again to go back")
	x, ok := n.meta.View().Index(o.Index)
	if ok && (x.Next == nil || reconcile.ReembedID(x.UUID, x.Next.Generation) != o.ID) && !o.State.Ended() {
		return switched
	}
	o.State, o.Error, o.UpdatedMillis = state.OperationCancelling, "", n.cfg.Now().UnixMilli()
	_, err := n.meta.Propose(ctx, state.PutOperation{Operation: o})
	return err
}

// denseStatus asks the leader of each shard for its generations of vectors.
func (n *Node) denseStatus(ctx context.Context, l *layout) ([][]replica.GenerationStatus, error) {
	shards := make([][]replica.GenerationStatus, len(l.shards))
	err := n.eachLeader(ctx, l, func(ctx context.Context, i int, r rpc.Replica, call rpc.Call) error {
		var err error
		shards[i], _, err = r.DenseStatus(ctx, call)
		return err
	})
	return shards, err
}

// eachLeader calls the leader of each shard of an index: for calls that may be repeated.
func (n *Node) eachLeader(ctx context.Context, l *layout,
	call func(ctx context.Context, i int, r rpc.Replica, call rpc.Call) error,
) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(infoParallel)
	for i := range l.shards {
		group.Go(func() error {
			return n.writes.atLeader(ctx, &l.shards[i], func(ctx context.Context, r rpc.Replica, c rpc.Call) error {
				return call(ctx, i, r, c)
			})
		})
	}
	return group.Wait()
}

// generations tells of the vectors of an index, as the leaders of its shards do.
func (n *Node) generations(ctx context.Context, l *layout) ([]api.GenerationInfo, error) {
	shards, err := n.denseStatus(ctx, l)
	if err != nil {
		return nil, err
	}
	var out []api.GenerationInfo
	for _, number := range l.Generations() {
		info := api.GenerationInfo{Generation: number, State: api.GenerationDropping}
		for _, of := range []struct {
			config *api.DenseConfig
			state  string
		}{{l.Schema.Dense, api.GenerationCurrent}, {l.Next, api.GenerationFilling}} {
			if of.config != nil && of.config.Generation == number {
				info.Model, info.Dims, info.State = of.config.Model, of.config.Dims, of.state
			}
		}
		for _, statuses := range shards {
			for _, s := range statuses {
				if s.Generation == number {
					add(&info, s)
				}
			}
		}
		out = append(out, info)
	}
	return out, nil
}

// add adds what a shard has to what others have.
func add(info *api.GenerationInfo, s replica.GenerationStatus) {
	info.Vectors += s.Vectors
	info.Waiting += max(s.WaitEmbed, s.WaitFeed)
	info.Failed += s.Failed
	info.LagSeconds = max(info.LagSeconds, s.LagSeconds)
	info.Rate += s.Rate
	if s.Trouble != "" {
		info.Trouble = s.Trouble
	}
}

// DenseFailures gives the documents of an index that can't be embedded, in its present generation or, if generation is
// not negative, in that one. Errors: api.ErrIndexNotFound, *api.Problem.
func (n *Node) DenseFailures(ctx context.Context, index string, generation int) (api.DenseFailures, error) {
	l, generation, err := n.generationOf(index, generation)
	if err != nil {
		return api.DenseFailures{}, err
	}
	shards := make([]replica.Failures, len(l.shards))
	err = n.eachLeader(ctx, l, func(ctx context.Context, i int, r rpc.Replica, call rpc.Call) error {
		var err error
		shards[i], _, err = r.DenseFailures(ctx, call, generation)
		return err
	})
	out := api.DenseFailures{Generation: generation, Failures: []api.DenseFailure{}}
	for _, s := range shards {
		out.More += s.More
		for _, f := range s.List {
			out.Failures = append(out.Failures, api.DenseFailure{ID: f.ID, Version: f.Version, Reason: f.Reason})
		}
	}
	return out, generationProblem(err)
}

// RetryDense has the documents embedded once more that can't be so far; see DenseFailures.
func (n *Node) RetryDense(ctx context.Context, index string, generation int) error {
	l, generation, err := n.generationOf(index, generation)
	if err != nil {
		return err
	}
	return generationProblem(n.eachLeader(ctx, l,
		func(ctx context.Context, _ int, r rpc.Replica, call rpc.Call) error {
			_, err := r.RetryDense(ctx, call, generation)
			return err
		}))
}

// generationOf finds an index and a generation of it, its present one for a negative number.
func (n *Node) generationOf(index string, generation int) (*layout, int, error) {
	l, err := n.find(index)
	if err != nil {
		return nil, 0, err
	}
	if l.Schema.Dense == nil {
		return nil, 0, noVectorsIn(l.Name)
	}
	if generation < 0 {
		generation = l.Schema.Dense.Generation
	}
	return l, generation, nil
}

func noVectorsIn(index string) error {
	return api.NewProblem(api.ProblemRequest, 400, "index", "index %s has no vectors (dense in its schema)", index)
}

func generationProblem(err error) error {
	if errors.Is(err, replica.ErrNoGeneration) {
		return api.NewProblem(api.ProblemNotFound, 404, "generation", "%v", err)
	}
	return err
}

var _ query.Embedders = (*embedclient.Services)(nil)
