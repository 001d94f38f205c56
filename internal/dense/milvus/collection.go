package milvus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
)

// The columns of a collection.
const (
	keyColumn        = "key"
	idColumn         = "id"
	versionColumn    = "version"
	slotColumn       = "slot"
	vectorColumn     = "vector"
	attributesColumn = "attributes"
	// widthColumn is the greatest number of values in one field of the row, at most maxSlots + 1.
	widthColumn = "width"
	// partitionColumn is there if the index has a partition field.
	partitionColumn = "partition"
)

var collectionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

// CollectionName names the collection of an index, by its UUID, for a generation of its vectors. Names of
// collections have no dashes, and a server may be shared with others.
func CollectionName(index string, generation int) string {
	name := fmt.Sprintf("sagasu_%s_g%d", strings.ReplaceAll(index, "-", "_"), generation)
	if collectionName.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(index))
	return fmt.Sprintf("sagasu_%s_g%d", hex.EncodeToString(sum[:16]), generation)
}

// schema is that of a new collection.
func (x *Index) schema() *entity.Schema {
	field := func(name string, t entity.FieldType) *entity.Field {
		return entity.NewField().WithName(name).WithDataType(t)
	}
	text := func(name string, most int) *entity.Field {
		return field(name, entity.FieldTypeVarChar).WithMaxLength(int64(most))
	}
	schema := entity.NewSchema().WithName(x.name).WithDescription("vectors of a sagasu index").
		WithField(text(keyColumn, maxStoredID+versionDigits).WithIsPrimaryKey(true)).
		WithField(text(idColumn, maxStoredID)).
		WithField(field(versionColumn, entity.FieldTypeInt64)).
		WithField(field(slotColumn, entity.FieldTypeInt16)).
		WithField(field(vectorColumn, entity.FieldTypeFloatVector).WithDim(int64(x.dims))).
		WithField(field(attributesColumn, entity.FieldTypeJSON)).
		WithField(field(widthColumn, entity.FieldTypeInt8))
	if x.partition != "" {
		schema.WithField(text(partitionColumn, maxPartitionValue).WithIsPartitionKey(true))
	}
	return schema
}

// prepare sees to it that the collection is there, right, indexed and loaded.
func (x *Index) prepare(ctx context.Context) error {
	found, err := x.server.client.DescribeCollection(ctx, x.name)
	if errors.Is(translateError(ctx, err), errGone) {
		if err := x.create(ctx); err != nil {
			return fmt.Errorf("create: %w", err)
		}
		found, err = x.server.client.DescribeCollection(ctx, x.name)
	}
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	if err := x.verify(found.Schema); err != nil {
		return err
	}
	if err := x.ensureIndexes(ctx); err != nil {
		return err
	}
	// Loading what is loaded takes a fifth of a second, which the first search of a process would wait for.
	state, err := x.server.client.GetLoadState(ctx, x.name, nil)
	if err == nil && state == entity.LoadStateLoaded {
		return nil
	}
	if err := x.server.client.LoadCollection(ctx, x.name, false); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

func (x *Index) create(ctx context.Context) error {
	options := []client.CreateCollectionOption{client.WithConsistencyLevel(x.server.level)}
	if x.partition != "" {
		options = append(options, client.WithPartitionNum(partitions))
	}
	err := x.server.client.CreateCollection(ctx, x.schema(), 1, options...)
	if err != nil && !alreadyThere(err) {
		return err
	}
	return nil
}

// alreadyThere reports whether creating failed because another process was faster.
func alreadyThere(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "already exist") || strings.Contains(text, "duplicated collection")
}

// unlike returns ErrSchema with what is wrong and what to do.
func (x *Index) unlike(format string, args ...any) error {
	return fmt.Errorf("%w: %s; drop the collection %s in Milvus and it is made and filled anew",
		ErrSchema, fmt.Sprintf(format, args...), x.name)
}

// verify holds the columns to those that schema makes.
func (x *Index) verify(found *entity.Schema) error {
	have := map[string]*entity.Field{}
	for _, f := range found.Fields {
		have[f.Name] = f
	}
	for _, want := range x.schema().Fields {
		f := have[want.Name]
		if f == nil {
			return x.unlike("it has no column %q", want.Name)
		}
		if err := x.verifyColumn(f, want); err != nil {
			return err
		}
		delete(have, want.Name)
	}
	for name := range have {
		return x.unlike("it has a column %q", name)
	}
	return nil
}

func (x *Index) verifyColumn(f, want *entity.Field) error {
	switch {
	case f.DataType != want.DataType:
		return x.unlike("column %q has type %s, not %s", f.Name, f.DataType.Name(), want.DataType.Name())
	case f.PrimaryKey != want.PrimaryKey:
		return x.unlike("column %q is a primary key: %t", f.Name, f.PrimaryKey)
	case f.IsPartitionKey != want.IsPartitionKey:
		return x.unlike("column %q is a partition key: %t", f.Name, f.IsPartitionKey)
	}
	if want.DataType == entity.FieldTypeVarChar {
		have, err := strconv.Atoi(f.TypeParams[entity.TypeParamMaxLength])
		least, bad := strconv.Atoi(want.TypeParams[entity.TypeParamMaxLength])
		if err != nil || bad != nil || have < least {
			return x.unlike("column %q holds %s bytes, not %d", f.Name, f.TypeParams[entity.TypeParamMaxLength], least)
		}
	}
	if dims := f.TypeParams[entity.TypeParamDim]; f.Name == vectorColumn && dims != strconv.Itoa(x.dims) {
		return x.unlike("column %q has %s dimensions, the index has %d", f.Name, dims, x.dims)
	}
	return nil
}

// ensureIndexes makes the index of the vectors, and that of the ids, which Upsert and Delete look up.
func (x *Index) ensureIndexes(ctx context.Context) error {
	want, err := x.neighbour.build()
	if err != nil {
		return err
	}
	found, err := x.index(ctx, vectorColumn)
	if err != nil {
		return err
	}
	if found != nil {
		if difference := x.neighbour.differs(found.Params()); difference != "" {
			return x.unlike("its vectors have %s", difference)
		}
	} else if err := x.server.client.CreateIndex(ctx, x.name, vectorColumn, want, true); err != nil {
		return fmt.Errorf("create index %s of the vectors: %w", want.IndexType(), err)
	}
	found, err = x.index(ctx, idColumn)
	if err != nil || found != nil {
		return err
	}
	trie := entity.NewScalarIndexWithType("Trie")
	if err := x.server.client.CreateIndex(ctx, x.name, idColumn, trie, true); err != nil {
		return fmt.Errorf("create index of the ids: %w", err)
	}
	return nil
}

// index gives a column's index; nil if it has none.
func (x *Index) index(ctx context.Context, column string) (entity.Index, error) {
	found, err := x.server.client.DescribeIndex(ctx, x.name, column)
	switch {
	case errors.Is(translateError(ctx, err), errNoIndex):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("describe index of column %s: %w", column, err)
	case len(found) == 0:
		return nil, nil
	}
	return found[0], nil
}

// partitionValue is the value of the partition column of a document: none, the value of its field, or, for a
// document with several, a mark that no value is like.
func (x *Index) partitionValue(attributes []api.Value) string {
	value := noPartition
	for i := range attributes {
		if attributes[i].Field != x.partition {
			continue
		}
		for _, s := range attributes[i].Strings {
			switch v := encodePartition(s); value {
			case noPartition, v:
				value = v
			default:
				return severalPartitions
			}
		}
	}
	return value
}

const (
	noPartition       = "-"
	severalPartitions = "*"
)

// encodePartition encodes a value of the partition field.
func encodePartition(s string) string { return "=" + encodeText(s) }
