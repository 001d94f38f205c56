package state

import (
	"fmt"
	"slices"
)

// SetReplicas says where a shard's replicas belong from now on. ErrShardNotFound, ErrNotFounded (members
// that were to found the group with different lists would found two), ErrNodeNotFound for a new node that
// can't hold replicas, ErrMoving while one is moved.
type SetReplicas struct {
	Shard string `json:"shard"`
	// Epoch is the shard's as the proposer knows it; ErrEpoch if it has another. A retry of what was done is
	// told by its nodes, and succeeds.
	Epoch uint64   `json:"epoch"`
	Nodes []string `json:"nodes"`
}

func (SetReplicas) kind() (typ, version uint16) { return TypeSetReplicas, 1 }

func setReplicas(before *View, c SetReplicas) (*View, Index, error) {
	x, s, ok := before.Shard(c.Shard)
	if !ok {
		return nil, Index{}, fmt.Errorf("set replicas of shard %.128q: %w", c.Shard, ErrShardNotFound)
	}
	same := slices.Equal(c.Nodes, s.Nodes)
	switch {
	case same && (c.Epoch == s.Epoch || c.Epoch+1 == s.Epoch):
		return nil, x, nil
	case c.Epoch != s.Epoch:
		return nil, Index{}, fmt.Errorf("set replicas of shard %s of epoch %d, it is at %d: %w", s.ID, c.Epoch,
			s.Epoch, ErrEpoch)
	case !s.Founded:
		return nil, Index{}, fmt.Errorf("set replicas of shard %s: %w", s.ID, ErrNotFounded)
	case s.Move != nil:
		return nil, Index{}, fmt.Errorf("set replicas of shard %s: %w: operation %s", s.ID, ErrMoving, s.Move.Operation)
	}
	if err := before.checkNodes(c.Nodes, s.Nodes); err != nil {
		return nil, Index{}, fmt.Errorf("set replicas of shard %s: %w", s.ID, err)
	}
	s.Nodes = c.Nodes
	s.Epoch++
	after, x := before.withShard(x, s)
	after.forgetRemoved()
	return after, x, nil
}

// MarkFounded tells that the raft group of a shard has been bootstrapped with the shard's nodes.
// ErrShardNotFound; again it changes nothing.
type MarkFounded struct {
	Shard string `json:"shard"`
}

func (MarkFounded) kind() (typ, version uint16) { return TypeMarkFounded, 1 }

func markFounded(before *View, c MarkFounded) (*View, Index, error) {
	x, s, ok := before.Shard(c.Shard)
	if !ok {
		return nil, Index{}, fmt.Errorf("mark shard %.128q as founded: %w", c.Shard, ErrShardNotFound)
	}
	if s.Founded {
		return nil, x, nil
	}
	s.Founded = true
	after, x := before.withShard(x, s)
	return after, x, nil
}

// withShard puts a shard in place of that of its id.
func (v *View) withShard(x Index, s Shard) (*View, Index) {
	x.Shards = slices.Clone(x.Shards)
	x.Shards[v.shards[s.ID].at] = s
	return v.withIndex(x), x
}
