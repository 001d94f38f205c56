package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sagasu/coordinator/state"
)

// KindReembed is the kind of operation that gives an index the vectors of another model.
const KindReembed = "reembed"

// Filled is what the leader of a shard has of two generations of vectors, and which others are left there.
type Filled struct {
	// Present and Next are those of the index.
	Present, Next Vectors
	// Begun says that the leader has begun with Next.
	Begun bool
	// Others are the numbers of further ones.
	Others []int
}

// Vectors counts the documents of a shard by what became of their vectors in a generation.
type Vectors struct {
	// There are those that can be found, Waiting are those that can't yet, Failed those that can't be embedded.
	There, Waiting, Failed int
	// Trouble is why nothing goes on; empty if it does.
	Trouble string
}

// ReembedID names the operation that fills a generation of an index. Its length allows for indexes' UUIDs.
func ReembedID(uuid string, generation int) string {
	return KindReembed + "-" + uuid + "-" + strconv.Itoa(generation)
}

// readReembedID is the inverse of ReembedID.
func readReembedID(id string) (uuid string, generation int, ok bool) {
	rest, ok := strings.CutPrefix(id, KindReembed+"-")
	at := strings.LastIndexByte(rest, '-')
	if !ok || at < 0 {
		return "", 0, false
	}
	generation, err := strconv.Atoi(rest[at+1:])
	return rest[:at], generation, err == nil
}

// reembed brings the operations on, each to where its generation is by now.
func (r *Reconciler) reembed(ctx context.Context, view *state.View) (errs []error) {
	for _, o := range view.Operations() {
		if o.Kind != KindReembed || o.State.Ended() {
			continue
		}
		next, err := r.step(ctx, view, o)
		if err != nil {
			errs = append(errs, fmt.Errorf("operation %s: %w", o.ID, err))
		}
		if next == o || next.State == o.State && next.Error == o.Error && !r.due(o) {
			continue
		}
		next.UpdatedMillis = r.cfg.Now().UnixMilli()
		if _, err := r.cfg.Cluster.Propose(ctx, state.PutOperation{Operation: next}); err != nil &&
			!errors.Is(err, state.ErrOperationEnded) {
			errs = append(errs, fmt.Errorf("note that operation %s is %s: %w", o.ID, next.State, err))
			continue
		}
		if next.State.Ended() {
			r.cfg.Logger.Info("operation ended", "id", o.ID, "state", string(next.State), "error", next.Error)
		}
	}
	return errs
}

// due reports whether progress alone is worth a change of the metadata.
func (r *Reconciler) due(o state.Operation) bool {
	return r.cfg.Now().Sub(time.UnixMilli(o.UpdatedMillis)) >= progressEvery
}

// step says what an operation has come to, and takes the next step of its generation.
func (r *Reconciler) step(ctx context.Context, view *state.View, o state.Operation) (state.Operation, error) {
	uuid, generation, ok := readReembedID(o.ID)
	at := slices.IndexFunc(view.Indexes(), func(x state.Index) bool { return x.UUID == uuid })
	if !ok || at < 0 {
		o.State, o.Error = state.OperationCancelled, "the index was deleted"
		return o, nil
	}
	x := view.Indexes()[at]
	switch {
	case x.Next != nil && x.Next.Generation == generation && o.State == state.OperationCancelling:
		c := state.CancelGeneration{Name: x.Name, UUID: x.UUID, Generation: generation}
		if _, err := r.cfg.Cluster.Propose(ctx, c); err != nil {
			return o, err
		}
		return givenUp(o), nil
	case x.Next != nil && x.Next.Generation == generation:
		return r.fill(ctx, x, o)
	case x.Schema.Dense != nil && x.Schema.Dense.Generation >= generation && !slices.Contains(x.Retired, generation):
		return r.switched(x, generation, o), nil
	}
	return givenUp(o), nil
}

// givenUp ends an operation whose generation was given up: by whoever cancelled it, or by a leader that was lost before
// it could note why.
func givenUp(o state.Operation) state.Operation {
	if o.State == state.OperationCancelling {
		o.State, o.Error = state.OperationCancelled, ""
	} else {
		o.State, o.Error = state.OperationFailed, "the new vectors were given up"
	}
	return o
}

// switched ends an operation whose generation is the index's, as soon as those before it are dropped.
func (r *Reconciler) switched(x state.Index, generation int, o state.Operation) state.Operation {
	o.State, o.Error = state.OperationRunning, ""
	older := slices.ContainsFunc(x.Retired, func(g int) bool { return g < generation })
	if !older {
		o.State, o.Done = state.OperationDone, o.Total
		return o
	}
	if d := r.dropping[dropKey{x.UUID, x.Retired[0]}]; d != nil && d.trouble != nil {
		o.Error = "switched; drop the vectors before: " + d.trouble.Error()
	}
	return o
}

// fill looks how far a generation is. When it has all that the present one has, the index is switched to it.
func (r *Reconciler) fill(ctx context.Context, x state.Index, o state.Operation) (state.Operation, error) {
	shards, err := r.cfg.Cluster.Filled(ctx, x)
	o.State = state.OperationRunning
	if err != nil {
		o.Error = err.Error()
		return o, nil
	}
	var sum, lost Vectors
	complete := true
	for _, s := range shards {
		sum.There += s.Next.There
		sum.Waiting += s.Next.Waiting
		sum.Failed += s.Next.Failed
		lost.Failed += s.Present.Failed
		// While documents are written, some always wait: the index loses nothing if no more do than did.
		complete = complete && s.Begun && s.Next.Waiting <= s.Present.Waiting
		if s.Next.Trouble != "" {
			sum.Trouble = s.Next.Trouble
		}
	}
	o.Total = uint64(sum.There + sum.Waiting + sum.Failed)
	o.Done, o.Error = uint64(sum.There+sum.Failed), sum.Trouble
	switch {
	case tooManyFailed(sum, lost.Failed):
		c := state.CancelGeneration{Name: x.Name, UUID: x.UUID, Generation: x.Next.Generation}
		if _, err := r.cfg.Cluster.Propose(ctx, c); err != nil {
			return o, err
		}
		o.State = state.OperationFailed
		o.Error = fmt.Sprintf("%d of %d documents can't be embedded by the new model, %d by the present one",
			sum.Failed, o.Total, lost.Failed)
		return o, nil
	case !complete:
		return o, nil
	}
	c := state.SwitchGeneration{Name: x.Name, UUID: x.UUID, Generation: x.Next.Generation}
	if _, err := r.cfg.Cluster.Propose(ctx, c); err != nil {
		return o, err
	}
	r.cfg.Logger.Info("index has the vectors of another model", "index", x.Name, "generation", x.Next.Generation,
		"model", x.Next.Model, "documents", o.Total, "failed", sum.Failed)
	return o, nil
}

// tooManyFailed reports whether so many documents can't be embedded that a switch would lose them: more than a
// hundredth, rounded up, beyond those that could not be before.
func tooManyFailed(next Vectors, before int) bool {
	all := next.There + next.Waiting + next.Failed
	return next.Failed > before+(all+failedShare-1)/failedShare
}
