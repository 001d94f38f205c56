package state

import (
	"fmt"
	"slices"
)

// Move is a change of the nodes of a shard that is under way. Until it is switched the replica on To is made: it
// belongs to the group, and searches do not go there. Afterwards To is one of the shard's nodes in the place of From,
// whose replica belongs to the group until those who still ask it are done.
type Move struct {
	// Operation is the one that the move belongs to.
	Operation string `json:"operation"`
	// From is the node that gives its replica up, empty for none; To the one that gets one, empty for none.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Switched tells that Nodes are as they are to be.
	Switched bool `json:"switched,omitempty"`
	// Back tells that it was reverted after it had been switched: From and To have changed places.
	Back bool `json:"back,omitempty"`
}

// Members are the nodes whose replicas belong to the shard's group: Nodes, and the one beside them while a move is
// under way.
func (s Shard) Members() []string {
	if beside := s.beside(); beside != "" {
		return append(slices.Clone(s.Nodes), beside)
	}
	return s.Nodes
}

// beside is the member that searches do not go to, "" for none.
func (s Shard) beside() string {
	switch {
	case s.Move == nil:
		return ""
	case s.Move.Switched:
		return s.Move.From
	}
	return s.Move.To
}

// BeginMove begins to bring a shard's replica from one node to another, or with one of the two empty to make or give
// up one. The operation is noted as PutOperation does, or goes on if it was planned; both or none. ErrShardNotFound,
// ErrNotFounded, ErrEpoch, ErrMoving, ErrNodeNotFound, ErrInvalid. A retry is told by the operation's id.
type BeginMove struct {
	Shard string `json:"shard"`
	// Epoch is the shard's as the proposer knows it.
	Epoch     uint64    `json:"epoch"`
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Operation Operation `json:"operation"`
}

func (BeginMove) kind() (typ, version uint16) { return TypeBeginMove, 1 }

func beginMove(before *View, c BeginMove) (*View, Index, error) {
	fail := func(err error) (*View, Index, error) {
		return nil, Index{}, fmt.Errorf("begin move of shard %.128q from %.64q to %.64q: %w", c.Shard, c.From, c.To, err)
	}
	x, s, ok := before.Shard(c.Shard)
	switch {
	case !ok:
		return fail(ErrShardNotFound)
	case s.Move != nil && s.Move.Operation == c.Operation.ID:
		return nil, x, nil
	case s.Move != nil:
		return fail(fmt.Errorf("%w: operation %s", ErrMoving, s.Move.Operation))
	case c.Epoch != s.Epoch:
		return fail(fmt.Errorf("epoch %d, it is at %d: %w", c.Epoch, s.Epoch, ErrEpoch))
	case !s.Founded:
		return fail(ErrNotFounded)
	}
	if present, again := before.Operation(c.Operation.ID); again && present.State.Ended() {
		return fail(fmt.Errorf("operation %s is %s: %w", present.ID, present.State, ErrOperationEnded))
	}
	if err := before.checkMove(s, c.From, c.To); err != nil {
		return fail(err)
	}
	after := before
	if noted, _, err := putOperation(before, PutOperation{Operation: c.Operation}); err != nil {
		return fail(err)
	} else if noted != nil {
		after = noted
	}
	s.Move = &Move{Operation: c.Operation.ID, From: c.From, To: c.To}
	if c.To == "" {
		s.Nodes = slices.DeleteFunc(slices.Clone(s.Nodes), func(id string) bool { return id == c.From })
		s.Move.Switched = true
		s.Epoch++
	}
	after, x = after.withShard(x, s)
	return after, x, nil
}

// checkMove holds a move to the rules of BeginMove.
func (v *View) checkMove(s Shard, from, to string) error {
	switch {
	case from == to:
		return invalid("it must be from one node to another")
	case from != "" && !slices.Contains(s.Nodes, from):
		return invalid("node %.64q has no replica of it", from)
	case to == "" && len(s.Nodes) < 2:
		return invalid("node %s has its only replica", from)
	case slices.Contains(s.Nodes, to):
		return invalid("node %s has a replica of it already", to)
	case to == "":
		return nil
	}
	nodes := slices.DeleteFunc(slices.Clone(s.Nodes), func(id string) bool { return id == from })
	return v.checkNodes(append(nodes, to), s.Nodes)
}

// SwitchMove lets searches go to the new replica of a move instead of the old one. ErrShardNotFound, ErrNoMove if the
// shard has no move of the operation; again it changes nothing.
type SwitchMove struct {
	Shard     string `json:"shard"`
	Operation string `json:"operation"`
}

func (SwitchMove) kind() (typ, version uint16) { return TypeSwitchMove, 1 }

func switchMove(before *View, c SwitchMove) (*View, Index, error) {
	x, s, err := before.moving(c.Shard, c.Operation)
	if err != nil {
		return nil, Index{}, fmt.Errorf("switch move of shard %.128q: %w", c.Shard, err)
	}
	if s.Move.Switched {
		return nil, x, nil
	}
	m := *s.Move
	s.Nodes = replaced(s.Nodes, m.From, m.To)
	s.Epoch++
	if m.Switched = true; m.From == "" {
		s.Move = nil
	} else {
		s.Move = &m
	}
	after, x := before.withShard(x, s)
	return after, x, nil
}

// EndMove ends a move that was switched: the old replica does not belong to the group any more. Errors are those of
// SwitchMove, and ErrInvalid before the switch.
type EndMove struct {
	Shard     string `json:"shard"`
	Operation string `json:"operation"`
}

func (EndMove) kind() (typ, version uint16) { return TypeEndMove, 1 }

func endMove(before *View, c EndMove) (*View, Index, error) {
	x, s, err := before.moving(c.Shard, c.Operation)
	if err == nil && !s.Move.Switched {
		err = invalid("it is not switched")
	}
	if err != nil {
		return nil, Index{}, fmt.Errorf("end move of shard %.128q: %w", c.Shard, err)
	}
	s.Move = nil
	after, x := before.withShard(x, s)
	after.forgetRemoved()
	return after, x, nil
}

// RevertMove brings a move back to where the shard was: before the switch it is given up, after it searches go to the
// old replica again, and the new one is what leaves. Errors are those of SwitchMove; again it changes nothing.
type RevertMove struct {
	Shard     string `json:"shard"`
	Operation string `json:"operation"`
}

func (RevertMove) kind() (typ, version uint16) { return TypeRevertMove, 1 }

func revertMove(before *View, c RevertMove) (*View, Index, error) {
	x, s, err := before.moving(c.Shard, c.Operation)
	if err != nil {
		return nil, Index{}, fmt.Errorf("revert move of shard %.128q: %w", c.Shard, err)
	}
	m := *s.Move
	switch {
	case m.Back:
		return nil, x, nil
	case !m.Switched:
		s.Move = nil
	default:
		s.Nodes = replaced(s.Nodes, m.To, m.From)
		s.Epoch++
		m.From, m.To, m.Back = m.To, m.From, true
		if s.Move = &m; m.From == "" {
			s.Move = nil
		}
	}
	after, x := before.withShard(x, s)
	after.forgetRemoved()
	return after, x, nil
}

// moving gives a shard whose move belongs to an operation.
func (v *View) moving(shard, operation string) (Index, Shard, error) {
	x, s, ok := v.Shard(shard)
	switch {
	case !ok:
		return Index{}, Shard{}, ErrShardNotFound
	case s.Move == nil || s.Move.Operation != operation:
		return Index{}, Shard{}, fmt.Errorf("operation %.64q: %w", operation, ErrNoMove)
	}
	return x, s, nil
}

// replaced gives nodes with one in the place of another, or at the end if that is none.
func replaced(nodes []string, from, to string) []string {
	out := slices.Clone(nodes)
	if at := slices.Index(out, from); at >= 0 && from != "" {
		out[at] = to
		return out
	}
	return append(out, to)
}
