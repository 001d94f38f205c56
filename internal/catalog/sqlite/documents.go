package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"sagasu/internal/catalog"
)

// selectDocument is what documentOf reads.
const selectDocument = `SELECT d.id, d.parent, coalesce((SELECT shard FROM shards WHERE no = d.shard_no), ''),
	d.version, d.state, d.source, d.checksum, d.bytes, d.error, d.truncated, d.received_at, d.indexed_at, d.embedded_at,
	d.updated_at FROM documents d`

// documentOf reads a row of selectDocument.
func documentOf(index, name string) func(*sql.Rows) (catalog.Document, error) {
	return func(rows *sql.Rows) (catalog.Document, error) {
		d := catalog.Document{Index: index, IndexName: name}
		var received, indexed, embedded sql.NullInt64
		var updated int64
		err := rows.Scan(&d.ID, &d.Parent, &d.Shard, &d.Version, &d.State, &d.Source, &d.Checksum, &d.Bytes, &d.Error,
			&d.Truncated, &received, &indexed, &embedded, &updated)
		d.ID, d.Parent, d.Source = catalog.UnescapeID(d.ID), catalog.UnescapeID(d.Parent), catalog.UnescapeID(d.Source)
		d.ReceivedAt, d.IndexedAt, d.EmbeddedAt, d.UpdatedAt = known(received), known(indexed), known(embedded), at(updated)
		return d, err
	}
}

// conditions puts together the WHERE of a statement.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts, c.args = append(c.texts, text), append(c.args, args...)
}

// equal adds that the column has the value, if there is one.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.add(column+" = ?", value)
	}
}

// prefix adds that the column begins with a text.
func (c *conditions) prefix(column, text string) {
	c.add(column+" >= ?", text)
	if end := catalog.PrefixEnd(text); end != "" {
		c.add(column+" < ?", end)
	}
}

// between adds that the column is in a span of which either end may be open.
func (c *conditions) between(column string, from, to time.Time) {
	if !from.IsZero() {
		c.add(column+" >= ?", micros(from))
	}
	if !to.IsZero() {
		c.add(column+" < ?", micros(to))
	}
}

// where gives the clause, with a space before it.
func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}

// limited gives the end of a statement that lists a page, with one row more to tell whether there is a next one.
func limited(order string, limit int) string {
	return " ORDER BY " + order + " LIMIT " + strconv.Itoa(limit+1)
}

// listing gives the statement of a page.
func listing(no int64, f catalog.Filter, after *catalog.Cursor, limit int) (string, []any) {
	c := &conditions{}
	c.add("d.index_no = ?", no)
	if f.State != 0 {
		c.add("d.state = ?", int64(f.State))
	}
	if f.Source != "" {
		c.prefix("d.source", catalog.EscapeID(f.Source))
		c.add("d.source <> ''")
	}
	if f.Text != "" {
		c.add("instr(d.id, ?) > 0", catalog.EscapeID(f.Text))
	}
	if f.Parent != "" {
		c.add("d.parent = ? AND d.parent <> ''", catalog.EscapeID(f.Parent))
	}
	c.between("d.updated_at", f.UpdatedFrom, f.UpdatedTo)
	order := "d.updated_at DESC, d.id DESC"
	if f.Order == catalog.ByID {
		order = "d.id"
	}
	switch {
	case after == nil:
	case f.Order == catalog.ByID:
		c.add("d.id > ?", after.Key)
	default:
		c.add("(d.updated_at, d.id) < (?, ?)", micros(after.At), after.Key)
	}
	return selectDocument + c.where() + limited(order, limit), c.args
}

// Documents implements catalog.Register.
func (s *Store) Documents(
	ctx context.Context, filter catalog.Filter, page catalog.Page,
) (out catalog.DocumentPage, err error) {
	defer s.metrics.Call("documents", &err)()
	if err := filter.Check(); err != nil {
		return out, err
	}
	kind := catalog.CursorNewest
	if filter.Order == catalog.ByID {
		kind = catalog.CursorByID
	}
	after, limit, err := page.Start(kind)
	if err != nil {
		return out, err
	}
	find := func(ctx context.Context, q querier, no int64, name string) error {
		query, args := listing(no, filter, after, limit)
		out.Documents, err = collect(ctx, q, query, args, documentOf(filter.Index, name))
		return err
	}
	err = s.inIndex(ctx, "list documents", filter.Index, find)
	if len(out.Documents) > limit {
		out.Documents = out.Documents[:limit]
		last := out.Documents[limit-1]
		out.Next = catalog.Cursor{Kind: kind, At: last.UpdatedAt, Key: catalog.EscapeID(last.ID)}.String()
	}
	return out, err
}

// inIndex runs f for an index, and not at all for one that is not known.
func (s *Store) inIndex(
	ctx context.Context, doing, index string, f func(ctx context.Context, q querier, no int64, name string) error,
) error {
	return s.read(ctx, doing, func(ctx context.Context, q querier) error {
		no, name, err := indexNo(ctx, q, index)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(ctx, q, no, name)
	})
}

// Document implements catalog.Register.
func (s *Store) Document(ctx context.Context, index, id string) (doc catalog.Document, err error) {
	defer s.metrics.Call("document", &err)()
	if err := catalog.CheckID(id); err != nil {
		return doc, err
	}
	err = s.read(ctx, "read document", func(ctx context.Context, q querier) error {
		no, name, err := indexNo(ctx, q, index)
		if err != nil {
			return err
		}
		found, err := collect(ctx, q, selectDocument+" WHERE d.index_no = ? AND d.id = ?", []any{no, catalog.EscapeID(id)},
			documentOf(index, name))
		if err == nil && len(found) == 0 {
			return catalog.ErrNotFound
		}
		if err == nil {
			doc = found[0]
		}
		return err
	})
	return doc, err
}

// Counts implements catalog.Register.
func (s *Store) Counts(ctx context.Context, index string) (counts map[catalog.State]int64, err error) {
	defer s.metrics.Call("counts", &err)()
	counts = map[catalog.State]int64{}
	err = s.inIndex(ctx, "count documents", index, func(ctx context.Context, q querier, no int64, _ string) error {
		const query = "SELECT state, count(*) FROM documents WHERE index_no = ? GROUP BY state"
		_, err := collect(ctx, q, query, []any{no}, func(rows *sql.Rows) (struct{}, error) {
			var state catalog.State
			var n int64
			err := rows.Scan(&state, &n)
			counts[state] = n
			return struct{}{}, err
		})
		return err
	})
	return counts, err
}

// Keys implements catalog.Register.
func (s *Store) Keys(ctx context.Context, index, after string, limit int) (keys []catalog.Key, err error) {
	defer s.metrics.Call("keys", &err)()
	if limit, err = catalog.CheckLimit(limit, catalog.MaxKeys); err != nil {
		return nil, err
	}
	err = s.inIndex(ctx, "list keys", index, func(ctx context.Context, q querier, no int64, _ string) error {
		keys, err = collect(ctx, q, `SELECT id, version, state FROM documents
			WHERE index_no = ? AND id > ? AND state <> ? ORDER BY id LIMIT ?`,
			[]any{no, catalog.EscapeID(after), int64(catalog.StateDeleted), limit},
			func(rows *sql.Rows) (k catalog.Key, err error) {
				err = rows.Scan(&k.ID, &k.Version, &k.State)
				k.ID = catalog.UnescapeID(k.ID)
				return k, err
			})
		return err
	})
	return keys, err
}
