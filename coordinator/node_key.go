package coordinator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sagasu/api"
	"sagasu/coordinator/keyring"
	"sagasu/coordinator/meta"
	"sagasu/coordinator/state"
	"sagasu/internal/auth"
)

const (
	// keyUseEvery is how often the last use of keys is noted, which every node then hears of.
	keyUseEvery = 10 * time.Minute
	// effectTimeout is how long the end of a key waits for all nodes to go by it.
	effectTimeout = 2 * time.Second
	// effectPause is how long it rests before it asks a node again.
	effectPause = 20 * time.Millisecond
	// firstKeyName is that of the key that a cluster begins with.
	firstKeyName = "first key"
)

// openKeyring makes what tells who callers are.
func (n *Node) openKeyring() error {
	var err error
	n.keyring, err = keyring.New(keyring.Config{
		View: n.meta.View, Pepper: n.cfg.Pepper, AdminKey: n.cfg.AdminKey, Tokens: n.cfg.Tokens, Now: n.cfg.Now,
		Logger: n.cfg.Logger, Registry: n.cfg.Registry,
	})
	return err
}

// Authenticate tells who brings a credential; see keyring.Keyring.
func (n *Node) Authenticate(ctx context.Context, credential string) (*auth.Principal, error) {
	return n.keyring.Authenticate(ctx, credential)
}

// makeFirstKey makes the key that a cluster without any begins with, and hands it to whom it is for.
func (n *Node) makeFirstKey(ctx context.Context, view *state.View) error {
	if n.cfg.FirstKey == nil || n.cfg.Pepper == nil || !n.meta.leads() || view.ClusterID() == "" ||
		view.FeatureLevel() < state.LevelOperations || len(view.Keys()) > 0 {
		return nil
	}
	c, err := auth.NewCredential(rand.Reader)
	if err != nil {
		return err
	}
	key := n.stateKey(c, auth.Grant{Roles: []string{auth.RoleAdmin}})
	key.Name, key.CreatedBy = firstKeyName, n.ID()
	_, err = n.meta.Propose(ctx, state.PutKey{Key: key, First: true})
	if errors.Is(err, state.ErrKeyExists) {
		return nil
	}
	if err == nil {
		n.cfg.FirstKey(c.Text())
	}
	return err
}

func (n *Node) stateKey(c auth.Credential, g auth.Grant) state.Key {
	return state.Key{
		ID: c.ID, Hash: n.cfg.Pepper.Hash(c), Pepper: n.cfg.Pepper.Fingerprint(), Access: keyring.StateAccess(g),
		CreatedMillis: n.cfg.Now().UnixMilli(),
	}
}

// noteKeyUse brings the last use of keys into the metadata now and then.
func (n *Node) noteKeyUse(ctx context.Context, view *state.View) error {
	now := n.cfg.Now()
	if view.FeatureLevel() < state.LevelOperations || now.Sub(n.keyUseNoted) < keyUseEvery {
		return nil
	}
	n.keyUseNoted = now
	uses := n.keyring.Uses(keyUseEvery)
	if len(uses) == 0 {
		return nil
	}
	_, err := n.meta.Propose(ctx, state.NoteKeyUse{Uses: uses})
	return err
}

// CreateKey makes a key, whose secret is told this once. Nobody gives what is not theirs. Errors are *api.Problem for a
// request that can't be, and those of metadata that can't be changed.
func (n *Node) CreateKey(ctx context.Context, req api.KeyRequest, by *auth.Principal) (api.NewKey, error) {
	if err := n.canKeep(); err != nil {
		return api.NewKey{}, err
	}
	grant, err := grantOf(&req.Access)
	if err != nil {
		return api.NewKey{}, err
	}
	if err := n.mayGrant(by, grant); err != nil {
		return api.NewKey{}, err
	}
	now := n.cfg.Now()
	if req.Expires != nil && !req.Expires.After(now) {
		return api.NewKey{}, badKey("expires", "is %s, which is over", req.Expires.Format(time.RFC3339))
	}
	c, err := auth.NewCredential(rand.Reader)
	if err != nil {
		return api.NewKey{}, err
	}
	key := n.stateKey(c, grant)
	key.Name, key.CreatedBy = req.Name, by.String()
	if req.Expires != nil {
		key.ExpiresMillis = req.Expires.UnixMilli()
	}
	if _, err := n.meta.Propose(ctx, state.PutKey{Key: key}); err != nil {
		return api.NewKey{}, fmt.Errorf("create key: %w", keyProblem(err))
	}
	return api.NewKey{Key: c.Text(), KeyInfo: describeKey(&key, now)}, nil
}

// canKeep is nil if this node can make keys that every node will recognise.
func (n *Node) canKeep() error {
	if n.cfg.Pepper == nil {
		return api.NewProblem(api.ProblemConflict, 409, "", "this node has no pepper to make keys with: set key-pepper-file, "+
			"to the same on all nodes")
	}
	return n.needLevel(n.meta.View(), state.LevelOperations)
}

// mayGrant returns a *api.Problem unless a grant can be, all its roles exist, and it is not more than the giver has.
func (n *Node) mayGrant(by *auth.Principal, grant auth.Grant) error {
	if err := grant.Check(); err != nil {
		return badKey("", "%v", err)
	}
	for i, name := range grant.Roles {
		if _, ok := n.keyring.Role(name); !ok {
			return badKey(fmt.Sprintf("roles[%d]", i), "there is no role %q", name)
		}
	}
	if err := by.MayGrant(grant, n.keyring.Role); err != nil {
		return api.NewProblem(api.ProblemForbidden, 403, "", "%v", err)
	}
	return nil
}

func badKey(field, format string, args ...any) error {
	return api.NewProblem(api.ProblemRequest, 400, field, format, args...)
}

// Keys gives every key, ascending by id.
func (n *Node) Keys(context.Context) ([]api.KeyInfo, error) {
	keys := n.meta.View().Keys()
	out := make([]api.KeyInfo, len(keys))
	for i := range keys {
		out[i] = describeKey(&keys[i], n.cfg.Now())
	}
	return out, nil
}

// Key gives what is known of a key; a *api.Problem if there is none.
func (n *Node) Key(_ context.Context, id string) (api.KeyInfo, error) {
	key, ok := n.meta.View().Key(id)
	if !ok {
		return api.KeyInfo{}, keyProblem(state.ErrKeyNotFound)
	}
	return describeKey(&key, n.cfg.Now()), nil
}

// RotateKey gives a key another secret; the present one is good for the overlap. Whoever rotates a key has it after, so
// that it must not give more than they have.
func (n *Node) RotateKey(ctx context.Context, id string, overlap time.Duration, by *auth.Principal) (api.NewKey, error) {
	if err := n.canKeep(); err != nil {
		return api.NewKey{}, err
	}
	key, ok := n.meta.View().Key(id)
	if !ok {
		return api.NewKey{}, keyProblem(state.ErrKeyNotFound)
	}
	if err := by.MayGrant(keyring.GrantOf(&key.Access), n.keyring.Role); err != nil {
		return api.NewKey{}, api.NewProblem(api.ProblemForbidden, 403, "", "%v", err)
	}
	c, err := auth.Credential{ID: id}.Renew(rand.Reader)
	if err != nil {
		return api.NewKey{}, err
	}
	now := n.cfg.Now()
	rotate := state.RotateKey{ID: id, From: key.Hash, Hash: n.cfg.Pepper.Hash(c), Pepper: n.cfg.Pepper.Fingerprint()}
	if overlap > 0 {
		rotate.PreviousUntilMillis = now.Add(overlap).UnixMilli()
	}
	if _, err := n.meta.Propose(ctx, rotate); err != nil {
		return api.NewKey{}, fmt.Errorf("rotate key: %w", keyProblem(err))
	}
	key, _ = n.meta.View().Key(id)
	return api.NewKey{Key: c.Text(), KeyInfo: describeKey(&key, now)}, nil
}

// RevokeKey ends a key for good, and tells whether all nodes go by that already.
func (n *Node) RevokeKey(ctx context.Context, id string) (api.KeyEnd, error) {
	if _, err := n.meta.Propose(ctx, state.RevokeKey{ID: id, Millis: n.cfg.Now().UnixMilli()}); err != nil {
		return api.KeyEnd{}, fmt.Errorf("revoke key: %w", keyProblem(err))
	}
	return n.effect(ctx, id), nil
}

// AccessRoles gives every role: those that are always there, and then the cluster's own by name.
func (n *Node) AccessRoles(context.Context) ([]api.AccessRole, error) {
	var out []api.AccessRole
	for _, r := range auth.BuiltinRoles() {
		described := describeRole(r)
		described.Builtin = true
		out = append(out, described)
	}
	for _, r := range n.meta.View().AccessRoles() {
		out = append(out, describeRole(keyring.RoleOf(&r)))
	}
	return out, nil
}

// PutRole makes a role, or changes what it gives to all who have it.
func (n *Node) PutRole(ctx context.Context, name string, permissions []api.Permission, by *auth.Principal) (
	api.KeyEnd, error,
) {
	if err := n.needLevel(n.meta.View(), state.LevelOperations); err != nil {
		return api.KeyEnd{}, err
	}
	role := auth.Role{Name: name, Permissions: permissionsOf(permissions)}
	if err := role.Check(); err != nil {
		return api.KeyEnd{}, badKey("", "%v", err)
	}
	if auth.Builtin(name) {
		return api.KeyEnd{}, badKey("role", "%s is always there and can't be changed", name)
	}
	if err := by.MayGrant(auth.Grant{Permissions: role.Permissions}, n.keyring.Role); err != nil {
		return api.KeyEnd{}, api.NewProblem(api.ProblemForbidden, 403, "", "%v", err)
	}
	if _, err := n.meta.Propose(ctx, state.PutRole{Role: keyring.StateRole(role)}); err != nil {
		return api.KeyEnd{}, fmt.Errorf("put role: %w", keyProblem(err))
	}
	return n.effect(ctx, name), nil
}

// DeleteRole removes a role that no key has.
func (n *Node) DeleteRole(ctx context.Context, name string) (api.KeyEnd, error) {
	if auth.Builtin(name) {
		return api.KeyEnd{}, badKey("role", "%s is always there and can't be deleted", name)
	}
	if _, err := n.meta.Propose(ctx, state.DeleteRole{Name: name}); err != nil {
		return api.KeyEnd{}, fmt.Errorf("delete role: %w", keyProblem(err))
	}
	return n.effect(ctx, name), nil
}

// effect waits for a while until every node goes by the metadata that this one has. Nodes that are not heard of may run
// all the same, and so are pending too.
func (n *Node) effect(ctx context.Context, id string) api.KeyEnd {
	view := n.meta.View()
	if n.net == nil {
		return api.KeyEnd{ID: id, Effective: true}
	}
	ctx, cancel := context.WithTimeout(ctx, effectTimeout)
	defer cancel()
	var mu sync.Mutex
	var waiting sync.WaitGroup
	end := api.KeyEnd{ID: id}
	for _, node := range view.Nodes() {
		if node.ID == n.who.Load().ID || node.State == state.NodeRemoved {
			continue
		}
		waiting.Go(func() {
			if !n.awaitSeen(ctx, node.ID, view.Version()) {
				mu.Lock()
				end.Pending = append(end.Pending, node.ID)
				mu.Unlock()
			}
		})
	}
	waiting.Wait()
	slices.Sort(end.Pending)
	end.Effective = len(end.Pending) == 0
	return end
}

// awaitSeen reports whether a node goes by a version of the metadata before ctx ends.
func (n *Node) awaitSeen(ctx context.Context, node string, version uint64) bool {
	for {
		if seen, err := meta.Seen(ctx, n.net, node); err == nil && seen >= version {
			return true
		}
		select {
		case <-n.cfg.After(effectPause):
		case <-ctx.Done():
			return false
		}
	}
}

// keyProblem gives a refusal of the metadata the meaning that callers know.
func keyProblem(err error) error {
	kind, status := "", 0
	switch {
	case errors.Is(err, state.ErrKeyNotFound), errors.Is(err, state.ErrRoleNotFound):
		kind, status = api.ProblemNotFound, 404
	case errors.Is(err, state.ErrKeyExists), errors.Is(err, state.ErrKeyRevoked), errors.Is(err, state.ErrKeyChanged),
		errors.Is(err, state.ErrRoleInUse), errors.Is(err, state.ErrLevel):
		kind, status = api.ProblemConflict, 409
	case errors.Is(err, state.ErrInvalid), errors.Is(err, state.ErrLimit):
		kind, status = api.ProblemRequest, 400
	default:
		return err
	}
	return api.NewProblem(kind, status, "", "%v", err)
}

// Role gives a role by its name; see keyring.Keyring.
func (n *Node) Role(name string) (auth.Role, bool) { return n.keyring.Role(name) }
