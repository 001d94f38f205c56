package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"sagasu/api"
	"sagasu/internal/dense"
)

// fakeCollection keeps rows by id and version, as a server shared by writers does, and fails as it is told.
type fakeCollection struct {
	mu       sync.Mutex
	rows     map[string]map[uint64]dense.Vector
	identity int
	// fault is asked before (step 0) and after (step 1) each call of a name; an error ends the call there.
	fault func(call string, step int) error
	// calls counts them by name.
	calls map[string]int
}

var _ dense.Collection = (*fakeCollection)(nil)

func newFakeCollection() *fakeCollection {
	return &fakeCollection{rows: map[string]map[uint64]dense.Vector{}, calls: map[string]int{}}
}

// give is Config.Collection of the one.
func (c *fakeCollection) give(context.Context, api.DenseConfig) (dense.Collection, func(), error) {
	return c, func() {}, nil
}

func (c *fakeCollection) setFault(fault func(call string, step int) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
}

// wipe makes it another one, empty.
func (c *fakeCollection) wipe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity++
	c.rows = map[string]map[uint64]dense.Vector{}
}

// call runs a call between its two points of failure.
func (c *fakeCollection) call(ctx context.Context, name string, do func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[name]++
	if err := ctx.Err(); err != nil {
		return err
	}
	for step := range 2 {
		if c.fault != nil {
			if err := c.fault(name, step); err != nil {
				return err
			}
		}
		if step == 0 {
			do()
		}
	}
	return nil
}

func (c *fakeCollection) Upsert(ctx context.Context, vs []dense.Vector) error {
	return c.call(ctx, "upsert", func() {
		for _, v := range vs {
			if c.rows[v.ID] == nil {
				c.rows[v.ID] = map[uint64]dense.Vector{}
			}
			for version := range c.rows[v.ID] {
				if version < v.Version {
					delete(c.rows[v.ID], version)
				}
			}
			c.rows[v.ID][v.Version] = v
		}
	})
}

func (c *fakeCollection) Delete(ctx context.Context, keys []dense.Key) error {
	return c.call(ctx, "delete", func() {
		for _, k := range keys {
			for version := range c.rows[k.ID] {
				if version <= k.Version {
					delete(c.rows[k.ID], version)
				}
			}
			if len(c.rows[k.ID]) == 0 {
				delete(c.rows, k.ID)
			}
		}
	})
}

func (c *fakeCollection) Search(context.Context, dense.Query) ([]dense.Hit, error) { return nil, nil }

func (c *fakeCollection) Count(context.Context) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.versions()), nil
}

func (c *fakeCollection) Scan(ctx context.Context, from, to int, visit func(dense.Key) error) error {
	var keys []dense.Key
	err := c.call(ctx, "scan", func() {
		for id, versions := range c.rows {
			for version, v := range versions {
				if int(v.Slot) >= from && int(v.Slot) < to {
					keys = append(keys, dense.Key{ID: id, Version: version})
				}
			}
		}
	})
	for _, k := range keys {
		err = errors.Join(err, visit(k))
	}
	return err
}

func (c *fakeCollection) Identity(ctx context.Context) (string, error) {
	name := ""
	err := c.call(ctx, "identity", func() { name = fmt.Sprint("made ", c.identity) })
	return name, err
}

func (c *fakeCollection) Close() error { return nil }

// versions gives the rows as id -> version; a document with several has the sum, which is none of them.
func (c *fakeCollection) versions() map[string]uint64 {
	out := map[string]uint64{}
	for id, versions := range c.rows {
		for version := range versions {
			out[id] += version
		}
	}
	return out
}

func (c *fakeCollection) snapshot() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.versions()
}
