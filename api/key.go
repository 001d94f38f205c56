package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// Permission allows actions on indexes, and of these on the documents that a filter selects.
type Permission struct {
	Actions []string `json:"actions"`
	// Indexes are names, or beginnings of names before a "*".
	Indexes []string `json:"indexes,omitempty"`
	// Filter is a filter of exact clauses; nil for all documents.
	Filter RawJSON `json:"filter,omitempty"`
}

// AccessRole is a name for permissions.
type AccessRole struct {
	Name        string       `json:"name"`
	Permissions []Permission `json:"permissions"`
	// Builtin is true for a role that is always there.
	Builtin bool `json:"builtin,omitempty"`
}

// Access is what a key gives.
type Access struct {
	Roles       []string     `json:"roles,omitempty"`
	Permissions []Permission `json:"permissions,omitempty"`
	// Indexes, if there are any, bound all of it, and so does Filter.
	Indexes []string `json:"indexes,omitempty"`
	Filter  RawJSON  `json:"filter,omitempty"`
	// Attributes stand in filters as "${name}".
	Attributes map[string][]string `json:"attributes,omitempty"`
}

// KeyRequest asks for a key.
type KeyRequest struct {
	Name string `json:"name"`
	Access
	// Expires is when the key ends; nil for never.
	Expires *time.Time `json:"expires"`
}

// KeyInfo is what is known of a key.
type KeyInfo struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// State is active, expired or revoked.
	State string `json:"state"`
	Access
	CreatedBy string     `json:"created_by,omitempty"`
	Created   time.Time  `json:"created"`
	Expires   *time.Time `json:"expires,omitempty"`
	Revoked   *time.Time `json:"revoked,omitempty"`
	// LastUsed lags behind by some minutes; nil for never.
	LastUsed *time.Time `json:"last_used,omitempty"`
	// PreviousUntil is until when the secret from before the last rotation is good as well.
	PreviousUntil *time.Time `json:"previous_until,omitempty"`
}

// The values of KeyInfo.State.
const (
	KeyActive  = "active"
	KeyExpired = "expired"
	KeyRevoked = "revoked"
)

// NewKey is a key as it is given out, once.
type NewKey struct {
	// Key is the secret; nobody can tell it again.
	Key string `json:"key"`
	KeyInfo
}

// KeyEnd tells how far the end of a key, or a change of a role, has come.
type KeyEnd struct {
	ID string `json:"id"`
	// Effective is true if every node that is alive goes by it. Else Pending names those that did not say so in time:
	// until they hear of it they let the key in.
	Effective bool     `json:"effective"`
	Pending   []string `json:"pending,omitempty"`
}

// KeyRotation asks for another secret of a key.
type KeyRotation struct {
	// OverlapSeconds is for how long the present one is good as well; nil for the default.
	OverlapSeconds *int64 `json:"overlap_seconds"`
}

// WhoAmI tells a caller who it is.
type WhoAmI struct {
	Principal string     `json:"principal"`
	Name      string     `json:"name,omitempty"`
	Roles     []string   `json:"roles,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
	// Filtered is true if the caller may see some documents only.
	Filtered bool `json:"filtered,omitempty"`
}

// ParseKeyRequest reads {"name": .., "roles": [..], "permissions": [..], "indexes": [..], "filter": {..},
// "attributes": {..}, "expires": ".."}. What it means is for others to check. Its errors are *Problem.
func ParseKeyRequest(data []byte) (KeyRequest, error) {
	var r KeyRequest
	return r, strict(data, &r)
}

// ParseKeyRotation reads {"overlap_seconds": 3600}, or nothing. Its errors are *Problem.
func ParseKeyRotation(data []byte) (KeyRotation, error) {
	var r KeyRotation
	if len(bytes.TrimSpace(data)) == 0 {
		return r, nil
	}
	return r, strict(data, &r)
}

// ParseAccessRole reads {"permissions": [..]}. Its errors are *Problem.
func ParseAccessRole(data []byte) ([]Permission, error) {
	var r struct {
		Permissions []Permission `json:"permissions"`
	}
	return r.Permissions, strict(data, &r)
}

// strict reads one JSON object of known members.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the object")
		}
	}
	if err == nil {
		return nil
	}
	field := ""
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		field = kind.Field
	}
	return NewProblem(ProblemRequest, 400, field, "the body is not what it must be: %v", err)
}
