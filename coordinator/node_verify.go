package coordinator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/catalog"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// KindVerify is the kind of operation that compares the stores of an index.
const KindVerify = "verify"

// errTooManyExtra is returned when Milvus has more vectors without documents than can be remembered.
var errTooManyExtra = fmt.Errorf("more than %d vectors in Milvus have no document: make its collection anew",
	maxVerifiedExtra)

// verifying are the comparisons of this node: those under way, and the reports of those that ended.
type verifying struct {
	mu      sync.Mutex
	running map[string]bool
	reports []api.VerifyReport
}

func newVerifying() *verifying { return &verifying{running: map[string]bool{}} }

func (v *verifying) begin(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running[id] = true
}

func (v *verifying) runs(id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.running[id]
}

// end keeps the report of a comparison, nil of one that failed.
func (v *verifying) end(id string, report *api.VerifyReport) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.running, id)
	if report == nil {
		return
	}
	if len(v.reports) >= maxReports {
		v.reports = slices.Delete(v.reports, 0, 1)
	}
	v.reports = append(v.reports, *report)
}

func (v *verifying) report(id string) (api.VerifyReport, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := slices.IndexFunc(v.reports, func(r api.VerifyReport) bool { return r.Operation == id })
	if at < 0 {
		return api.VerifyReport{}, false
	}
	return v.reports[at], true
}

// Verify begins to compare the stores of an index on this node, and to bring right what differs if repair is set. It
// returns api.ErrIndexNotFound.
func (n *Node) Verify(ctx context.Context, index string, repair bool) (api.Operation, error) {
	l, err := n.find(index)
	if err != nil {
		return api.Operation{}, err
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return api.Operation{}, fmt.Errorf("name an operation: %w", err)
	}
	now := n.cfg.Now().UnixMilli()
	o := state.Operation{
		ID: KindVerify + "-" + hex.EncodeToString(random[:]), Kind: KindVerify, State: state.OperationRunning,
		Reason: "compare the stores of index " + l.Name, Index: l.Name, Node: n.who.Load().ID,
		CreatedMillis: now, UpdatedMillis: now,
	}
	n.verifying.begin(o.ID)
	if _, err := n.meta.Propose(ctx, state.PutOperation{Operation: o}); err != nil {
		n.verifying.end(o.ID, nil)
		return api.Operation{}, fmt.Errorf("verify index %q: %w", index, translate(err))
	}
	n.running.Go(func() { n.verify(o, l, repair) })
	return describeOperation(o), nil
}

// VerifyReport gives what a comparison found, on the node that made it. An *api.Problem if it is not there.
func (n *Node) VerifyReport(_ context.Context, index, operation string) (api.VerifyReport, error) {
	l, err := n.find(index)
	if err != nil {
		return api.VerifyReport{}, err
	}
	if report, ok := n.verifying.report(operation); ok && report.Index == l.Name {
		return report, nil
	}
	o, ok := n.meta.View().Operation(operation)
	switch {
	case !ok || o.Kind != KindVerify || o.Index != l.Name:
		return api.VerifyReport{}, api.NewProblem(api.ProblemNotFound, 404, "operation",
			"there is no comparison %.100q of index %s", operation, l.Name)
	case o.Node != n.who.Load().ID:
		return api.VerifyReport{}, api.NewProblem(api.ProblemNotFound, 404, "operation",
			"node %s has the report of %s, this is node %s", o.Node, o.ID, n.who.Load().ID)
	}
	return api.VerifyReport{}, api.NewProblem(api.ProblemNotFound, 404, "operation",
		"operation %s is %s: its report is not there%s", o.ID, o.State, map[bool]string{true: " any more"}[o.State.Ended()])
}

// verify runs a comparison to its end.
func (n *Node) verify(o state.Operation, l *layout, repair bool) {
	ctx, cancel := context.WithCancel(n.ctx)
	defer cancel()
	n.running.Go(func() { n.cancelWith(ctx, cancel, o.ID) })
	noted := n.cfg.Now()
	v := n.newVerifier(l, repair)
	v.report.Operation, v.report.Index = o.ID, l.Name
	v.progress = func(documents int) {
		o.Done += uint64(documents)
		if now := n.cfg.Now(); now.Sub(noted) > verifyNoted {
			noted = now
			n.note(ctx, o)
		}
	}
	if total, err := n.searcher.Count(ctx, l.target(n.router, nil), nil); err == nil {
		o.Total = uint64(total)
	}
	report, err := v.run(ctx)
	switch {
	case n.ctx.Err() != nil:
		return // the node is told to end what it does not run when it starts again
	case ctx.Err() != nil:
		o.State, o.Error = state.OperationCancelled, ""
	case err != nil:
		o.State, o.Error = state.OperationFailed, err.Error()
	default:
		o.State, o.Done, o.Total = state.OperationDone, uint64(report.Documents), uint64(report.Documents)
		o.Reason = "compare the stores of index " + l.Name + ": " + summary(&report)
	}
	if o.State == state.OperationDone {
		n.verifying.end(o.ID, &report)
	} else {
		n.verifying.end(o.ID, nil)
	}
	n.note(n.ctx, o)
}

// summary says in a line what a comparison found.
func summary(r *api.VerifyReport) string {
	if len(r.Differences) == 0 {
		return fmt.Sprintf("%d documents, no difference", r.Documents)
	}
	var parts []string
	for _, d := range r.Differences {
		parts = append(parts, fmt.Sprintf("%d %s", d.Count, d.Kind))
	}
	return fmt.Sprintf("%d documents, different: %s", r.Documents, strings.Join(parts, ", "))
}

// note puts an operation of this node into the metadata; what is lost is told by its end, or by lostComparisons.
func (n *Node) note(ctx context.Context, o state.Operation) {
	o.UpdatedMillis = n.cfg.Now().UnixMilli()
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if _, err := n.meta.Propose(ctx, state.PutOperation{Operation: o}); err != nil &&
		!errors.Is(err, state.ErrOperationEnded) && ctx.Err() == nil {
		n.cfg.Logger.Warn("note an operation", "id", o.ID, "state", string(o.State), "error", err)
	}
}

// cancelVerify asks for a comparison to end, which its node does.
func (n *Node) cancelVerify(ctx context.Context, o state.Operation) error {
	o.State, o.UpdatedMillis = state.OperationCancelling, n.cfg.Now().UnixMilli()
	_, err := n.meta.Propose(ctx, state.PutOperation{Operation: o})
	return err
}

// cancelWith cancels a context when somebody asks for an operation to be cancelled.
func (n *Node) cancelWith(ctx context.Context, cancel context.CancelFunc, id string) {
	for {
		changed := n.meta.Changed()
		if o, ok := n.meta.View().Operation(id); ok && o.State == state.OperationCancelling {
			cancel()
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// lostComparisons ends the comparisons that this node ran before it was started.
func (n *Node) lostComparisons(ctx context.Context, view *state.View) error {
	for _, o := range view.Operations() {
		if o.Kind != KindVerify || o.Node != n.who.Load().ID || o.State.Ended() || n.verifying.runs(o.ID) {
			continue
		}
		o.State, o.Error, o.UpdatedMillis = state.OperationFailed, "the node was restarted", n.cfg.Now().UnixMilli()
		if _, err := n.meta.Propose(ctx, state.PutOperation{Operation: o}); err != nil &&
			!errors.Is(err, state.ErrOperationEnded) {
			return fmt.Errorf("note that operation %s is lost: %w", o.ID, err)
		}
	}
	return nil
}

// newVerifier makes what compares the stores of an index.
func (n *Node) newVerifier(l *layout, repair bool) *verifier {
	v := &verifier{index: l.UUID, repair: repair, owner: l.shardOf, catalog: n.catalogToVerify()}
	for i := range l.shards {
		v.shards = append(v.shards, &leaderOf{node: n, shardLayout: &l.shards[i], dense: l.Schema.Dense != nil})
	}
	for _, config := range []*api.DenseConfig{l.Schema.Dense, l.Next} {
		if config == nil {
			continue
		}
		g := verifiedGeneration{number: config.Generation}
		if n.cfg.Remote != nil {
			collection, err := n.layouts.collections.of(n.ctx, &l.Index, config)
			if err == nil {
				g.vectors = collection
			} else {
				g.vectors = noVectors{err}
			}
		}
		v.generations = append(v.generations, g)
	}
	return v
}

// leaderOf is the leader of a shard as it is compared.
type leaderOf struct {
	node *Node
	*shardLayout
	dense bool
}

func (s *leaderOf) id() string            { return s.ID }
func (s *leaderOf) slots() (from, to int) { return s.From, s.To }

func (s *leaderOf) ask(ctx context.Context, call func(ctx context.Context, r rpc.Replica, call rpc.Call) error) error {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	return s.node.writes.atLeader(ctx, s.shardLayout, call)
}

func (s *leaderOf) listKeys(ctx context.Context, after string, limit int) (keys []replica.KeyState, err error) {
	err = s.ask(ctx, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		var err error
		keys, _, err = r.ListKeys(ctx, call, after, limit)
		return err
	})
	return keys, err
}

func (s *leaderOf) current(ctx context.Context, ids []string, generation int) ([]uint64, error) {
	var versions []uint64
	err := s.ask(ctx, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		if s.dense {
			presence, _, err := r.Current(ctx, call, ids, generation)
			versions = presence.Versions
			return err
		}
		stored, _, err := r.Fetch(ctx, call, ids)
		found := map[string]uint64{}
		for _, d := range stored {
			found[d.ID] = d.Version
		}
		versions = make([]uint64, len(ids))
		for i, id := range ids {
			versions[i] = found[id]
		}
		return err
	})
	return versions, err
}

func (s *leaderOf) repair(ctx context.Context, generation int, ids []string) error {
	return s.ask(ctx, func(ctx context.Context, r rpc.Replica, call rpc.Call) error {
		_, err := r.RepairDense(ctx, call, generation, ids)
		return err
	})
}

// catalogToVerify gives the catalog to be compared; nil if there is none.
func (n *Node) catalogToVerify() verifiedCatalog {
	if n.register == nil {
		return nil
	}
	c, err := n.register.get()
	if err != nil {
		return absentCatalog{err}
	}
	return c
}

// absentCatalog can't be compared, and says why.
type absentCatalog struct{ err error }

func (a absentCatalog) Keys(context.Context, string, string, int) ([]catalog.Key, error) {
	return nil, a.err
}

func (a absentCatalog) Rewind(context.Context, string) error { return a.err }
