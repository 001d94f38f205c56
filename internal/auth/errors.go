package auth

import "errors"

var (
	// ErrUnauthenticated is returned when a credential is missing, unknown, malformed, expired or revoked. What is wrong
	// with it is in the error's text, for logs; whoever sent it is not told.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrAction is returned for an action that is not in the list.
	ErrAction = errors.New("unknown action")
	// ErrPermission is returned when a role or a permission breaks a rule of its comment.
	ErrPermission = errors.New("invalid permission")
	// ErrFilter is returned when a document filter can't be read, does not fit an index, or names an attribute that the
	// caller does not have.
	ErrFilter = errors.New("invalid document filter")
	// ErrPepper is returned for a pepper that is missing, too short, or not the one that a key was made with.
	ErrPepper = errors.New("invalid pepper")
	// ErrIssuer is returned when the configuration of an issuer of tokens can't be.
	ErrIssuer = errors.New("invalid issuer")
	// ErrChain is returned when a line of an audit log does not follow from the one before it.
	ErrChain = errors.New("audit log is broken")
)
