package state

import (
	"fmt"
	"reflect"
	"slices"
)

// PutRole adds a role or replaces that of its name: keys that name it give what it says from then on. ErrLimit when
// there are too many.
type PutRole struct {
	Role AccessRole `json:"role"`
}

func (PutRole) kind() (typ, version uint16) { return TypePutRole, 1 }

func putRole(before *View, c PutRole) (*View, Index, error) {
	err := checkID("role", c.Role.Name)
	if err == nil {
		err = checkSize("role "+c.Role.Name, c.Role)
	}
	if err == nil && len(c.Role.Permissions) == 0 {
		err = invalid("role %s has no permissions", c.Role.Name)
	}
	present, known := before.AccessRole(c.Role.Name)
	switch {
	case err != nil:
		return nil, Index{}, fmt.Errorf("put role: %w", err)
	case known && reflect.DeepEqual(present, c.Role):
		return nil, Index{}, nil
	case !known && len(before.roles) >= MaxAccessRoles:
		return nil, Index{}, fmt.Errorf("put role %s beside %d: %w", c.Role.Name, len(before.roles), ErrLimit)
	}
	after := before.clone()
	after.roles = with(before.roles, c.Role, roleKey)
	return after, Index{}, nil
}

// DeleteRole removes a role. ErrRoleNotFound; ErrRoleInUse while a key that is not revoked names it.
type DeleteRole struct {
	Name string `json:"name"`
}

func (DeleteRole) kind() (typ, version uint16) { return TypeDeleteRole, 1 }

func deleteRole(before *View, c DeleteRole) (*View, Index, error) {
	if _, ok := before.AccessRole(c.Name); !ok {
		return nil, Index{}, fmt.Errorf("delete role %.64q: %w", c.Name, ErrRoleNotFound)
	}
	for i := range before.keys {
		if k := &before.keys[i]; k.RevokedMillis == 0 && slices.Contains(k.Access.Roles, c.Name) {
			return nil, Index{}, fmt.Errorf("delete role %s, which key %s has: %w", c.Name, k.ID, ErrRoleInUse)
		}
	}
	after := before.clone()
	after.roles = without(before.roles, c.Name, roleKey)
	return after, Index{}, nil
}
