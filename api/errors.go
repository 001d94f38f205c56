package api

import (
	"errors"
	"fmt"
)

// What a node answers besides a *Problem. The HTTP room alone maps them to status codes.
var (
	// ErrIndexNotFound is returned when no index has the name.
	ErrIndexNotFound = errors.New("index not found")
	// ErrIndexExists is returned when an index to be created exists already.
	ErrIndexExists = errors.New("index exists already")
	// ErrDocumentNotFound is returned when no document has the id.
	ErrDocumentNotFound = errors.New("document not found")
	// ErrConflict is returned when a conditional write names another version than the present one.
	ErrConflict = errors.New("version conflict")
	// ErrOverloaded is returned when a queue is full; trying again later can succeed.
	ErrOverloaded = errors.New("overloaded")
	// ErrUnavailable is returned when a part that is needed is not there now; nothing was done.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnknownOutcome is returned when a write may or may not have happened.
	ErrUnknownOutcome = errors.New("outcome unknown")
)

// Types of problems, as URI references.
const (
	ProblemDocument    = "/problems/invalid-document"
	ProblemQuery       = "/problems/invalid-query"
	ProblemSchema      = "/problems/invalid-schema"
	ProblemRequest     = "/problems/invalid-request"
	ProblemTooLarge    = "/problems/too-large"
	ProblemNotFound    = "/problems/not-found"
	ProblemConflict    = "/problems/conflict"
	ProblemOverloaded  = "/problems/overloaded"
	ProblemUnavailable = "/problems/unavailable"
	ProblemPartial     = "/problems/partial-answer"
	ProblemRefused     = "/problems/query-refused"
	ProblemNoRoom      = "/problems/no-room"
	// ProblemUnauthenticated is of those who are not known, ProblemForbidden of those who may not.
	ProblemUnauthenticated = "/problems/unauthenticated"
	ProblemForbidden       = "/problems/forbidden"
)

// problemTitle gives the title that goes with a type.
func problemTitle(kind string) string {
	switch kind {
	case ProblemDocument:
		return "Invalid document"
	case ProblemQuery:
		return "Invalid query"
	case ProblemSchema:
		return "Invalid schema"
	case ProblemRequest:
		return "Invalid request"
	case ProblemTooLarge:
		return "Too large"
	case ProblemNotFound:
		return "Not found"
	case ProblemConflict:
		return "Conflict"
	case ProblemOverloaded:
		return "Overloaded"
	case ProblemUnavailable:
		return "Unavailable"
	case ProblemPartial:
		return "Only a partial answer is possible"
	case ProblemRefused:
		return "Query refused"
	case ProblemNoRoom:
		return "No room on the disk"
	case ProblemUnauthenticated:
		return "Not authenticated"
	case ProblemForbidden:
		return "Forbidden"
	}
	return "Problem"
}

// NewProblem makes a problem of a type of the list above; field may be empty.
func NewProblem(kind string, status int, field, format string, args ...any) *Problem {
	return &Problem{
		Type: kind, Title: problemTitle(kind), Status: status,
		Detail: fmt.Sprintf(format, args...), Field: field,
	}
}

// bad makes a problem without a type, which complete adds, about the value being parsed.
func bad(format string, args ...any) error {
	return &Problem{Detail: fmt.Sprintf(format, args...)}
}

// badField is bad about a key of the object being parsed.
func badField(field, format string, args ...any) error {
	return &Problem{Detail: fmt.Sprintf(format, args...), Field: field}
}

// within puts name before the field path of a problem, so that paths are built only when something
// is wrong.
func within(name string, err error) error {
	var p *Problem
	if err == nil || !errors.As(err, &p) {
		return err
	}
	name = clip(name)
	switch {
	case p.Field == "":
		p.Field = name
	case p.Field[0] == '[':
		p.Field = name + p.Field
	default:
		p.Field = name + "." + p.Field
	}
	return p
}

// complete fills what bad left out.
func complete(kind string, err error) error {
	var p *Problem
	if err == nil || !errors.As(err, &p) || p.Type != "" {
		return err
	}
	p.Type, p.Title, p.Status = kind, problemTitle(kind), 400
	return p
}
