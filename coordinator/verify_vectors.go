package coordinator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
)

// wantedVector is a document and the version of its vector that Milvus is to have.
type wantedVector struct {
	id string
	// version is the document's, vector that of its vector, 0 if there is none, found the highest that Milvus has.
	version, vector, found uint64
	// waits says that the vector is still to be made: until then Milvus may have one of an earlier version.
	waits bool
}

// suspect is a document that differs, unless it has changed meanwhile.
type suspect struct {
	kind, id string
	// version is the document's when it was looked at, 0 for one that is not there.
	version uint64
}

// compareVectors compares a shard's vectors with its documents, and with those in Milvus.
func (v *verifier) compareVectors(ctx context.Context, s verifiedShard) error {
	wanted := make([][]wantedVector, len(v.generations))
	documents := 0
	err := eachKey(ctx, s, func(k replica.KeyState) error {
		if documents++; documents%verifyPage == 0 {
			v.progress(verifyPage)
		}
		for i, g := range v.generations {
			has := vectorOf(&k, g.number)
			w := wantedVector{id: k.ID, version: k.Version, vector: has.Version}
			switch {
			case has.Version == k.Version:
			case has.Failed != "":
				w.vector = 0
				if i == 0 {
					v.report.Failed++
				}
			case has.NoText:
				w.vector = 0
			default:
				w.waits, w.vector = true, 0
				v.differ(api.DifferenceWaiting, g.number, k.ID)
			}
			if g.vectors != nil {
				wanted[i] = append(wanted[i], w)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list the documents of shard %s: %w", s.id(), err)
	}
	v.report.Documents += documents
	v.progress(documents % verifyPage)
	for i, g := range v.generations {
		if g.vectors == nil {
			continue
		}
		if err := v.compareMilvus(ctx, s, g, wanted[i]); err != nil {
			return fmt.Errorf("compare generation %d of shard %s: %w", g.number, s.id(), err)
		}
	}
	return nil
}

// compareMilvus compares what Milvus has of a shard's slots with what it is to have.
func (v *verifier) compareMilvus(ctx context.Context, s verifiedShard, g verifiedGeneration, wanted []wantedVector,
) error {
	from, to := s.slots()
	var suspects []suspect
	extra := map[string]bool{}
	err := g.vectors.Scan(ctx, from, to, func(k dense.Key) error {
		at, ok := slices.BinarySearchFunc(wanted, k.ID, func(w wantedVector, id string) int {
			return strings.Compare(w.id, id)
		})
		switch {
		case ok:
			wanted[at].found = max(wanted[at].found, k.Version)
		case !extra[k.ID]:
			if len(extra) >= maxVerifiedExtra {
				return errTooManyExtra
			}
			extra[k.ID] = true
			suspects = append(suspects, suspect{kind: api.DifferenceMilvusExtra, id: k.ID})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, w := range wanted {
		kind := ""
		switch {
		case w.vector == 0 && !w.waits && w.found > 0:
			kind = api.DifferenceMilvusExtra
		case w.vector == 0 || w.found == w.vector:
			continue
		case w.found == 0:
			kind = api.DifferenceMilvusMissing
		default:
			kind = api.DifferenceMilvusStale
		}
		suspects = append(suspects, suspect{kind, w.id, w.version})
	}
	return v.judge(ctx, s, g.number, suspects)
}

// judge notes the suspects that have not changed since, and repairs them.
func (v *verifier) judge(ctx context.Context, s verifiedShard, generation int, suspects []suspect) error {
	for batch := range slices.Chunk(suspects, verifyBatch) {
		wrong, err := v.unchanged(ctx, s, generation, batch)
		if err != nil {
			return err
		}
		ids := make([]string, len(wrong))
		for i, x := range wrong {
			v.differ(x.kind, generation, x.id)
			ids[i] = x.id
		}
		if v.repair && len(ids) > 0 {
			if err := s.repair(ctx, generation, ids); err != nil {
				return fmt.Errorf("repair: %w", err)
			}
		}
	}
	return nil
}

// unchanged gives the suspects whose documents are as they were, at most verifyBatch.
func (v *verifier) unchanged(ctx context.Context, s verifiedShard, generation int, suspects []suspect,
) ([]suspect, error) {
	if len(suspects) == 0 {
		return nil, nil
	}
	ids := make([]string, len(suspects))
	for i, x := range suspects {
		ids[i] = x.id
	}
	versions, err := s.current(ctx, ids, generation)
	if err != nil {
		return nil, fmt.Errorf("look at documents again: %w", err)
	}
	var out []suspect
	for i, x := range suspects {
		if versions[i] == x.version {
			out = append(out, x)
		}
	}
	return out, nil
}
