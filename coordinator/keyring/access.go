package keyring

import (
	"sagasu/coordinator/state"
	"sagasu/internal/auth"
)

// roles gives the roles by name: those that are always there, and the cluster's own.
func roles(view *state.View) func(name string) (auth.Role, bool) {
	return func(name string) (auth.Role, bool) {
		if r, ok := auth.BuiltinRole(name); ok {
			return r, true
		}
		own, ok := view.AccessRole(name)
		return RoleOf(&own), ok
	}
}

// RoleOf gives a role of the metadata as it is decided by.
func RoleOf(r *state.AccessRole) auth.Role {
	return auth.Role{Name: r.Name, Permissions: permissionsOf(r.Permissions)}
}

// StateRole is the reverse of RoleOf.
func StateRole(r auth.Role) state.AccessRole {
	return state.AccessRole{Name: r.Name, Permissions: statePermissions(r.Permissions)}
}

// GrantOf gives what a key of the metadata gives as it is decided by.

func GrantOf(a *state.Access) auth.Grant {
	return auth.Grant{
		Roles: a.Roles, Permissions: permissionsOf(a.Permissions), Indexes: a.Indexes, Filter: a.Filter,
		Attributes: a.Attributes,
	}
}

// StateAccess is the reverse of GrantOf.
func StateAccess(g auth.Grant) state.Access {
	return state.Access{
		Roles: g.Roles, Permissions: statePermissions(g.Permissions), Indexes: g.Indexes, Filter: g.Filter,
		Attributes: g.Attributes,
	}
}

func permissionsOf(list []state.Permission) []auth.Permission {
	var out []auth.Permission
	for _, p := range list {
		q := auth.Permission{Indexes: p.Indexes, Filter: p.Filter}
		for _, a := range p.Actions {
			q.Actions = append(q.Actions, auth.Action(a))
		}
		out = append(out, q)
	}
	return out
}

func statePermissions(list []auth.Permission) []state.Permission {
	var out []state.Permission
	for _, p := range list {
		q := state.Permission{Indexes: p.Indexes, Filter: p.Filter}
		for _, a := range p.Actions {
			q.Actions = append(q.Actions, string(a))
		}
		out = append(out, q)
	}
	return out
}
