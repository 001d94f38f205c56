package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func keyOf(id string, digit string) Key {
	return Key{
		ID: id, Hash: strings.Repeat(digit, 64), Pepper: "p1", CreatedMillis: 5,
		Access: Access{Roles: []string{"reader"}, Attributes: map[string][]string{"tenant": {"red"}}},
	}
}

func roleOf(name string) AccessRole {
	return AccessRole{Name: name, Permissions: []Permission{{Actions: []string{"index.read"}, Indexes: []string{"*"}}}}
}

// drawKey gives a change of keys or roles.
func drawKey(t *rapid.T) Change {
	id, hash := draw(t, "k1", "k2", "k3"), func() string { return strings.Repeat(draw(t, "a", "b", "c"), 64) }
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0, 1:
		k := keyOf(id, draw(t, "a", "b", "x"))
		k.Access.Roles = []string{draw(t, "reader", "r1", "r2")}
		return PutKey{Key: k, First: draw(t, false, false, true)}
	case 2:
		return RotateKey{ID: id, From: hash(), Hash: hash(), Pepper: draw(t, "p1", "p2"), PreviousUntilMillis: 9}
	case 3:
		return RevokeKey{ID: id, Millis: draw[int64](t, 0, 7, 8)}
	case 4:
		return NoteKeyUse{Uses: []KeyUse{{ID: id, Millis: draw[int64](t, 1, 2, 3)}}}
	case 5:
		return PutRole{Role: roleOf(draw(t, "r1", "r2", ""))}
	}
	return DeleteRole{Name: draw(t, "r1", "r2")}
}

func leveled(t testing.TB) *script {
	s := newScript(t)
	s.changes(FoundCluster{ClusterID: "c1", Level: Level})
	return s
}

func TestKeys(t *testing.T) {
	t.Run("put, rotate, revoke", func(t *testing.T) {
		s := leveled(t)
		k := keyOf("k1", "a")
		s.changes(PutKey{Key: k, First: true})
		s.repeats(PutKey{Key: k, First: true})
		s.refuses(PutKey{Key: keyOf("k1", "b")}, ErrKeyExists)
		s.refuses(PutKey{Key: keyOf("k2", "b"), First: true}, ErrKeyExists)
		b, c := strings.Repeat("b", 64), strings.Repeat("c", 64)
		s.changes(RotateKey{ID: "k1", From: k.Hash, Hash: b, Pepper: "p1", PreviousUntilMillis: 99})
		s.repeats(RotateKey{ID: "k1", From: k.Hash, Hash: b, Pepper: "p1", PreviousUntilMillis: 99})
		s.refuses(RotateKey{ID: "k1", From: k.Hash, Hash: c, Pepper: "p1"}, ErrKeyChanged)
		got, _ := s.View().Key("k1")
		require.Equal(t, []string{b, k.Hash}, []string{got.Hash, got.PreviousHash})
		require.Equal(t, int64(99), got.PreviousUntilMillis)
		s.changes(RotateKey{ID: "k1", From: b, Hash: c, Pepper: "p2", PreviousUntilMillis: 99})
		got, _ = s.View().Key("k1")
		require.Empty(t, got.PreviousHash, "another pepper leaves nothing of the one before")
		s.changes(RevokeKey{ID: "k1", Millis: 7})
		s.repeats(RevokeKey{ID: "k1", Millis: 8})
		s.refuses(RotateKey{ID: "k1", From: c, Hash: b, Pepper: "p2"}, ErrKeyRevoked)
		s.refuses(RevokeKey{ID: "k2", Millis: 8}, ErrKeyNotFound)
		s.refuses(RotateKey{ID: "k2", From: c, Hash: b, Pepper: "p2"}, ErrKeyNotFound)
		s.refuses(PutKey{Key: keyOf("k2", "b"), First: true}, ErrKeyExists)
	})
	t.Run("use goes forward only, and passes over what is gone", func(t *testing.T) {
		s := leveled(t)
		s.changes(PutKey{Key: keyOf("k1", "a")})
		s.changes(NoteKeyUse{Uses: []KeyUse{{"k1", 9}, {"gone", 9}}})
		s.repeats(NoteKeyUse{Uses: []KeyUse{{"k1", 8}, {"gone", 10}}})
		got, _ := s.View().Key("k1")
		require.Equal(t, int64(9), got.UsedMillis)
		s.refuses(NoteKeyUse{Uses: make([]KeyUse, MaxKeys+1)}, ErrLimit)
	})
	t.Run("roles", func(t *testing.T) {
		s := leveled(t)
		s.changes(PutRole{Role: roleOf("r1")})
		s.repeats(PutRole{Role: roleOf("r1")})
		k := keyOf("k1", "a")
		k.Access.Roles = []string{"r1"}
		s.changes(PutKey{Key: k})
		s.refuses(DeleteRole{Name: "r1"}, ErrRoleInUse)
		s.changes(RevokeKey{ID: "k1", Millis: 7})
		s.changes(DeleteRole{Name: "r1"})
		s.refuses(DeleteRole{Name: "r1"}, ErrRoleNotFound)
		s.refuses(PutRole{Role: AccessRole{Name: "r1"}}, ErrInvalid)
		s.refuses(PutRole{Role: roleOf("../r")}, ErrInvalid)
	})
	t.Run("bad keys", func(t *testing.T) {
		s := leveled(t)
		for name, change := range map[string]func(*Key){
			"id": func(k *Key) { k.ID = "../x" }, "hash": func(k *Key) { k.Hash = "a" },
			"hash digits": func(k *Key) { k.Hash = strings.Repeat("A", 64) }, "pepper": func(k *Key) { k.Pepper = "" },
			"name": func(k *Key) { k.Name = "a\nb" }, "time": func(k *Key) { k.ExpiresMillis = -1 },
			"size": func(k *Key) { k.Access.Filter = strings.Repeat("x", MaxAccessBytes) },
		} {
			k := keyOf("k1", "a")
			change(&k)
			s.refuses(PutKey{Key: k}, ErrInvalid)
			require.Empty(t, s.View().Keys(), name)
		}
		s.changes(PutKey{Key: keyOf("k1", "a")})
		s.refuses(RevokeKey{ID: "k1"}, ErrInvalid)
		s.refuses(RotateKey{ID: "k1", From: keyOf("k1", "a").Hash, Hash: "x", Pepper: "p1"}, ErrInvalid)
	})
	t.Run("the oldest that has ended makes room", func(t *testing.T) {
		s := leveled(t)
		for i := range MaxKeys {
			k := keyOf(fmt.Sprintf("k%05d", i), "a")
			if i == 7 {
				k.ExpiresMillis = 6
			}
			s.changes(PutKey{Key: k})
		}
		s.refuses(PutKey{Key: keyOf("new", "a")}, ErrLimit)
		s.changes(RevokeKey{ID: "k00003", Millis: 3})
		late := keyOf("new", "a")
		late.CreatedMillis = 10
		s.changes(PutKey{Key: late})
		_, ok := s.View().Key("k00003")
		require.False(t, ok)
		late.ID = "new2"
		s.changes(PutKey{Key: late})
		_, ok = s.View().Key("k00007")
		require.False(t, ok)
		require.Len(t, s.View().Keys(), MaxKeys)
	})
	t.Run("nodes of an older level are not given them", func(t *testing.T) {
		s := newScript(t)
		s.changes(FoundCluster{ClusterID: "c1", Level: LevelGenerations})
		s.refuses(PutKey{Key: keyOf("k1", "a")}, ErrLevel)
	})
}

// changesOfKeys is the part of the golden log about keys and roles.
func changesOfKeys() []Change {
	k := keyOf("k1", "a")
	k.Name, k.CreatedBy, k.ExpiresMillis, k.Access.Filter = "ci", "key:root", 99, `{"term":{"tenant":"${tenant}"}}`
	k.Access.Indexes, k.Access.Permissions = []string{"a*"}, roleOf("").Permissions
	return []Change{
		PutRole{Role: roleOf("r1")}, PutRole{Role: roleOf("r2")}, DeleteRole{Name: "r2"}, PutKey{Key: k, First: true},
		PutKey{Key: keyOf("k2", "b")},
		RotateKey{ID: "k1", From: k.Hash, Hash: strings.Repeat("c", 64), Pepper: "p1", PreviousUntilMillis: 50},
		RevokeKey{ID: "k2", Millis: 40}, NoteKeyUse{Uses: []KeyUse{{"k1", 45}}},
	}
}
