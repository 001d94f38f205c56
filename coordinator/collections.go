package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sagasu/api"
	"sagasu/coordinator/state"
	"sagasu/internal/dense"
	"sagasu/shard"
)

// collections are the vectors of all indexes as this node's searches find them, one collection for each generation.
// Without a server of vectors there are none.
type collections struct {
	remote shard.Remote
	now    func() time.Time

	mu     sync.Mutex
	opened map[generationKey]*opened
}

// generationKey names a generation of an index.
type generationKey struct {
	index      string
	generation int
}

// opened is a collection in use, or one whose generation is gone since a time.
type opened struct {
	dense.Collection
	gone time.Time
}

func newCollections(remote shard.Remote, now func() time.Time) *collections {
	return &collections{remote: remote, now: now, opened: map[generationKey]*opened{}}
}

// of gives the vectors of an index's generation; it connects to nothing yet. It must not be closed.
func (c *collections) of(ctx context.Context, x *state.Index, generation *api.DenseConfig) (dense.Collection, error) {
	key := generationKey{x.UUID, generation.Generation}
	c.mu.Lock()
	defer c.mu.Unlock()
	if present := c.opened[key]; present != nil {
		present.gone = time.Time{}
		return present.Collection, nil
	}
	made, err := c.remote.Open(ctx, x.UUID, *generation, x.Schema)
	if err != nil {
		return nil, fmt.Errorf("open vectors of index %q, generation %d: %w", x.Name, generation.Generation, err)
	}
	c.opened[key] = &opened{Collection: made}
	return made, nil
}

// forget closes the collections of generations that have been gone for so long that no search uses them any more.
func (c *collections) forget(view *state.View) error {
	present := map[generationKey]bool{}
	for _, x := range view.Indexes() {
		for _, generation := range x.Generations() {
			present[generationKey{x.UUID, generation}] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for key, o := range c.opened {
		switch {
		case present[key]:
		case o.gone.IsZero():
			o.gone = c.now()
		case c.now().Sub(o.gone) > 2*api.MaxSearchTimeout:
			delete(c.opened, key)
			errs = append(errs, o.Close())
		}
	}
	return errors.Join(errs...)
}

// close closes all of them; nobody searches any more.
func (c *collections) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for key, o := range c.opened {
		delete(c.opened, key)
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}

// noVectors stands for vectors that can't be opened.
type noVectors struct{ err error }

// Scan gives why not.
func (v noVectors) Scan(context.Context, int, int, func(dense.Key) error) error {
	return fmt.Errorf("%w: %w", dense.ErrUnavailable, v.err)
}

// Search gives why not.
func (v noVectors) Search(context.Context, dense.Query) ([]dense.Hit, error) {
	return nil, fmt.Errorf("%w: %w", dense.ErrUnavailable, v.err)
}
