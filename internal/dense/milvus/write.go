package milvus

import (
	"context"
	"fmt"
	"math"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
	"sagasu/internal/dense"
)

// row is a vector as it is stored.
type row struct {
	key, id    string
	version    int64
	slot       int16
	unit       []float32
	attributes []byte
	width      int8
	partition  string
}

// Upsert stores the vectors and then removes all rows of their ids but the newest of each, whoever wrote them.
// Writers that come at the same time end with the newest version: of two the one that looks later sees both. It
// returns when searches see what it stored.
func (x *Index) Upsert(ctx context.Context, vs []dense.Vector) error {
	if err := dense.ContextError(ctx); err != nil {
		return fmt.Errorf("upsert vectors: %w", err)
	}
	rows, err := x.rows(vs)
	if err != nil {
		return fmt.Errorf("upsert vectors: %w", err)
	}
	for rest := rows; len(rest) > 0; {
		n := batch(rest)
		if err := x.insert(ctx, rest[:n]); err != nil {
			return fmt.Errorf("upsert vectors: %w", err)
		}
		rest = rest[n:]
	}
	for len(rows) > 0 {
		n := min(len(rows), maxKeys)
		if err := x.settle(ctx, rows[:n]); err != nil {
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
	if v.Slot >= api.Slots {
		return row{}, fmt.Errorf("%w: slot %d is over %d", dense.ErrTooLarge, v.Slot, api.Slots-1)
	}
	if err := dense.CheckDims(v.Values, x.dims); err != nil {
		return row{}, err
	}
	unit, err := dense.Normalize(v.Values)
	if err != nil {
		return row{}, err
	}
	attributes, width, err := encodeAttributes(v.Attributes, x.filterable)
	if err != nil {
		return row{}, err
	}
	version := int64(v.Version)
	return row{
		key: rowKey(v.ID, version), id: storedID(v.ID), version: version, slot: int16(v.Slot), unit: unit,
		attributes: attributes, width: width, partition: x.partitionValue(v.Attributes),
	}, nil
}

// batch gives the number of rows to send at once, at least one.
func batch(rows []row) int {
	size := 0
	for i := range rows {
		size += len(rows[i].key) + len(rows[i].id) + 4*len(rows[i].unit) + len(rows[i].attributes)
		if i > 0 && size > maxBatchBytes || i == maxKeys {
			return i
		}
	}
	return len(rows)
}

// insert sends a batch. A row that is there already is stored again, and the former one goes.
func (x *Index) insert(ctx context.Context, rows []row) error {
	n := len(rows)
	var (
		keys, ids, places = make([]string, n), make([]string, n), make([]string, n)
		versions, slots   = make([]int64, n), make([]int16, n)
		units, attributes = make([][]float32, n), make([][]byte, n)
		widths            = make([]int8, n)
	)
	for i := range rows {
		r := &rows[i]
		keys[i], ids[i], places[i], versions[i], slots[i] = r.key, r.id, r.partition, r.version, r.slot
		units[i], attributes[i], widths[i] = r.unit, r.attributes, r.width
	}
	columns := []entity.Column{
		entity.NewColumnVarChar(keyColumn, keys), entity.NewColumnVarChar(idColumn, ids),
		entity.NewColumnInt64(versionColumn, versions), entity.NewColumnInt16(slotColumn, slots),
		entity.NewColumnFloatVector(vectorColumn, x.dims, units),
		entity.NewColumnJSONBytes(attributesColumn, attributes), entity.NewColumnInt8(widthColumn, widths),
	}
	if x.partition == "" {
		return x.again(ctx, func(ctx context.Context) error {
			_, err := x.server.client.Upsert(ctx, x.name, "", columns...)
			return err
		})
	}
	// Milvus's upsert puts rows into any partition, where searches that are narrowed to one don't find them (2.3.5).
	columns = append(columns, entity.NewColumnVarChar(partitionColumn, places))
	return x.again(ctx, func(ctx context.Context) error {
		if err := x.server.client.Delete(ctx, x.name, "", inList(keyColumn, keys)); err != nil {
			return err
		}
		_, err := x.server.client.Insert(ctx, x.name, "", columns...)
		return err
	})
}

// settle removes all rows of the rows' ids but the newest of each, at most maxKeys ids. It returns
// dense.ErrIncomplete if there is an id without any: the rows were just stored.
func (x *Index) settle(ctx context.Context, rows []row) error {
	ids := make([]string, 0, len(rows))
	for i := range rows {
		ids = append(ids, rows[i].id)
	}
	stored, err := x.stored(ctx, ids)
	if err != nil {
		return err
	}
	newest := make(map[string]dense.Key, len(rows))
	var old []dense.Key
	for _, k := range stored {
		have, ok := newest[k.ID]
		if ok && have.Version > k.Version {
			old = append(old, k)
			continue
		}
		if ok && have.Version < k.Version {
			old = append(old, have)
		}
		newest[k.ID] = k
	}
	if len(newest) < len(rows) {
		return fmt.Errorf("%w: %d of %d stored vectors are not there",
			dense.ErrIncomplete, len(rows)-len(newest), len(rows))
	}
	return x.remove(ctx, old)
}

// stored gives the rows of those ids, as they are stored, that are there. It asks with strong consistency, which
// also waits until all that was written before can be found.
func (x *Index) stored(ctx context.Context, ids []string) ([]dense.Key, error) {
	keys, err := x.find(ctx, inList(idColumn, ids))
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return keys, nil
}

// find gives the keys of the rows that an expression selects, with strong consistency.
func (x *Index) find(ctx context.Context, expr string) ([]dense.Key, error) {
	var keys []dense.Key
	err := x.again(ctx, func(ctx context.Context) error {
		var err error
		keys, err = x.keys(ctx, expr, entity.ClStrong)
		return err
	})
	return keys, err
}

// keys gives the keys of the rows that an expression selects.
func (x *Index) keys(
	ctx context.Context, expr string, level entity.ConsistencyLevel, options ...client.SearchQueryOptionFunc,
) ([]dense.Key, error) {
	found, err := x.server.client.Query(ctx, x.name, nil, expr, []string{keyColumn},
		append(options, client.WithSearchQueryConsistencyLevel(level))...)
	if err != nil {
		return nil, unreadable(err)
	}
	return keysOf(found.GetColumn(keyColumn))
}

// keysOf parses a column of keys; nil for that of an answer without rows.
func keysOf(column entity.Column) ([]dense.Key, error) {
	if column == nil || column.Len() == 0 {
		return nil, nil
	}
	texts, ok := column.(*entity.ColumnVarChar)
	if !ok {
		return nil, fmt.Errorf("%w: the keys are no strings", dense.ErrIncomplete)
	}
	keys := make([]dense.Key, 0, texts.Len())
	for _, text := range texts.Data() {
		k, err := parseKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Delete removes the rows of the ids whose version is at most the key's. It returns when searches don't see them.
func (x *Index) Delete(ctx context.Context, keys []dense.Key) error {
	upTo := make(map[string]uint64, len(keys))
	ids := make([]string, 0, len(keys))
	for _, k := range keys {
		if checkID(k.ID) != nil {
			// No such id can be stored.
			continue
		}
		if _, ok := upTo[k.ID]; !ok {
			ids = append(ids, storedID(k.ID))
		}
		upTo[k.ID] = max(upTo[k.ID], k.Version)
	}
	for len(ids) > 0 {
		n := min(len(ids), maxKeys)
		stored, err := x.stored(ctx, ids[:n])
		if err != nil {
			return fmt.Errorf("delete vectors: %w", err)
		}
		var gone []dense.Key
		for _, k := range stored {
			if k.Version <= upTo[k.ID] {
				gone = append(gone, k)
			}
		}
		if err := x.remove(ctx, gone); err != nil {
			return fmt.Errorf("delete vectors: %w", err)
		}
		ids = ids[n:]
	}
	return nil
}

// remove deletes rows and waits until searches don't see them. The server's answer to a delete lacks the timestamp
// that session consistency needs, so a read with strong consistency waits for it.
func (x *Index) remove(ctx context.Context, rows []dense.Key) error {
	for len(rows) > 0 {
		n := min(len(rows), maxKeys)
		keys := make([]string, 0, n)
		for _, k := range rows[:n] {
			keys = append(keys, rowKey(k.ID, int64(k.Version)))
		}
		expr := inList(keyColumn, keys)
		err := x.again(ctx, func(ctx context.Context) error {
			return x.server.client.Delete(ctx, x.name, "", expr)
		})
		if err != nil {
			return err
		}
		if err := x.awaitGone(ctx, expr); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// awaitGone returns when reads with strong consistency don't find what was deleted. While others write as well, such
// a read may come before the server has applied the delete that it should see (2.3.5); the next one doesn't.
func (x *Index) awaitGone(ctx context.Context, expr string) error {
	for try := 1; ; try++ {
		left, err := x.find(ctx, expr)
		if err != nil {
			return fmt.Errorf("read deleted rows: %w", err)
		}
		switch {
		case len(left) == 0:
			return nil
		case try == goneReads:
			return fmt.Errorf("%w: %d deleted vectors are still there", dense.ErrIncomplete, len(left))
		}
	}
}
