package httpapi

import (
	"context"
	"time"

	"sagasu/api"
	"sagasu/internal/auth"
)

// Keys looks after keys and roles. Errors: *api.Problem, and those of metadata that can't be changed now.
type Keys interface {
	// CreateKey makes a key; by is who asks, who can't give what they do not have.
	CreateKey(ctx context.Context, req api.KeyRequest, by *auth.Principal) (api.NewKey, error)
	// Keys gives every key, also those that have ended.
	Keys(ctx context.Context) ([]api.KeyInfo, error)
	Key(ctx context.Context, id string) (api.KeyInfo, error)
	// RotateKey gives a key another secret; the present one stays good for the overlap.
	RotateKey(ctx context.Context, id string, overlap time.Duration, by *auth.Principal) (api.NewKey, error)
	// RevokeKey ends a key, and tells which nodes may not have heard of it.
	RevokeKey(ctx context.Context, id string) (api.KeyEnd, error)
	AccessRoles(ctx context.Context) ([]api.AccessRole, error)
	PutRole(ctx context.Context, name string, permissions []api.Permission, by *auth.Principal) (api.KeyEnd, error)
	DeleteRole(ctx context.Context, name string) (api.KeyEnd, error)
}
