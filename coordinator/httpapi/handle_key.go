package httpapi

import (
	"time"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

const (
	// maxKeyBody bounds the body of a key or a role: what the metadata keep of one has 8 KiB.
	maxKeyBody = 64 << 10
	// defaultOverlap and maxOverlap bound for how long a key that was rotated is good with its former secret.
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
)

// keyRoutes are about keys, roles, and who one is.
func keyRoutes() []route {
	return []route{
		{"GET", "/v1/whoami", (*call).whoAmI, auth.Known, scopeCluster, ""},
		{"GET", "/v1/keys", (*call).keys, auth.KeysAdmin, scopeCluster, ""},
		{"POST", "/v1/keys", (*call).createKey, auth.KeysAdmin, scopeCluster, "key.create"},
		{"GET", "/v1/keys/{id}", (*call).key, auth.KeysAdmin, scopeCluster, ""},
		{"DELETE", "/v1/keys/{id}", (*call).revokeKey, auth.KeysAdmin, scopeCluster, "key.revoke"},
		{"POST", "/v1/keys/{id}/rotate", (*call).rotateKey, auth.KeysAdmin, scopeCluster, "key.rotate"},
		{"GET", "/v1/roles", (*call).accessRoles, auth.KeysAdmin, scopeCluster, ""},
		{"PUT", "/v1/roles/{id}", (*call).putRole, auth.KeysAdmin, scopeCluster, "role.put"},
		{"DELETE", "/v1/roles/{id}", (*call).deleteRole, auth.KeysAdmin, scopeCluster, "role.delete"},
	}
}

func (c *call) whoAmI() error {
	p := c.principal
	who := api.WhoAmI{Principal: p.String(), Name: p.Name, Roles: p.Roles, Filtered: p.Filtered}
	if !p.Expires.IsZero() {
		expires := p.Expires.UTC()
		who.Expires = &expires
	}
	return c.marshal(fasthttp.StatusOK, who)
}

func (c *call) keys() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	keys, err := c.server.cfg.Node.Keys(ctx)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, struct {
		Keys []api.KeyInfo `json:"keys"`
	}{listed(keys)})
}

func (c *call) key() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	key, err := c.server.cfg.Node.Key(ctx, c.id)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, key)
}

// createKey answers with the key, this once.
func (c *call) createKey() error {
	data, err := c.body(maxKeyBody)
	if err != nil {
		return err
	}
	req, err := api.ParseKeyRequest(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	key, err := c.server.cfg.Node.CreateKey(ctx, req, c.principal)
	if err != nil {
		return err
	}
	c.id = key.ID // for the audit log
	return c.secret(fasthttp.StatusCreated, key)
}

// rotateKey reads {"overlap_seconds": n}, or nothing.
func (c *call) rotateKey() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	rotation, err := api.ParseKeyRotation(data)
	if err != nil {
		return err
	}
	overlap := defaultOverlap
	if s := rotation.OverlapSeconds; s != nil {
		if *s < 0 || *s > int64(maxOverlap/time.Second) {
			return badParameter("overlap_seconds", "is %d, must be 0 to %d", *s, int64(maxOverlap/time.Second))
		}
		overlap = time.Duration(*s) * time.Second
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	key, err := c.server.cfg.Node.RotateKey(ctx, c.id, overlap, c.principal)
	if err != nil {
		return err
	}
	return c.secret(fasthttp.StatusOK, key)
}

// secret is marshal for what nobody may keep on the way.
func (c *call) secret(status int, v any) error {
	c.ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	return c.marshal(status, v)
}

func (c *call) revokeKey() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	end, err := c.server.cfg.Node.RevokeKey(ctx, c.id)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, end)
}

func (c *call) accessRoles() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	roles, err := c.server.cfg.Node.AccessRoles(ctx)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, struct {
		Roles []api.AccessRole `json:"roles"`
	}{listed(roles)})
}

// putRole reads {"permissions": [{"actions": [..], "indexes": [..], "filter": {..}}]}.
func (c *call) putRole() error {
	data, err := c.body(maxKeyBody)
	if err != nil {
		return err
	}
	permissions, err := api.ParseAccessRole(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	end, err := c.server.cfg.Node.PutRole(ctx, c.id, permissions, c.principal)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, end)
}

func (c *call) deleteRole() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	end, err := c.server.cfg.Node.DeleteRole(ctx, c.id)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, end)
}
