package milvus

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
)

// neighbours says how neighbours are found: api.VectorIndex with its defaults filled in.
type neighbours api.VectorIndex

// newNeighbours fills in the defaults. It returns ErrConfig for a kind that there is none of.
func newNeighbours(x *api.VectorIndex) (neighbours, error) {
	if x == nil {
		x = &api.VectorIndex{Kind: api.VectorHNSW}
	}
	n := neighbours(*x)
	fill := func(value *int, fallback int) {
		if *value == 0 {
			*value = fallback
		}
	}
	switch n.Kind {
	case api.VectorHNSW:
		fill(&n.M, 16)
		fill(&n.EfConstruction, 200)
		fill(&n.Ef, 256)
	case api.VectorIVFFlat:
		fill(&n.NList, 1024)
		fill(&n.NProbe, 32)
		n.NProbe = min(n.NProbe, n.NList)
	case api.VectorDiskANN:
		fill(&n.SearchList, 128)
	case api.VectorFlat:
	default:
		return n, fmt.Errorf("%w: there is no vector index of kind %q", ErrConfig, n.Kind)
	}
	return n, nil
}

// build gives the index as it is made.
func (n neighbours) build() (entity.Index, error) {
	var (
		index entity.Index
		err   error
	)
	switch n.Kind {
	case api.VectorIVFFlat:
		index, err = entity.NewIndexIvfFlat(entity.COSINE, n.NList)
	case api.VectorDiskANN:
		index, err = entity.NewIndexDISKANN(entity.COSINE)
	case api.VectorFlat:
		index, err = entity.NewIndexFlat(entity.COSINE)
	default:
		index, err = entity.NewIndexHNSW(entity.COSINE, n.M, n.EfConstruction)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return index, nil
}

// search gives the parameters of a search for k neighbours.
func (n neighbours) search(k int) (entity.SearchParam, error) {
	var (
		params entity.SearchParam
		err    error
	)
	switch n.Kind {
	case api.VectorIVFFlat:
		params, err = entity.NewIndexIvfFlatSearchParam(n.NProbe)
	case api.VectorDiskANN:
		params, err = entity.NewIndexDISKANNSearchParam(max(n.SearchList, k))
	case api.VectorFlat:
		params, err = entity.NewIndexFlatSearchParam()
	default:
		params, err = entity.NewIndexHNSWSearchParam(min(max(n.Ef, k), maxEf))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return params, nil
}

// differs tells in what an index of the server differs from the one wanted; "" if in nothing that is built.
func (n neighbours) differs(have map[string]string) string {
	want, err := n.build()
	if err != nil {
		return err.Error()
	}
	if kind := have["index_type"]; kind != string(want.IndexType()) {
		return fmt.Sprintf("an index of kind %s, not %s", kind, want.IndexType())
	}
	if metric := have["metric_type"]; metric != string(entity.COSINE) {
		return fmt.Sprintf("the metric %s, not %s", metric, entity.COSINE)
	}
	for name, value := range buildParameters(want.Params()) {
		if got, ok := buildParameters(have)[name]; ok && got != value {
			return fmt.Sprintf("an index with %s %s, not %s", name, got, value)
		}
	}
	return ""
}

// buildParameters gives the numbers by which an index was built: servers list them, or put them into one as JSON.
func buildParameters(params map[string]string) map[string]string {
	out := map[string]string{}
	var nested map[string]any
	if json.Unmarshal([]byte(params["params"]), &nested) == nil {
		for name, value := range nested {
			out[name] = fmt.Sprint(value)
		}
	}
	for name, value := range params {
		if _, err := strconv.Atoi(value); err == nil {
			out[name] = value
		}
	}
	return out
}
