package coordinator

import (
	"context"
	"fmt"

	"sagasu/api"
	"sagasu/internal/catalog"
	"sagasu/shard/replica"
)

// compareCatalog compares what the catalog knows of documents with the shards, both of which list them by id.
func (v *verifier) compareCatalog(ctx context.Context) error {
	found := &catalogSuspects{of: v, suspects: make([][]suspect, len(v.shards)), wrong: make([]bool, len(v.shards))}
	streams := make([]*keyStream, len(v.shards))
	for i, s := range v.shards {
		streams[i] = &keyStream{shard: s}
	}
	known := &catalogStream{catalog: v.catalog, index: v.index}
	for {
		if err := known.fill(ctx); err != nil {
			return fmt.Errorf("list the catalog: %w", err)
		}
		at := -1
		for i, s := range streams {
			if err := s.fill(ctx); err != nil {
				return fmt.Errorf("list the documents of shard %s: %w", v.shards[i].id(), err)
			}
			if len(s.keys) > 0 && (at < 0 || s.keys[0].ID < streams[at].keys[0].ID) {
				at = i
			}
		}
		var next suspect
		switch {
		case at < 0 && len(known.keys) == 0:
			return found.end(ctx)
		case at < 0 || len(known.keys) > 0 && known.keys[0].ID < streams[at].keys[0].ID:
			next = suspect{kind: api.DifferenceCatalogExtra, id: known.take().ID}
			at = v.owner(next.id)
		case len(known.keys) == 0 || streams[at].keys[0].ID < known.keys[0].ID:
			k := streams[at].take()
			next = suspect{api.DifferenceCatalogMissing, k.ID, k.Version}
		default:
			k, c := streams[at].take(), known.take()
			switch {
			case c.Version != k.Version:
				next = suspect{api.DifferenceCatalogStale, k.ID, k.Version}
			case c.State != v.stateOf(&k):
				next = suspect{api.DifferenceCatalogState, k.ID, k.Version}
			default:
				continue
			}
		}
		if err := found.add(ctx, at, next); err != nil {
			return err
		}
	}
}

// catalogSuspects are documents that the catalog may have wrong, by shard.
type catalogSuspects struct {
	of       *verifier
	suspects [][]suspect
	// wrong are the shards of which it surely has some wrong.
	wrong []bool
}

func (c *catalogSuspects) add(ctx context.Context, shard int, s suspect) error {
	c.suspects[shard] = append(c.suspects[shard], s)
	if len(c.suspects[shard]) < verifyBatch {
		return nil
	}
	return c.judge(ctx, shard)
}

// judge notes those that have not changed since.
func (c *catalogSuspects) judge(ctx context.Context, shard int) error {
	wrong, err := c.of.unchanged(ctx, c.of.shards[shard], c.of.present(), c.suspects[shard])
	if err != nil {
		return err
	}
	for _, s := range wrong {
		c.of.differ(s.kind, noGeneration, s.id)
	}
	c.wrong[shard] = c.wrong[shard] || len(wrong) > 0
	c.suspects[shard] = c.suspects[shard][:0]
	return nil
}

// end judges the rest, and has the catalog told anew of the shards of which it has something wrong.
func (c *catalogSuspects) end(ctx context.Context) error {
	for i, s := range c.of.shards {
		if err := c.judge(ctx, i); err != nil {
			return err
		}
		if !c.of.repair || !c.wrong[i] {
			continue
		}
		if err := c.of.catalog.Rewind(ctx, s.id()); err != nil {
			return fmt.Errorf("rewind the catalog of shard %s: %w", s.id(), err)
		}
	}
	return nil
}

// stateOf gives the state that the catalog is to have of a document.
func (v *verifier) stateOf(k *replica.KeyState) catalog.State {
	if len(v.generations) == 0 {
		return catalog.StateIndexed
	}
	switch has := vectorOf(k, v.generations[0].number); {
	case has.Version == k.Version:
		return catalog.StateEmbedded
	case has.Failed != "":
		return catalog.StateFailed
	}
	return catalog.StateIndexed
}

// present is the number of the index's generation.
func (v *verifier) present() int {
	if len(v.generations) == 0 {
		return 0
	}
	return v.generations[0].number
}

// keyStream gives the documents of a shard, by id.
type keyStream struct {
	shard verifiedShard
	keys  []replica.KeyState
	after string
	ended bool
}

// fill gets the next documents if none is left.
func (s *keyStream) fill(ctx context.Context) error {
	if len(s.keys) > 0 || s.ended {
		return nil
	}
	var err error
	if s.keys, err = s.shard.listKeys(ctx, s.after, verifyPage); err != nil {
		return err
	}
	if s.ended = len(s.keys) < verifyPage; len(s.keys) > 0 {
		s.after = s.keys[len(s.keys)-1].ID
	}
	return nil
}

func (s *keyStream) take() replica.KeyState {
	k := s.keys[0]
	s.keys = s.keys[1:]
	return k
}

// catalogStream gives the documents that the catalog knows, by id.
type catalogStream struct {
	catalog verifiedCatalog
	index   string
	keys    []catalog.Key
	after   string
	ended   bool
}

// fill gets the next documents if none is left.
func (s *catalogStream) fill(ctx context.Context) error {
	if len(s.keys) > 0 || s.ended {
		return nil
	}
	var err error
	if s.keys, err = s.catalog.Keys(ctx, s.index, s.after, verifyPage); err != nil {
		return err
	}
	if s.ended = len(s.keys) < verifyPage; len(s.keys) > 0 {
		s.after = s.keys[len(s.keys)-1].ID
	}
	return nil
}

func (s *catalogStream) take() catalog.Key {
	k := s.keys[0]
	s.keys = s.keys[1:]
	return k
}
