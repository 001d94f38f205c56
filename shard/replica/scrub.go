package replica

import (
	"context"
	"errors"
	"fmt"

	"sagasu/sparse"
)

// scrub verifies the files of the sparse index and the vectors again and again until the replica ends or fails: they may
// rot after Open verified them, and damage that nobody reads would be found when the other copies are gone. What it
// finds fails the replica.
func (r *Replica) scrub(ctx context.Context) {
	if r.cfg.ScrubEvery == 0 {
		return
	}
	pace := func(bytes int) error { return r.scrubPace(ctx, bytes) }
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.Failed():
			return
		case <-r.cfg.After(r.cfg.ScrubEvery):
		}
		began := r.cfg.Now()
		err := r.sparse.Scrub(ctx, pace)
		if err == nil {
			err = r.vectors.verify(ctx, pace)
		}
		switch {
		case err == nil:
			r.cfg.Logger.Debug("index scrubbed", "index", r.cfg.Name, "shard", r.cfg.Shard, "took", r.cfg.Now().Sub(began))
		case ctx.Err() != nil, errors.Is(err, sparse.ErrClosed):
			return
		case Damaged(err):
			r.fail(fmt.Errorf("scrub: %w", err))
			return
		default:
			r.cfg.Logger.Warn("index can't be scrubbed, it is tried again", "index", r.cfg.Name, "shard", r.cfg.Shard,
				"error", err)
		}
	}
}

// scrubPace waits until that many bytes may be read to verify files.
func (r *Replica) scrubPace(ctx context.Context, bytes int) error {
	if r.cfg.ScrubPace == nil {
		return ctx.Err()
	}
	return r.cfg.ScrubPace(ctx, bytes)
}
