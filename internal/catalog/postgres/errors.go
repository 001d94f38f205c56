package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sagasu/internal/catalog"
)

// Codes of the server, SQLSTATE, that are looked at by name.
const (
	codeNoPartition   = "23514"
	codeReadOnly      = "25006"
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeExists        = "42P07"
)

// wrap gives an error its place and its kind: what the server or the way to it did becomes catalog.ErrUnavailable.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	var unavailable *catalog.UnavailableError
	switch {
	case errors.As(err, &unavailable), errors.Is(err, catalog.ErrNotFound), errors.Is(err, catalog.ErrStale),
		errors.Is(err, catalog.ErrDropped), errors.Is(err, catalog.ErrInvalid), errors.Is(err, catalog.ErrMigration),
		errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, &catalog.UnavailableError{Reason: reason(err), Err: err})
}

// reason tells what kind of trouble it is; "" for none.
func reason(err error) catalog.Reason {
	var server *pgconn.PgError
	var scan pgx.ScanArgError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &server):
		return reasonOfCode(server.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return catalog.ReasonTimeout
	case errors.As(err, &scan):
		return catalog.ReasonOther
	case strings.Contains(err.Error(), "read only connection"):
		// None of the hosts takes writes; pgconn has no name for it.
		return catalog.ReasonReadOnly
	}
	return catalog.ReasonConnection
}

// reasonOfCode goes by the code, else by its class: the first two letters.
func reasonOfCode(code string) catalog.Reason {
	switch code {
	case codeReadOnly:
		return catalog.ReasonReadOnly
	case "53100", "53400":
		return catalog.ReasonFull
	case "57014":
		return catalog.ReasonTimeout
	case "57P01", "57P02", "57P03", "25P03":
		return catalog.ReasonConnection
	case "3D000":
		return catalog.ReasonAuthentication
	case "42501":
		return catalog.ReasonPermission
	case "42P01", "42703", "3F000":
		return catalog.ReasonSchema
	case "55P03":
		return catalog.ReasonBusy
	}
	switch code[:min(2, len(code))] {
	case "08":
		return catalog.ReasonConnection
	case "28":
		return catalog.ReasonAuthentication
	case "40", "53":
		return catalog.ReasonBusy
	case "XX":
		return catalog.ReasonDamaged
	}
	return catalog.ReasonOther
}

// hasCode reports whether the server gave one of the codes.
func hasCode(err error, codes ...string) bool {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return false
	}
	for _, code := range codes {
		if server.Code == code {
			return true
		}
	}
	return false
}
