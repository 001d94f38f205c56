package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"sagasu/internal/catalog"
)

// textIndex finds parts of ids.
const textIndex = "documents_text_in_id"

// indexText makes the index by the trigrams of ids, if there are any: they are an extension that a server may lack, or
// keep from its users. Without it, listings by a part of the id read more. It is no migration, since it may come later.
func (s *Store) indexText(ctx context.Context, conn *pgx.Conn) error {
	var valid bool
	err := conn.QueryRow(ctx, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)",
		s.cfg.Schema+"."+textIndex).Scan(&valid)
	switch {
	case err == nil && valid:
		return nil
	case err == nil:
		// Making it was interrupted.
		if _, err := conn.Exec(ctx, "DROP INDEX "+textIndex); err != nil {
			return err
		}
	case !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	var available bool
	err = conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_available_extensions WHERE name = 'pg_trgm'").Scan(&available)
	if err != nil {
		return err
	}
	if available {
		_, err = conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
	}
	if !available || reason(err) == catalog.ReasonPermission {
		s.cfg.Logger.Warn("catalog has no index for parts of ids: extension pg_trgm is missing", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	// It may be in another schema, for another's tables.
	var schema string
	err = conn.QueryRow(ctx, `SELECT quote_ident(n.nspname) FROM pg_extension e
		JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'`).Scan(&schema)
	if err != nil {
		return err
	}
	// Writes go on meanwhile.
	_, err = conn.Exec(ctx, "CREATE INDEX CONCURRENTLY "+textIndex+" ON documents USING gin (id "+schema+".gin_trgm_ops)")
	return err
}
