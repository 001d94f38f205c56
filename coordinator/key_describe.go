package coordinator

import (
	"time"

	"sagasu/api"
	"sagasu/coordinator/keyring"
	"sagasu/coordinator/state"
	"sagasu/internal/auth"
)

// grantOf reads what a request wants to give; an *api.Problem for bounds that are there and bound nothing.
func grantOf(a *api.Access) (auth.Grant, error) {
	if a.Indexes != nil && len(a.Indexes) == 0 {
		return auth.Grant{}, badKey("indexes", "is empty: leave it out to bound nothing")
	}
	return auth.Grant{
		Roles: a.Roles, Permissions: permissionsOf(a.Permissions), Indexes: a.Indexes, Filter: string(a.Filter),
		Attributes: a.Attributes,
	}, nil
}

func permissionsOf(list []api.Permission) []auth.Permission {
	var out []auth.Permission
	for _, p := range list {
		q := auth.Permission{Indexes: p.Indexes, Filter: string(p.Filter)}
		for _, a := range p.Actions {
			q.Actions = append(q.Actions, auth.Action(a))
		}
		out = append(out, q)
	}
	return out
}

func describePermissions(list []auth.Permission) []api.Permission {
	var out []api.Permission
	for _, p := range list {
		q := api.Permission{Indexes: p.Indexes, Filter: api.RawJSON(p.Filter)}
		for _, a := range p.Actions {
			q.Actions = append(q.Actions, string(a))
		}
		out = append(out, q)
	}
	return out
}

func describeRole(r auth.Role) api.AccessRole {
	return api.AccessRole{Name: r.Name, Permissions: describePermissions(r.Permissions)}
}

// describeKey tells what is known of a key at a time.
func describeKey(k *state.Key, now time.Time) api.KeyInfo {
	grant := keyring.GrantOf(&k.Access)
	info := api.KeyInfo{
		ID: k.ID, Name: k.Name, State: api.KeyActive, CreatedBy: k.CreatedBy, Created: time.UnixMilli(k.CreatedMillis).UTC(),
		Access: api.Access{
			Roles: grant.Roles, Permissions: describePermissions(grant.Permissions), Indexes: grant.Indexes,
			Filter: api.RawJSON(grant.Filter), Attributes: grant.Attributes,
		},
		Expires: moment(k.ExpiresMillis), Revoked: moment(k.RevokedMillis), LastUsed: moment(k.UsedMillis),
	}
	if k.PreviousUntilMillis > now.UnixMilli() {
		info.PreviousUntil = moment(k.PreviousUntilMillis)
	}
	switch {
	case k.RevokedMillis > 0:
		info.State = api.KeyRevoked
	case k.ExpiresMillis > 0 && now.UnixMilli() >= k.ExpiresMillis:
		info.State = api.KeyExpired
	}
	return info
}

// moment gives a time of the metadata; nil for never.
func moment(millis int64) *time.Time {
	if millis == 0 {
		return nil
	}
	t := time.UnixMilli(millis).UTC()
	return &t
}
