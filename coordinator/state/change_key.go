package state

import (
	"fmt"
	"reflect"
)

// keyChanges are the commands about keys and roles that came with LevelOperations.
func keyChanges(typ, version uint16) (change, bool) {
	switch [2]uint16{typ, version} {
	case [2]uint16{TypePutKey, 1}:
		return typed(putKey), true
	case [2]uint16{TypeRotateKey, 1}:
		return typed(rotateKey), true
	case [2]uint16{TypeRevokeKey, 1}:
		return typed(revokeKey), true
	case [2]uint16{TypeNoteKeyUse, 1}:
		return typed(noteKeyUse), true
	case [2]uint16{TypePutRole, 1}:
		return typed(putRole), true
	case [2]uint16{TypeDeleteRole, 1}:
		return typed(deleteRole), true
	}
	return nil, false
}

// PutKey adds a key. ErrKeyExists if another one has its id, or if it is to be the first and is not. When there are too
// many, the one that was revoked or has expired first is forgotten; ErrLimit if none has.
type PutKey struct {
	Key Key `json:"key"`
	// First makes the key the first one: it is refused if there is any, revoked ones included.
	First bool `json:"first,omitempty"`
}

func (PutKey) kind() (typ, version uint16) { return TypePutKey, 1 }

func putKey(before *View, c PutKey) (*View, Index, error) {
	if err := c.Key.check(); err != nil {
		return nil, Index{}, fmt.Errorf("put key: %w", err)
	}
	present, known := before.Key(c.Key.ID)
	switch {
	case known && reflect.DeepEqual(present, c.Key):
		return nil, Index{}, nil
	case known, c.First && len(before.keys) > 0:
		return nil, Index{}, fmt.Errorf("put key %s: %w", c.Key.ID, ErrKeyExists)
	}
	after := before.clone()
	if len(after.keys) >= MaxKeys {
		id := after.deadKey(c.Key.CreatedMillis)
		if id == "" {
			return nil, Index{}, fmt.Errorf("put key %s beside %d: %w", c.Key.ID, len(after.keys), ErrLimit)
		}
		after.keys = without(after.keys, id, keyKey)
	}
	after.keys = with(after.keys, c.Key, keyKey)
	return after, Index{}, nil
}

// deadKey gives the key that ended first of those that have ended at a time; "" if there is none.
func (v *View) deadKey(now int64) string {
	id, first := "", now
	for i := range v.keys {
		k := &v.keys[i]
		for _, end := range []int64{k.RevokedMillis, k.ExpiresMillis} {
			if end > 0 && end < first {
				id, first = k.ID, end
			}
		}
	}
	return id
}

// RotateKey lets a key be recognised by something else, and for a while by what it was before too. ErrKeyNotFound;
// ErrKeyRevoked; ErrKeyChanged if it was rotated meanwhile. Again it changes nothing.
type RotateKey struct {
	ID string `json:"id"`
	// From is the hash that the key has, Hash and Pepper what it gets.
	From   string `json:"from"`
	Hash   string `json:"hash"`
	Pepper string `json:"pepper"`
	// PreviousUntilMillis is how long the one before is good; 0 for no longer.
	PreviousUntilMillis int64 `json:"previous_until_millis"`
}

func (RotateKey) kind() (typ, version uint16) { return TypeRotateKey, 1 }

func rotateKey(before *View, c RotateKey) (*View, Index, error) {
	k, ok := before.Key(c.ID)
	switch {
	case !ok:
		return nil, Index{}, fmt.Errorf("rotate key %.64q: %w", c.ID, ErrKeyNotFound)
	case k.RevokedMillis > 0:
		return nil, Index{}, fmt.Errorf("rotate key %s: %w", c.ID, ErrKeyRevoked)
	case k.Hash == c.Hash:
		return nil, Index{}, nil
	case k.Hash != c.From:
		return nil, Index{}, fmt.Errorf("rotate key %s: %w", c.ID, ErrKeyChanged)
	}
	k.PreviousHash, k.PreviousUntilMillis = "", 0
	// What another pepper made can't be recognised beside what this one makes.
	if c.PreviousUntilMillis > 0 && k.Pepper == c.Pepper {
		k.PreviousHash, k.PreviousUntilMillis = k.Hash, c.PreviousUntilMillis
	}
	k.Hash, k.Pepper = c.Hash, c.Pepper
	if err := k.check(); err != nil {
		return nil, Index{}, fmt.Errorf("rotate key: %w", err)
	}
	after := before.clone()
	after.keys = with(before.keys, k, keyKey)
	return after, Index{}, nil
}

// RevokeKey ends a key for good. ErrKeyNotFound; again it changes nothing.
type RevokeKey struct {
	ID string `json:"id"`
	// Millis is now.
	Millis int64 `json:"millis"`
}

func (RevokeKey) kind() (typ, version uint16) { return TypeRevokeKey, 1 }

func revokeKey(before *View, c RevokeKey) (*View, Index, error) {
	k, ok := before.Key(c.ID)
	switch {
	case !ok:
		return nil, Index{}, fmt.Errorf("revoke key %.64q: %w", c.ID, ErrKeyNotFound)
	case c.Millis <= 0:
		return nil, Index{}, fmt.Errorf("revoke key %s: %w", c.ID, invalid("at %d", c.Millis))
	case k.RevokedMillis > 0:
		return nil, Index{}, nil
	}
	k.RevokedMillis, k.PreviousHash, k.PreviousUntilMillis = c.Millis, "", 0
	after := before.clone()
	after.keys = with(before.keys, k, keyKey)
	return after, Index{}, nil
}

// KeyUse is when a key was used last.
type KeyUse struct {
	ID     string `json:"id"`
	Millis int64  `json:"millis"`
}

// NoteKeyUse notes when keys were used last. Keys that are gone, and times before those that are known, are passed
// over. ErrLimit for more than there may be keys.
type NoteKeyUse struct {
	Uses []KeyUse `json:"uses"`
}

func (NoteKeyUse) kind() (typ, version uint16) { return TypeNoteKeyUse, 1 }

func noteKeyUse(before *View, c NoteKeyUse) (*View, Index, error) {
	if len(c.Uses) > MaxKeys {
		return nil, Index{}, fmt.Errorf("note the use of %d keys: %w", len(c.Uses), ErrLimit)
	}
	after := before.clone()
	changed := false
	for _, use := range c.Uses {
		k, ok := after.Key(use.ID)
		if !ok || use.Millis <= k.UsedMillis {
			continue
		}
		k.UsedMillis, changed = use.Millis, true
		after.keys = with(after.keys, k, keyKey)
	}
	if !changed {
		return nil, Index{}, nil
	}
	return after, Index{}, nil
}
