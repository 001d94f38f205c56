package consensus

import (
	"context"
	"slices"
)

// Step is one change of a group's membership.
type Step struct {
	Kind StepKind
	Node string
}

// StepKind says what a Step does.
type StepKind string

// The kinds of step.
const (
	StepNone StepKind = ""
	// StepAdd makes a node a member that has no vote yet and is brought up to date.
	StepAdd StepKind = "add"
	// StepPromote gives a member that is up to date its vote.
	StepPromote StepKind = "promote"
	// StepHandOver moves the leadership to a node, so that this one can be removed.
	StepHandOver StepKind = "hand over"
	// StepRemove takes a node out.
	StepRemove StepKind = "remove"
)

// NextStep gives the next step from a group's members to the nodes wanted, as its leader sees it: first all
// that are missing become voters, then those that are not wanted go, the leader last. So the group never has
// fewer copies than before until it has all it shall have. caughtUp tells whether a member without a vote is
// up to date. One that never gets there, for its node is away, keeps nobody else from getting a vote.
func NextStep(members []Server, want []string, self string, caughtUp func(node string) bool) Step {
	if len(want) == 0 {
		return Step{}
	}
	var waiting []string
	for _, node := range want {
		at := slices.IndexFunc(members, func(s Server) bool { return s.ID == node })
		if at < 0 {
			return Step{StepAdd, node}
		}
		if !members[at].Voter {
			waiting = append(waiting, node)
		}
	}
	for _, node := range waiting {
		if caughtUp(node) {
			return Step{StepPromote, node}
		}
	}
	if len(waiting) > 0 {
		return Step{}
	}
	for _, s := range members {
		if s.ID != self && !slices.Contains(want, s.ID) {
			return Step{StepRemove, s.ID}
		}
	}
	if !slices.Contains(want, self) {
		return Step{StepHandOver, want[0]}
	}
	return Step{}
}

// Take takes a step; errors are those of the methods that it stands for.
func (g *Group) Take(ctx context.Context, next Step) error {
	switch next.Kind {
	case StepAdd:
		return g.AddNonvoter(ctx, next.Node)
	case StepPromote:
		return g.Promote(ctx, next.Node)
	case StepRemove:
		return g.Remove(ctx, next.Node)
	case StepHandOver:
		return g.TransferLeadershipTo(ctx, next.Node)
	case StepNone:
	}
	return nil
}
