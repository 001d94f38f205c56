package milvus

import (
	"context"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
	"sagasu/internal/dense"
)

// row is a vector as it is stored.
type row struct {
	id         string
	version    int64
	unit       []float32
	attributes []byte
	many       bool
}

// Upsert stores the vectors whose version is not below the stored one. A call that fails midway may
// have stored some of them; repeating it does no harm.
func (x *Index) Upsert(ctx context.Context, vs []dense.Vector) error {
	if err := dense.ContextError(ctx); err != nil {
		return fmt.Errorf("upsert vectors: %w", err)
	}
	rows, err := x.rows(vs)
	if err != nil {
		return fmt.Errorf("upsert vectors: %w", err)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	for len(rows) > 0 {
		n := batch(rows)
		if err := x.upsert(ctx, rows[:n]); err != nil {
			return fmt.Errorf("upsert vectors: %w", err)
		}
		rows = rows[n:]
	}
	return nil
}

// rows checks and encodes the vectors, the newest of each id, in their order.
func (x *Index) rows(vs []dense.Vector) ([]row, error) {
	rows := make([]row, 0, len(vs))
	at := make(map[string]int, len(vs))
	for i := range vs {
		r, err := x.row(&vs[i])
		if err != nil {
			return nil, fmt.Errorf("document %q: %w", vs[i].ID, err)
		}
		switch old, ok := at[r.id]; {
		case !ok:
			at[r.id] = len(rows)
			rows = append(rows, r)
		case r.version >= rows[old].version:
			rows[old] = r
		}
	}
	return rows, nil
}

func (x *Index) row(v *dense.Vector) (row, error) {
	if err := checkID(v.ID); err != nil {
		return row{}, err
	}
	if v.Version > math.MaxInt64 {
		return row{}, fmt.Errorf("%w: version %d is over %d", dense.ErrTooLarge, v.Version, int64(math.MaxInt64))
	}
	if err := dense.CheckDims(v.Values, x.cfg.Dims); err != nil {
		return row{}, err
	}
	unit, err := dense.Normalize(v.Values)
	if err != nil {
		return row{}, err
	}
	attributes, many, err := encodeAttributes(v.Attributes, x.fields)
	if err != nil {
		return row{}, err
	}
	return row{id: v.ID, version: int64(v.Version), unit: unit, attributes: attributes, many: many}, nil
}

// checkID returns ErrID for an id that a collection can't hold.
func checkID(id string) error {
	if id == "" || len(id) > api.MaxIDBytes || !utf8.ValidString(id) {
		return fmt.Errorf("%w: it has %d bytes, allowed are 1 to %d of valid UTF-8", ErrID, len(id), api.MaxIDBytes)
	}
	return nil
}

// batch gives the number of rows to send at once, at least one.
func batch(rows []row) int {
	size := 0
	for i := range rows {
		size += len(rows[i].id) + 4*len(rows[i].unit) + len(rows[i].attributes)
		if i > 0 && size > maxBatchBytes || i == maxKeys {
			return i
		}
	}
	return len(rows)
}

// upsert sends a batch without the rows that are stale. The caller holds writing.
func (x *Index) upsert(ctx context.Context, rows []row) error {
	ids := make([]string, 0, len(rows))
	for i := range rows {
		ids = append(ids, rows[i].id)
	}
	stored, err := x.versions(ctx, ids)
	if err != nil {
		return err
	}
	var (
		keys       []string
		versions   []int64
		units      [][]float32
		attributes [][]byte
		many       []bool
	)
	for i := range rows {
		r := &rows[i]
		if old, ok := stored[r.id]; ok && old > r.version {
			continue
		}
		keys, versions, units = append(keys, r.id), append(versions, r.version), append(units, r.unit)
		attributes, many = append(attributes, r.attributes), append(many, r.many)
	}
	if len(keys) == 0 {
		return nil
	}
	return x.call(ctx, func(ctx context.Context) error {
		_, err := x.client.Upsert(ctx, x.cfg.Collection, "",
			entity.NewColumnVarChar(idColumn, keys), entity.NewColumnInt64(versionColumn, versions),
			entity.NewColumnFloatVector(vectorColumn, x.cfg.Dims, units),
			entity.NewColumnJSONBytes(attributesColumn, attributes), entity.NewColumnBool(manyColumn, many))
		return err
	})
}

// versions gives the stored versions of those ids that are there, at most maxKeys. It asks with strong
// consistency: a replica that lags could hide a newer version.
func (x *Index) versions(ctx context.Context, ids []string) (map[string]int64, error) {
	out := map[string]int64{}
	err := x.call(ctx, func(ctx context.Context) error {
		found, err := x.client.Query(ctx, x.cfg.Collection, nil, idsIn(ids), []string{idColumn, versionColumn},
			client.WithSearchQueryConsistencyLevel(entity.ClStrong))
		if err != nil {
			return err
		}
		keys, versions, err := keyColumns(found.GetColumn(idColumn), found.GetColumn(versionColumn))
		if err != nil {
			return err
		}
		for i, id := range keys {
			out[id] = versions[i]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return out, nil
}

// keyColumns gives ids and versions out of an answer; both are nil when it has no rows.
func keyColumns(ids, versions entity.Column) ([]string, []int64, error) {
	if ids == nil || ids.Len() == 0 {
		return nil, nil, nil
	}
	keys, ok := ids.(*entity.ColumnVarChar)
	numbers, good := versions.(*entity.ColumnInt64)
	if !ok || !good || keys.Len() != numbers.Len() {
		return nil, nil, fmt.Errorf("%w: the answer's columns don't fit together", dense.ErrIncomplete)
	}
	return keys.Data(), numbers.Data(), nil
}

// Delete removes the ids whose stored version is at most the key's.
func (x *Index) Delete(ctx context.Context, keys []dense.Key) error {
	upTo := make(map[string]uint64, len(keys))
	ids := make([]string, 0, len(keys))
	for _, k := range keys {
		if checkID(k.ID) != nil {
			// No such id can be stored.
			continue
		}
		if _, ok := upTo[k.ID]; !ok {
			ids = append(ids, k.ID)
		}
		upTo[k.ID] = max(upTo[k.ID], k.Version)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	for len(ids) > 0 {
		n := min(len(ids), maxKeys)
		if err := x.delete(ctx, ids[:n], upTo); err != nil {
			return fmt.Errorf("delete vectors: %w", err)
		}
		ids = ids[n:]
	}
	return nil
}

func (x *Index) delete(ctx context.Context, ids []string, upTo map[string]uint64) error {
	stored, err := x.versions(ctx, ids)
	if err != nil {
		return err
	}
	var gone []string
	for _, id := range ids {
		if version, ok := stored[id]; ok && uint64(version) <= upTo[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	err = x.call(ctx, func(ctx context.Context) error {
		return x.client.Delete(ctx, x.cfg.Collection, "", idsIn(gone))
	})
	if err != nil {
		return err
	}
	return x.awaitGone(ctx, gone)
}

// awaitGone returns when searches don't see the ids any more. The server's answer to a delete lacks the
// timestamp that session consistency needs, so the delete is waited for by a read with strong consistency.
func (x *Index) awaitGone(ctx context.Context, ids []string) error {
	left, err := x.versions(ctx, ids)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: %d of %d deleted vectors are still there", dense.ErrIncomplete, len(left), len(ids))
	}
	return nil
}
