package shard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/shard/replica"
)

// seedDir is where the files of a shard that is restored come to, in the replica's directory.
const seedDir = "seed"

// errGone ends a seeding whose shard is not wanted any more.
var errGone = errors.New("the shard is not wanted any more")

// seed prepares a replica of a shard that is being restored. The first of its nodes founds the group, alone, with files
// that Config.Seed fetches; the others wait to be found, and copy them. It may be broken off at any time and done again:
// until it is complete the replica has neither files nor a log.
func (s *hosted) seed(ctx context.Context, cfg *replica.Config, want *Assignment) error {
	if !want.Seed || want.Founded {
		return nil
	}
	cfg.Founders = nil
	if want.Nodes[0] != s.host.cfg.Node {
		return nil
	}
	cfg.Founders = want.Nodes[:1]
	done, err := replica.Seeded(*cfg)
	if err != nil || done {
		return err
	}
	if s.host.cfg.Seed == nil {
		return errors.New("this node can't restore shards")
	}
	if err := s.host.cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return fmt.Errorf("make directory of a replica: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go s.endWhenGone(ctx, cancel)
	into := filepath.Join(cfg.Dir, seedDir)
	index, err := s.host.cfg.Seed(ctx, *want, into)
	if err != nil {
		return fmt.Errorf("restore shard %s: %w", s.id, errors.Join(err, context.Cause(ctx)))
	}
	if index == 0 {
		return nil // nothing was ever written to it
	}
	return replica.Seed(*cfg, into, index)
}

// endWhenGone ends a seeding when the index is deleted.
func (s *hosted) endWhenGone(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		if _, gone := s.wanted(); gone != keep {
			cancel(errGone)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.host.cfg.After(tendEvery):
		}
	}
}
