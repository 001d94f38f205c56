package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/milvus"
)

// milvusServer keeps the vectors of all indexes, one collection each.
type milvusServer struct{ addr string }

func newMilvus(addr string) *milvusServer { return &milvusServer{addr: addr} }

func (m *milvusServer) config(name string, schema *api.Schema) milvus.Config {
	cfg := milvus.Default()
	// Names of collections begin with a letter and have no dashes, and a server may be shared.
	cfg.Address, cfg.Collection = m.addr, "sagasu_"+strings.ReplaceAll(name, "-", "_")
	cfg.Fields = schema.Fields
	if schema.Dense != nil {
		cfg.Dims = schema.Dense.Dims
	}
	return cfg
}

// Open gives an index that connects when it is first used: writes must be accepted while Milvus is
// down.
func (m *milvusServer) Open(_ context.Context, index string, dims api.DenseConfig, schema api.Schema,
) (dense.Collection, error) {
	cfg := m.config(collectionName(index, dims.Generation), &schema)
	cfg.Dims = dims.Dims
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &lateIndex{open: func(ctx context.Context) (dense.Index, error) { return milvus.Open(ctx, cfg) }}, nil
}

// collectionName names the collection of a generation.
func collectionName(index string, generation int) string {
	return fmt.Sprintf("%s_g%d", index, generation)
}

// Drop removes the collection.
func (m *milvusServer) Drop(ctx context.Context, index string, generation int) error {
	return fmt.Errorf("drop collection %s: %w", collectionName(index, generation), errors.ErrUnsupported)
}

// lateIndex is an index that is opened by the first call that can.
type lateIndex struct {
	open func(ctx context.Context) (dense.Index, error)

	// mu guards index, and lets one caller at a time try.
	mu     sync.Mutex
	index  dense.Index
	closed bool
}

var errLateClosed = errors.New("dense index is closed")

func (x *lateIndex) get(ctx context.Context) (dense.Index, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, errLateClosed
	}
	if x.index != nil {
		return x.index, nil
	}
	index, err := x.open(ctx)
	if err != nil {
		return nil, err
	}
	x.index = index
	return index, nil
}

// Upsert implements dense.Index.
func (x *lateIndex) Upsert(ctx context.Context, vs []dense.Vector) error {
	index, err := x.get(ctx)
	if err != nil {
		return err
	}
	return index.Upsert(ctx, vs)
}

// Delete implements dense.Index.
func (x *lateIndex) Delete(ctx context.Context, keys []dense.Key) error {
	index, err := x.get(ctx)
	if err != nil {
		return err
	}
	return index.Delete(ctx, keys)
}

// Search implements dense.Index.
func (x *lateIndex) Search(ctx context.Context, q dense.Query) ([]dense.Hit, error) {
	index, err := x.get(ctx)
	if err != nil {
		return nil, err
	}
	return index.Search(ctx, q)
}

// Count implements dense.Index.
func (x *lateIndex) Count(ctx context.Context) (int, error) {
	index, err := x.get(ctx)
	if err != nil {
		return 0, err
	}
	return index.Count(ctx)
}

// Scan implements dense.Collection.
func (x *lateIndex) Scan(context.Context, int, int, func(dense.Key) error) error {
	return errors.ErrUnsupported
}

// Identity implements dense.Collection.
func (x *lateIndex) Identity(context.Context) (string, error) { return "1", nil }

// Close implements dense.Index.
func (x *lateIndex) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	if x.index == nil {
		return nil
	}
	return x.index.Close()
}
