package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// selectDocument is what documentOf reads.
const selectDocument = `SELECT d.id, d.parent, coalesce((SELECT shard FROM shards WHERE no = d.shard_no), ''),
	d.version, d.state, d.source, d.checksum, d.bytes, d.error, d.truncated, d.received_at, d.indexed_at, d.embedded_at,
	d.updated_at FROM documents d`

// documentOf reads a row of selectDocument.
func documentOf(index, name string) pgx.RowToFunc[catalog.Document] {
	return func(row pgx.CollectableRow) (catalog.Document, error) {
		d := catalog.Document{Index: index, IndexName: name}
		var received, indexed, embedded *time.Time
		err := row.Scan(&d.ID, &d.Parent, &d.Shard, &d.Version, &d.State, &d.Source, &d.Checksum, &d.Bytes, &d.Error,
			&d.Truncated, &received, &indexed, &embedded, &d.UpdatedAt)
		d.ID, d.Parent = catalog.UnescapeID(d.ID), catalog.UnescapeID(d.Parent)
		d.ReceivedAt, d.IndexedAt, d.EmbeddedAt = known(received), known(indexed), known(embedded)
		d.UpdatedAt = d.UpdatedAt.UTC()
		return d, err
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// conditions puts together the WHERE of a statement.
type conditions struct {
	texts []string
	args  []any
}

// add adds a condition whose "?" are the arguments.
func (c *conditions) add(text string, args ...any) {
	for _, arg := range args {
		c.args = append(c.args, arg)
		text = strings.Replace(text, "?", "$"+itoa(len(c.args)), 1)
	}
	c.texts = append(c.texts, text)
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
		c.add(column+" >= ?", from)
	}
	if !to.IsZero() {
		c.add(column+" < ?", to)
	}
}

// where gives the clause, with a space before it.
func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}

// anywhere is a pattern for LIKE that matches what contains the text.
func anywhere(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

// listing gives the statement of a page, with one row more than the page has to tell whether there is a next one.
func listing(no int32, f catalog.Filter, after *catalog.Cursor, limit int) (string, []any) {
	c := &conditions{}
	c.add("d.index_no = ?", no)
	if f.State != 0 {
		c.add("d.state = ?", f.State)
	}
	if f.Source != "" {
		c.prefix("d.source", f.Source)
		c.add("d.source <> ''")
	}
	if f.Text != "" {
		c.add("d.id LIKE ?", anywhere(catalog.EscapeID(f.Text)))
	}
	if f.Parent != "" {
		c.add("d.parent = ?", catalog.EscapeID(f.Parent))
		c.add("d.parent <> ''")
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
		c.add("(d.updated_at, d.id) < (?, ?)", after.At, after.Key)
	}
	page := c.where() + " ORDER BY " + order + " LIMIT " + itoa(limit+1)
	if f.Text != "" && f.Source == "" && f.Parent == "" {
		// The indexes hold the ids: rows that don't match are passed over without a look at them.
		return selectDocument + " WHERE d.index_no = $1 AND d.id IN (SELECT d.id FROM documents d" + page + ") ORDER BY " +
			order, c.args
	}
	return selectDocument + page, c.args
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
	err = s.list(ctx, "list documents", func(ctx context.Context, q querier) error {
		no, name, err := indexNo(ctx, q, filter.Index)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		sql, args := listing(no, filter, after, limit)
		rows, err := q.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out.Documents, err = pgx.CollectRows(rows, documentOf(filter.Index, name))
		return err
	})
	if len(out.Documents) > limit {
		out.Documents = out.Documents[:limit]
		last := out.Documents[limit-1]
		out.Next = catalog.Cursor{Kind: kind, At: last.UpdatedAt, Key: catalog.EscapeID(last.ID)}.String()
	}
	return out, err
}

// Counts implements catalog.Register.
func (s *Store) Counts(ctx context.Context, index string) (counts map[catalog.State]int64, err error) {
	defer s.metrics.Call("counts", &err)()
	err = s.list(ctx, "count documents", func(ctx context.Context, q querier) error {
		counts = map[catalog.State]int64{}
		no, _, err := indexNo(ctx, q, index)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		rows, err := q.Query(ctx, "SELECT state, count(*) FROM documents WHERE index_no = $1 GROUP BY state", no)
		if err != nil {
			return err
		}
		var state catalog.State
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
			counts[state] = n
			return nil
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
	err = s.read(ctx, "list keys", func(ctx context.Context, q querier) error {
		no, _, err := indexNo(ctx, q, index)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		rows, err := q.Query(ctx, `SELECT id, version, state FROM documents
			WHERE index_no = $1 AND id > $2 AND state <> $3 ORDER BY id LIMIT $4`,
			no, catalog.EscapeID(after), catalog.StateDeleted, limit)
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k catalog.Key, err error) {
			err = row.Scan(&k.ID, &k.Version, &k.State)
			k.ID = catalog.UnescapeID(k.ID)
			return k, err
		})
		return err
	})
	return keys, err
}
