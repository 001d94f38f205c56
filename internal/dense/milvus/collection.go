package milvus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
	"sagasu/internal/dense"
)

// The columns of a collection.
const (
	idColumn         = "id"
	versionColumn    = "version"
	vectorColumn     = "vector"
	attributesColumn = "attributes"
	// manyColumn tells rows that have a field with more than maxSlots values.
	manyColumn = "many"
)

// schema is that of a new collection.
func (x *Index) schema() *entity.Schema {
	field := func(name string, t entity.FieldType) *entity.Field {
		return entity.NewField().WithName(name).WithDataType(t)
	}
	return entity.NewSchema().WithName(x.cfg.Collection).WithDescription("vectors of a sagasu index").
		WithField(field(idColumn, entity.FieldTypeVarChar).WithMaxLength(api.MaxIDBytes).WithIsPrimaryKey(true)).
		WithField(field(versionColumn, entity.FieldTypeInt64)).
		WithField(field(vectorColumn, entity.FieldTypeFloatVector).WithDim(int64(x.cfg.Dims))).
		WithField(field(attributesColumn, entity.FieldTypeJSON)).
		WithField(field(manyColumn, entity.FieldTypeBool))
}

// prepare sees to it that the collection is there, right, indexed and loaded.
func (x *Index) prepare(ctx context.Context) error {
	there, err := x.client.HasCollection(ctx, x.cfg.Collection)
	if err != nil {
		return err
	}
	if !there {
		err := x.client.CreateCollection(ctx, x.schema(), 1, client.WithConsistencyLevel(x.level))
		if err != nil && !alreadyThere(err) {
			return fmt.Errorf("create: %w", err)
		}
	}
	if err := x.verify(ctx); err != nil {
		return err
	}
	if err := x.ensureIndex(ctx); err != nil {
		return err
	}
	if err := x.client.LoadCollection(ctx, x.cfg.Collection, false); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// verify holds the columns to those that schema makes.
func (x *Index) verify(ctx context.Context) error {
	found, err := x.client.DescribeCollection(ctx, x.cfg.Collection)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	have := map[string]*entity.Field{}
	for _, f := range found.Schema.Fields {
		have[f.Name] = f
	}
	for _, want := range x.schema().Fields {
		f := have[want.Name]
		if f == nil {
			return fmt.Errorf("%w: it has no column %q", ErrSchema, want.Name)
		}
		if f.DataType != want.DataType || f.PrimaryKey != want.PrimaryKey {
			return fmt.Errorf("%w: column %q has type %s, not %s", ErrSchema, f.Name, f.DataType.Name(), want.DataType.Name())
		}
		delete(have, want.Name)
	}
	for name := range have {
		return fmt.Errorf("%w: it has a column %q", ErrSchema, name)
	}
	for _, f := range found.Schema.Fields {
		if f.Name != vectorColumn {
			continue
		}
		if dims := f.TypeParams[entity.TypeParamDim]; dims != strconv.Itoa(x.cfg.Dims) {
			return fmt.Errorf("%w: the collection has %s, the index has %d", dense.ErrDimension, dims, x.cfg.Dims)
		}
	}
	return nil
}

// ensureIndex makes the graph if there is none.
func (x *Index) ensureIndex(ctx context.Context) error {
	found, err := x.client.DescribeIndex(ctx, x.cfg.Collection, vectorColumn)
	if err == nil && len(found) > 0 {
		if metric := found[0].Params()["metric_type"]; metric != string(entity.COSINE) {
			return fmt.Errorf("%w: its vectors are compared by %q, not %q", ErrSchema, metric, entity.COSINE)
		}
		return nil
	}
	// Milvus reports a missing index as an error, so whether that was the reason shows by making one.
	graph, err := entity.NewIndexHNSW(entity.COSINE, x.cfg.M, x.cfg.EfConstruction)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := x.client.CreateIndex(ctx, x.cfg.Collection, vectorColumn, graph, false); err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	return nil
}
