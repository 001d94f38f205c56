package state

import (
	"encoding/json"
	"slices"
)

// Key lets its holder in. The metadata have no key itself, only what it is recognised by.
type Key struct {
	// ID is part of the key, and no secret.
	ID string `json:"id"`
	// Name says for people what the key is for, CreatedBy who made it.
	Name      string `json:"name,omitempty"`
	CreatedBy string `json:"created_by,omitempty"`
	// Hash is what the key is recognised by, in hexadecimal digits; Pepper tells with which pepper it was made.
	Hash   string `json:"hash"`
	Pepper string `json:"pepper"`
	// PreviousHash is that of the key before it was rotated, good until PreviousUntilMillis.
	PreviousHash        string `json:"previous_hash,omitempty"`
	PreviousUntilMillis int64  `json:"previous_until_millis,omitempty"`
	// Access is what the key gives.
	Access Access `json:"access"`
	// CreatedMillis, ExpiresMillis, RevokedMillis and UsedMillis are milliseconds since 1970 UTC, 0 for never.
	// UsedMillis lags behind.
	CreatedMillis int64 `json:"created_millis"`
	ExpiresMillis int64 `json:"expires_millis,omitempty"`
	RevokedMillis int64 `json:"revoked_millis,omitempty"`
	UsedMillis    int64 `json:"used_millis,omitempty"`
}

// Access is what somebody may do. What it means, and which of it makes sense, is decided by those who use it.
type Access struct {
	Roles       []string     `json:"roles,omitempty"`
	Permissions []Permission `json:"permissions,omitempty"`
	// Indexes are patterns that bound all of it.
	Indexes []string `json:"indexes,omitempty"`
	// Filter bounds the documents, as JSON; Attributes are put into filters.
	Filter     string              `json:"filter,omitempty"`
	Attributes map[string][]string `json:"attributes,omitempty"`
}

// Permission allows actions on indexes, and of these on the documents that a filter selects.
type Permission struct {
	Actions []string `json:"actions"`
	Indexes []string `json:"indexes,omitempty"`
	Filter  string   `json:"filter,omitempty"`
}

// AccessRole is a name for permissions; nodes have roles of another kind.
type AccessRole struct {
	Name        string       `json:"name"`
	Permissions []Permission `json:"permissions"`
}

func keyKey(k *Key) string         { return k.ID }
func roleKey(r *AccessRole) string { return r.Name }

// Key gives the key of that id.
func (v *View) Key(id string) (Key, bool) { return lookup(v.keys, id, keyKey) }

// Keys gives every key, ascending by id.
func (v *View) Keys() []Key { return v.keys }

// AccessRole gives the role of that name.
func (v *View) AccessRole(name string) (AccessRole, bool) { return lookup(v.roles, name, roleKey) }

// AccessRoles gives every role, ascending by name.
func (v *View) AccessRoles() []AccessRole { return v.roles }

// check holds a key to the rules of its comments and to its size.
func (k *Key) check() error {
	if err := checkID("key id", k.ID); err != nil {
		return err
	}
	if err := checkText("name of key "+k.ID, k.Name, MaxNameBytes); err != nil {
		return err
	}
	if err := checkText("creator of key "+k.ID, k.CreatedBy, MaxTextBytes); err != nil {
		return err
	}
	if err := checkHash("hash of key "+k.ID, k.Hash); err != nil {
		return err
	}
	if err := checkID("pepper of key "+k.ID, k.Pepper); err != nil {
		return err
	}
	for _, m := range []int64{
		k.CreatedMillis, k.ExpiresMillis, k.RevokedMillis, k.UsedMillis, k.PreviousUntilMillis,
	} {
		if err := checkMillis("time of key "+k.ID, m); err != nil {
			return err
		}
	}
	return checkSize("key "+k.ID, k)
}

// checkHash holds a text to hexadecimal digits.
func checkHash(what, hash string) error {
	if len(hash) < minHashDigits || len(hash) > maxHashDigits {
		return invalid("%s has %d digits, must have %d to %d", what, len(hash), minHashDigits, maxHashDigits)
	}
	if slices.ContainsFunc([]byte(hash), func(b byte) bool { return (b < '0' || b > '9') && (b < 'a' || b > 'f') }) {
		return invalid("%s has other characters than hexadecimal digits", what)
	}
	return nil
}

// checkSize holds what is encoded of a key or a role to MaxAccessBytes.
func checkSize(what string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return invalid("%s can't be encoded: %v", what, err)
	}
	if len(data) > MaxAccessBytes {
		return invalid("%s takes %d bytes, at most %d are allowed", what, len(data), MaxAccessBytes)
	}
	return nil
}

const (
	// minHashDigits and maxHashDigits are those of 256 and 512 bits.
	minHashDigits = 64
	maxHashDigits = 128
)
