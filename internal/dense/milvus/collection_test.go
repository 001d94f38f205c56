package milvus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/densetest"
)

func TestCollectionName(t *testing.T) {
	index := "0190d1c2-77aa-7000-8000-0123456789ab"
	require.Equal(t, "sagasu_0190d1c2_77aa_7000_8000_0123456789ab_g3", CollectionName(index, 3))
	for _, odd := range []string{"東京", "a b", strings.Repeat("x", 300)} {
		require.Regexp(t, collectionName, CollectionName(odd, 0))
		require.NotEqual(t, CollectionName(odd, 0), CollectionName(odd+"x", 0))
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := connectTest(t)
	x := testCollection(t, s, api.DenseConfig{Dims: 3})
	refused := func(t *testing.T, name string, config api.DenseConfig, parts ...string) {
		other, err := s.Collection(name, config, densetest.Fields())
		require.NoError(t, err)
		defer func() { require.NoError(t, other.Close()) }()
		err = other.Prepare(ctx)
		require.ErrorIs(t, err, ErrSchema)
		for _, part := range append(parts, "drop the collection "+name) {
			require.ErrorContains(t, err, part)
		}
		for call, do := range calls(other) {
			require.ErrorIs(t, do(ctx), ErrSchema, call)
		}
	}
	t.Run("another way of searching is refused", func(t *testing.T) {
		refused(t, x.name, api.DenseConfig{Dims: 3, Index: &api.VectorIndex{Kind: api.VectorFlat}}, "HNSW", "FLAT")
		refused(t, x.name, api.DenseConfig{Dims: 3, Index: &api.VectorIndex{Kind: api.VectorHNSW, M: 8}}, "M 16, not 8")
		refused(t, x.name, api.DenseConfig{Dims: 3, Partition: "tag"}, `no column "partition"`)
	})
	t.Run("other parameters of searches are no difference", func(t *testing.T) {
		index := &api.VectorIndex{Kind: api.VectorHNSW, Ef: 17}
		require.NoError(t, sameCollection(t, s, x.name, api.DenseConfig{Dims: 3, Index: index}).Close())
	})
	t.Run("foreign collections are refused", func(t *testing.T) {
		field := func(name string, t entity.FieldType) *entity.Field {
			return entity.NewField().WithName(name).WithDataType(t)
		}
		right := x.schema().Fields
		for want, fields := range map[string][]*entity.Field{
			`no column "key"`: {
				field("number", entity.FieldTypeInt64).WithIsPrimaryKey(true),
				field(vectorColumn, entity.FieldTypeFloatVector).WithDim(3),
			},
			`a column "more"`:   append([]*entity.Field{field("more", entity.FieldTypeInt8)}, right...),
			`"slot" has type`:   replaced(right, field(slotColumn, entity.FieldTypeInt64)),
			`"vector" has 4`:    replaced(right, field(vectorColumn, entity.FieldTypeFloatVector).WithDim(4)),
			`"id" holds 5 byte`: replaced(right, field(idColumn, entity.FieldTypeVarChar).WithMaxLength(5)),
		} {
			name := testName()
			schema := entity.NewSchema().WithName(name)
			for _, f := range fields {
				schema.WithField(f)
			}
			require.NoError(t, s.client.CreateCollection(ctx, schema, 1))
			refused(t, name, api.DenseConfig{Dims: 3}, want)
			require.NoError(t, s.Drop(ctx, name))
		}
	})
}

// replaced puts a field in the place of the one of its name.
func replaced(fields []*entity.Field, by *entity.Field) []*entity.Field {
	out := make([]*entity.Field, 0, len(fields))
	for _, f := range fields {
		if f.Name == by.Name {
			f = by
		}
		out = append(out, f)
	}
	return out
}

func TestBadConfiguration(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"Address": func(c *Config) { c.Address = "" }, "Consistency": func(c *Config) { c.Consistency = "none" },
		"Timeout": func(c *Config) { c.Timeout = 0 }, "Now": func(c *Config) { c.Now = nil },
		"Username": func(c *Config) { c.Password = "x" }, "Token": func(c *Config) { c.Token, c.Username = "x", "y" },
	} {
		bad := Default()
		bad.Address = "127.0.0.1:1"
		spoil(&bad)
		_, err := Connect(bad)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, name)
	}
	good := Default()
	good.Address = "127.0.0.1:1"
	s := connectWith(t, good)
	for want, config := range map[string]api.DenseConfig{
		"dimensions is 0":  {},
		"no keyword field": {Dims: 3, Partition: "n"},
		`kind "tree"`:      {Dims: 3, Index: &api.VectorIndex{Kind: "tree"}},
	} {
		_, err := s.Collection("good", config, densetest.Fields())
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, want)
	}
	_, err := s.Collection("a-b", api.DenseConfig{Dims: 3}, nil)
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "a-b")
}

func TestLoss(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := connectTest(t)
	x := testCollection(t, s, api.DenseConfig{Dims: 3})
	defer func() { require.NoError(t, x.Close()) }()
	identity := func() string {
		id, err := x.Identity(ctx)
		require.NoError(t, err)
		return id
	}
	before := identity()
	require.Equal(t, before, identity())
	require.NoError(t, x.Upsert(ctx, some()))
	require.NoError(t, calls(x)["search"](ctx))

	t.Run("a search of a dropped collection says so until it is filled", func(t *testing.T) {
		require.NoError(t, s.Drop(ctx, x.name))
		for range 3 {
			require.ErrorIs(t, calls(x)["search"](ctx), dense.ErrIncomplete)
		}
		require.NotEqual(t, before, identity())
		require.NoError(t, x.Upsert(ctx, some()))
		require.NoError(t, calls(x)["search"](ctx))
	})
	t.Run("an upsert makes a dropped collection anew", func(t *testing.T) {
		require.NoError(t, s.Drop(ctx, x.name))
		require.NoError(t, x.Upsert(ctx, some()[:1]))
		count, err := x.Count(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, count)
	})
	t.Run("a released collection is loaded again", func(t *testing.T) {
		require.NoError(t, s.client.ReleaseCollection(ctx, x.name))
		require.ErrorIs(t, calls(x)["search"](ctx), dense.ErrUnavailable)
		require.NoError(t, calls(x)["search"](ctx))
	})
	t.Run("what is not there can be dropped", func(t *testing.T) {
		require.NoError(t, s.Drop(ctx, "never_made"))
	})
}

func TestKinds(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := connectTest(t)
	for kind, index := range map[string]*api.VectorIndex{
		"default": nil, "hnsw": {Kind: api.VectorHNSW, M: 4, EfConstruction: 8, Ef: 9},
		"ivf_flat": {Kind: api.VectorIVFFlat, NList: 64, NProbe: 64}, "flat": {Kind: api.VectorFlat},
		"diskann": {Kind: api.VectorDiskANN, SearchList: 20},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const n = 2500
			x := testCollection(t, s, api.DenseConfig{Dims: 8, Index: index})
			vs := randomVectors(n, 8)
			require.NoError(t, x.Upsert(ctx, vs))
			seal(t, x, n)
			q := dense.Query{Vector: vs[3].Values, K: 150}
			hits, err := x.Search(ctx, q)
			require.NoError(t, err)
			require.Len(t, hits, q.K)
			require.Equal(t, vs[3].ID, hits[0].ID)
			require.Greater(t, recall(t, vs, q, hits), 0.6)
		})
	}
}

// seal brings all n rows into segments that have their indexes, and lets the server load those.
func seal(t testing.TB, x *Index, n int) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, x.server.client.Flush(ctx, x.name, false))
	for _, column := range []string{vectorColumn, idColumn} {
		require.Eventually(t, func() bool {
			total, indexed, err := x.server.client.GetIndexBuildProgress(ctx, x.name, column)
			return err == nil && total >= int64(n) && indexed == total
		}, 4*time.Minute, 50*time.Millisecond)
	}
	require.NoError(t, x.server.client.ReleaseCollection(ctx, x.name))
	require.NoError(t, x.server.client.LoadCollection(ctx, x.name, false))
	server, ok := x.server.client.(*client.GrpcClient)
	require.True(t, ok)
	answer, err := server.Service.GetQuerySegmentInfo(ctx, &milvuspb.GetQuerySegmentInfoRequest{CollectionName: x.name})
	require.NoError(t, err)
	sealed := 0
	for _, segment := range answer.GetInfos() {
		if segment.GetState() == commonpb.SegmentState_Sealed {
			sealed += int(segment.GetNumRows())
		}
	}
	require.Equal(t, n, sealed)
}

// randomVectors are n documents with a field n of 7 values and a field tag of 50.
func randomVectors(n, dims int) []dense.Vector {
	source := rand.New(rand.NewPCG(uint64(n), uint64(dims)))
	vs := make([]dense.Vector, n)
	for i := range vs {
		id := fmt.Sprintf("doc-%05d", i)
		vs[i] = dense.Vector{ID: id, Version: uint64(i + 1), Slot: uint16(api.SlotOf(id))}
		vs[i].Values = densetest.RandomVector(source, dims)
		vs[i].Attributes = []api.Value{
			{Field: "n", Ints: []int64{int64(i % 7)}}, {Field: "tag", Strings: []string{fmt.Sprint(i % 50)}},
		}
	}
	return vs
}

// recall is the part of the hits that the exact answer has as well.
func recall(t testing.TB, vs []dense.Vector, q dense.Query, hits []dense.Hit) float64 {
	t.Helper()
	exact, err := densetest.Exact(vs, densetest.Fields(), q)
	require.NoError(t, err)
	good := 0
	for _, h := range hits {
		if h.Score >= exact[len(exact)-1].Score-1e-5 {
			good++
		}
	}
	return float64(good) / float64(len(exact))
}
