package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"sagasu/internal/catalog"
)

// wrap gives an error its place and its kind: what the file or the disk did becomes catalog.ErrUnavailable.
func wrap(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	}
	var unavailable *catalog.UnavailableError
	switch {
	case errors.As(err, &unavailable), errors.Is(err, catalog.ErrNotFound), errors.Is(err, catalog.ErrStale),
		errors.Is(err, catalog.ErrDropped), errors.Is(err, catalog.ErrInvalid), errors.Is(err, catalog.ErrMigration):
		return fmt.Errorf("%s: %w", doing, err)
	}
	why := reason(err)
	if ctx.Err() != nil {
		why = catalog.ReasonTimeout
	}
	return fmt.Errorf("%s: %w", doing, &catalog.UnavailableError{Reason: why, Err: err})
}

// reason tells what kind of trouble it is. The low byte of a code is the kind, the rest a detail.
func reason(err error) catalog.Reason {
	failure, ok := errors.AsType[*driver.Error](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return catalog.ReasonTimeout
		}
		return catalog.ReasonOther
	}
	switch failure.Code() & 0xff {
	case codes.SQLITE_FULL:
		return catalog.ReasonFull
	case codes.SQLITE_READONLY:
		return catalog.ReasonReadOnly
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return catalog.ReasonBusy
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return catalog.ReasonDamaged
	case codes.SQLITE_CANTOPEN:
		return catalog.ReasonConnection
	case codes.SQLITE_PERM, codes.SQLITE_AUTH:
		return catalog.ReasonPermission
	case codes.SQLITE_INTERRUPT:
		return catalog.ReasonTimeout
	case codes.SQLITE_ERROR:
		if text := failure.Error(); strings.Contains(text, "no such table") || strings.Contains(text, "no such column") {
			return catalog.ReasonSchema
		}
	}
	return catalog.ReasonOther
}
