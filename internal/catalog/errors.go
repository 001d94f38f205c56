package catalog

import (
	"errors"
	"fmt"
)

var (
	// ErrUnavailable is returned when the database can't do what is asked now, and may be able to later; ReasonOf tells
	// why.
	ErrUnavailable = errors.New("catalog is unavailable")
	// ErrNotFound is returned when what is asked for is not in the catalog.
	ErrNotFound = errors.New("not in the catalog")
	// ErrStale is returned when a batch does not begin where the catalog is: another one told it since, or it was lost.
	// Progress tells where it is.
	ErrStale = errors.New("catalog is at another position")
	// ErrDropped is returned when the index was dropped from the catalog; repeating does not help.
	ErrDropped = errors.New("index was dropped from the catalog")
	// ErrMigration is returned when the database's schema is newer than this build, was left half-way by hand, or
	// can't be changed.
	ErrMigration = errors.New("schema of the catalog does not fit")
	// ErrInvalid is returned when a value is not one that the catalog takes; repeating does not help.
	ErrInvalid = errors.New("not a value for the catalog")
	// ErrConfig is returned when a configuration makes no sense.
	ErrConfig = errors.New("bad configuration of the catalog")
)

// ValueError is an ErrInvalid that names the value at fault.
type ValueError struct {
	// Name is that of a member of a filter or page in small letters, such as "text" or "after"; Why goes on from it.
	Name, Why string
}

// Error tells the name, and what is wrong.
func (e *ValueError) Error() string { return fmt.Sprintf("%v: %s %s", ErrInvalid, e.Name, e.Why) }

// Is reports whether target is ErrInvalid.
func (e *ValueError) Is(target error) bool { return target == ErrInvalid }

// Reason says why a catalog is unavailable.
type Reason string

// The reasons.
const (
	// ReasonConnection is a server that is not there, starts, or ended the connection.
	ReasonConnection Reason = "connection"
	// ReasonAuthentication is a server that does not know the user, the password or the database.
	ReasonAuthentication Reason = "authentication"
	// ReasonPermission is a user who may not do it.
	ReasonPermission Reason = "permission"
	// ReasonReadOnly is a database that takes no writes, such as a standby.
	ReasonReadOnly Reason = "read_only"
	// ReasonFull is a database without room.
	ReasonFull Reason = "full"
	// ReasonTimeout is a call that took too long.
	ReasonTimeout Reason = "timeout"
	// ReasonBusy is a database that has too much to do.
	ReasonBusy Reason = "busy"
	// ReasonDamaged is a database that can't be read.
	ReasonDamaged Reason = "damaged"
	// ReasonSchema is a database without the tables: it was not migrated, or they were removed.
	ReasonSchema Reason = "schema"
	// ReasonOther is what the server says and none of the others fits.
	ReasonOther Reason = "other"
)

// UnavailableError is an ErrUnavailable with its reason.
type UnavailableError struct {
	Reason Reason
	Err    error
}

// Error tells the reason and what the database said.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrUnavailable, e.Reason, e.Err)
}

// Is reports whether target is ErrUnavailable.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

// Unwrap gives what the database said.
func (e *UnavailableError) Unwrap() error { return e.Err }

// ReasonOf gives the reason of an ErrUnavailable, "" of other errors.
func ReasonOf(err error) Reason {
	if unavailable, ok := errors.AsType[*UnavailableError](err); ok {
		return unavailable.Reason
	}
	return ""
}
