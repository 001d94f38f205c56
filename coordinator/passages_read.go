package coordinator

import (
	"context"
	"fmt"
	"slices"

	"sagasu/api"
	"sagasu/sparse"
)

// getPassages gives a document that is split: as the client wrote it, with the version of its first passage, by which
// conditional writes go.
func (n *Node) getPassages(ctx context.Context, l *layout, id string) (api.StoredDocument, error) {
	shard := &l.shards[l.shardOf(id)]
	var before []sparse.Stored
	for range passageReads {
		first, err := n.writes.get(ctx, shard, []string{api.PassageID(id, 0)})
		if err != nil {
			return api.StoredDocument{}, err
		}
		if len(first) == 0 {
			return api.StoredDocument{}, fmt.Errorf("document %q: %w", id, api.ErrDocumentNotFound)
		}
		_, raw := api.TakePassage(first[0].Source)
		p, err := api.ReadPassage(raw)
		if err != nil {
			return api.StoredDocument{}, fmt.Errorf("document %q: %w", id, err)
		}
		all := first
		if p.Count > 1 {
			if all, err = n.writes.get(ctx, shard, passageIDs(id, p.Count)); err != nil {
				return api.StoredDocument{}, err
			}
		}
		if len(all) == p.Count && (together(all) || sameVersions(all, before)) {
			return joinPassages(l.Schema.Passages.Field, id, all)
		}
		before = all
	}
	return api.StoredDocument{}, fmt.Errorf("document %q is being written: %w", id, api.ErrUnavailable)
}

func passageIDs(id string, count int) []string {
	ids := make([]string, count)
	for i := range ids {
		ids[i] = api.PassageID(id, i)
	}
	return ids
}

// together reports whether passages were written by one write: it gives them versions in a row. A read of many takes
// several looks, between which another write may fall.
func together(all []sparse.Stored) bool {
	for i := range all {
		if all[i].Version != all[0].Version+uint64(i) {
			return false
		}
	}
	return true
}

// sameVersions reports whether nothing was written between two reads.
func sameVersions(a, b []sparse.Stored) bool {
	return slices.EqualFunc(a, b, func(x, y sparse.Stored) bool { return x.ID == y.ID && x.Version == y.Version })
}

func joinPassages(field, id string, all []sparse.Stored) (api.StoredDocument, error) {
	sources := make([][]byte, len(all))
	for i := range all {
		sources[i] = all[i].Source
	}
	source, err := api.JoinPassages(field, sources)
	if err != nil {
		return api.StoredDocument{}, fmt.Errorf("document %q: %w", id, err)
	}
	return api.StoredDocument{ID: id, Version: all[0].Version, Source: source, Passages: len(all)}, nil
}
