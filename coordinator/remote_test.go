package coordinator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
)

// memoryRemote is a server of vectors in memory, which all nodes of a test share.
type memoryRemote struct {
	mu          sync.Mutex
	collections map[string]*memoryCollection
	// away makes every call fail; dropped are the collections that were dropped, as "uuid generation".
	away    bool
	dropped []string
}

// memoryCollection keeps rows by id and version.
type memoryCollection struct {
	of       *memoryRemote
	name     string
	identity int
	rows     map[string]map[uint64]dense.Vector
}

// handle is a collection as somebody opened it: it is made anew when it was dropped.
type handle struct {
	of   *memoryRemote
	name string
	dims int
}

var _ dense.Collection = handle{}

func newMemoryRemote() *memoryRemote {
	return &memoryRemote{collections: map[string]*memoryCollection{}}
}

func collectionOf(index string, generation int) string {
	return fmt.Sprintf("%s %d", index, generation)
}

func (m *memoryRemote) Open(_ context.Context, index string, config api.DenseConfig, _ api.Schema,
) (dense.Collection, error) {
	return handle{m, collectionOf(index, config.Generation), config.Dims}, nil
}

func (m *memoryRemote) Drop(ctx context.Context, index string, generation int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away || ctx.Err() != nil {
		return dense.ErrUnavailable
	}
	delete(m.collections, collectionOf(index, generation))
	m.dropped = append(m.dropped, collectionOf(index, generation))
	return nil
}

func (m *memoryRemote) set(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// there gives the names of the collections that there are.
func (m *memoryRemote) there() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.collections {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// use calls f with the collection.
func (h handle) use(ctx context.Context, f func(c *memoryCollection)) error {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if h.of.away {
		return dense.ErrUnavailable
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c := h.of.collections[h.name]
	if c == nil {
		c = &memoryCollection{of: h.of, name: h.name, rows: map[string]map[uint64]dense.Vector{}}
		c.identity = len(h.of.dropped)
		h.of.collections[h.name] = c
	}
	f(c)
	return nil
}

func (h handle) Upsert(ctx context.Context, vs []dense.Vector) error {
	for _, v := range vs {
		if err := dense.CheckDims(v.Values, h.dims); err != nil {
			return err
		}
	}
	return h.use(ctx, func(c *memoryCollection) {
		for _, v := range vs {
			if c.rows[v.ID] == nil {
				c.rows[v.ID] = map[uint64]dense.Vector{}
			}
			c.rows[v.ID][v.Version] = v
		}
	})
}

func (h handle) Delete(ctx context.Context, keys []dense.Key) error {
	return h.use(ctx, func(c *memoryCollection) {
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

func (h handle) Search(ctx context.Context, q dense.Query) (hits []dense.Hit, err error) {
	if err := dense.CheckDims(q.Vector, h.dims); err != nil {
		return nil, err
	}
	err = h.use(ctx, func(c *memoryCollection) {
		for id, versions := range c.rows {
			best := dense.Hit{ID: id}
			for version, v := range versions {
				if version > best.Version {
					best.Version, best.Score = version, dense.Dot(q.Vector, v.Values)
				}
			}
			hits = append(hits, best)
		}
	})
	slices.SortFunc(hits, func(a, b dense.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.ID, b.ID))
	})
	return hits[:min(max(q.K, 0), len(hits))], err
}

func (h handle) Count(ctx context.Context) (n int, err error) {
	err = h.use(ctx, func(c *memoryCollection) { n = len(c.rows) })
	return n, err
}

func (h handle) Scan(ctx context.Context, from, to int, visit func(dense.Key) error) error {
	var keys []dense.Key
	err := h.use(ctx, func(c *memoryCollection) {
		for id, versions := range c.rows {
			for version, v := range versions {
				if int(v.Slot) >= from && int(v.Slot) < to {
					keys = append(keys, dense.Key{ID: id, Version: version})
				}
			}
		}
	})
	for _, k := range keys {
		if err == nil {
			err = visit(k)
		}
	}
	return err
}

func (h handle) Identity(ctx context.Context) (identity string, err error) {
	err = h.use(ctx, func(c *memoryCollection) { identity = fmt.Sprint(c.identity) })
	return identity, err
}

func (h handle) Close() error { return nil }

// modelServices have the models named by the dimensions of their vectors: "m4" gives 4.
type modelServices struct {
	mu sync.Mutex
	// rejects are the models that refuse texts with the word "unfit".
	rejects map[string]bool
}

type modelService struct {
	of    *modelServices
	model string
	dims  int
}

func (s *modelServices) For(model string) (embedclient.Embedder, error) {
	dims := 2
	if model != "" {
		if _, err := fmt.Sscanf(model, "m%d", &dims); err != nil {
			return nil, fmt.Errorf("%w for model %q", embedclient.ErrNoService, model)
		}
	}
	return modelService{s, model, dims}, nil
}

func (s modelService) Embed(_ context.Context, _ embedclient.Kind, texts []string) ([][]float32, error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	out := make([][]float32, len(texts))
	errs := make([]error, len(texts))
	failed := false
	for i, text := range texts {
		if s.of.rejects[s.model] && strings.Contains(text, "unfit") {
			errs[i], failed = embedclient.ErrRejected, true
			continue
		}
		out[i] = make([]float32, s.dims)
		for j := range out[i] {
			out[i][j] = float32(len(text)%(j+2)) + 0.5
		}
	}
	switch {
	case failed && len(texts) == 1:
		return nil, errs[0]
	case failed:
		return out, &embedclient.BatchError{Errs: errs}
	}
	return out, nil
}
