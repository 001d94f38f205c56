package coordinator

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"sagasu/api"
	"sagasu/internal/catalog"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
)

// verifier compares the stores of one index. Documents that change meanwhile are left to the next comparison.
type verifier struct {
	shards []verifiedShard
	// owner gives the position of the shard that a document belongs to.
	owner func(id string) int
	// generations are those to be compared, the present one first; none for an index without vectors.
	generations []verifiedGeneration
	// index is the index's UUID, catalog what is known of its documents; nil if there is none.
	index   string
	catalog verifiedCatalog
	repair  bool
	// progress is told how many documents more were compared.
	progress func(documents int)

	report  api.VerifyReport
	differs map[differenceKey]*api.Difference
}

// verifiedGeneration is a generation and what Milvus has of it; nil without Milvus.
type verifiedGeneration struct {
	number  int
	vectors verifiedVectors
}

// verifiedShard is the leader of a shard.
type verifiedShard interface {
	// id names the shard; it holds the slots from, to exclusive.
	id() string
	slots() (from, to int)
	listKeys(ctx context.Context, after string, limit int) ([]replica.KeyState, error)
	// current gives the present versions of documents, 0 for those that are gone.
	current(ctx context.Context, ids []string, generation int) ([]uint64, error)
	repair(ctx context.Context, generation int, ids []string) error
}

// verifiedVectors is the part of a dense.Collection that is compared.
type verifiedVectors interface {
	Scan(ctx context.Context, from, to int, visit func(dense.Key) error) error
}

// verifiedCatalog is the part of a catalog that is compared, and brought right.
type verifiedCatalog interface {
	Keys(ctx context.Context, index, after string, limit int) ([]catalog.Key, error)
	Rewind(ctx context.Context, shard string) error
}

type differenceKey struct {
	kind       string
	generation int
}

// noGeneration is the generation of differences that are not about vectors.
const noGeneration = -1

// run compares, and says what differs.
func (v *verifier) run(ctx context.Context) (api.VerifyReport, error) {
	v.differs = map[differenceKey]*api.Difference{}
	v.report.Stores, v.report.Repair = []string{}, v.repair
	if slices.ContainsFunc(v.generations, func(g verifiedGeneration) bool { return g.vectors != nil }) {
		v.report.Stores = append(v.report.Stores, "milvus")
	}
	for _, s := range v.shards {
		if err := v.compareVectors(ctx, s); err != nil {
			return api.VerifyReport{}, err
		}
	}
	if v.catalog != nil {
		v.report.Stores = append(v.report.Stores, "catalog")
		if err := v.compareCatalog(ctx); err != nil {
			return api.VerifyReport{}, err
		}
	}
	v.report.Differences = []api.Difference{}
	for _, d := range v.differs {
		v.report.Differences = append(v.report.Differences, *d)
	}
	slices.SortFunc(v.report.Differences, func(a, b api.Difference) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), compareGenerations(a.Generation, b.Generation))
	})
	return v.report, nil
}

func compareGenerations(a, b *int) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Compare(*a, *b)
}

// differ notes documents that differ.
func (v *verifier) differ(kind string, generation int, ids ...string) {
	if len(ids) == 0 {
		return
	}
	key := differenceKey{kind, generation}
	d := v.differs[key]
	if d == nil {
		d = &api.Difference{Kind: kind, IDs: []string{}}
		if generation != noGeneration {
			d.Generation = &generation
		}
		v.differs[key] = d
	}
	d.Count += len(ids)
	d.IDs = append(d.IDs, ids[:min(len(ids), api.MaxDifferenceIDs-len(d.IDs))]...)
}

// eachKey visits the documents of a shard, ascending by id.
func eachKey(ctx context.Context, s verifiedShard, visit func(replica.KeyState) error) error {
	for after := ""; ; {
		keys, err := s.listKeys(ctx, after, verifyPage)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := visit(k); err != nil {
				return err
			}
		}
		if len(keys) < verifyPage {
			return nil
		}
		after = keys[len(keys)-1].ID
	}
}

// vectorOf gives what a document has in a generation.
func vectorOf(k *replica.KeyState, generation int) replica.VectorState {
	for _, v := range k.Vectors {
		if v.Generation == generation {
			return v
		}
	}
	return replica.VectorState{Generation: generation}
}
