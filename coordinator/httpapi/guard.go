package httpapi

import (
	"bytes"
	"context"
	"errors"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// Authenticator tells who brings a credential, the text behind "Bearer" in a request's Authorization. Its errors are
// auth.ErrUnauthenticated, and for logs only.
type Authenticator interface {
	Authenticate(ctx context.Context, credential string) (*auth.Principal, error)
	// Role gives a role by its name.
	Role(name string) (auth.Role, bool)
}

// Anyone is the Authenticator of a node where anybody may do anything.
type Anyone struct{ principal *auth.Principal }

// NewAnyone makes an Anyone.
func NewAnyone() Anyone { return Anyone{auth.Admin(auth.KindAnyone, "")} }

// Authenticate implements Authenticator.
func (a Anyone) Authenticate(context.Context, string) (*auth.Principal, error) {
	return a.principal, nil
}

// Role implements Authenticator.
func (Anyone) Role(name string) (auth.Role, bool) { return auth.BuiltinRole(name) }

// authorize lets a request on, and notes who asks and which documents it may touch. What is told to those it does not
// let on says nothing of what is there: it comes before anything is looked up.
func (c *call) authorize(r *route) error {
	c.principal = auth.Nobody()
	if r.action == auth.Public {
		return nil
	}
	credential, err := c.credential()
	var p *auth.Principal
	if err == nil {
		p, err = c.server.cfg.Auth.Authenticate(c.server.base, credential)
	}
	if err != nil {
		return c.deny(unauthenticated(), err.Error())
	}
	c.principal = p
	index := c.index
	if r.scope == scopeIndex && index == "" {
		index = c.id // the name of an alias
	}
	d := auth.Decide(p, r.action, index)
	if d.Allowed {
		c.only = d.Only
		return nil
	}
	if r.scope == scopeOperation {
		return c.authorizeOperation(d.Reason)
	}
	return c.deny(forbidden(), d.Reason)
}

// deny gives the problem of a request that is not let on; why is for the audit log.
func (c *call) deny(p *api.Problem, why string) error {
	c.denied = why
	if p.Status == fasthttp.StatusUnauthorized {
		c.ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, `Bearer realm="sagasu"`)
	}
	if c.ctx.Request.Header.ContentLength() != 0 && c.ctx.RequestBodyStream() != nil {
		// What is still unread would be taken for the next request.
		c.ctx.SetConnectionClose()
	}
	return p
}

func unauthenticated() *api.Problem {
	return api.NewProblem(api.ProblemUnauthenticated, fasthttp.StatusUnauthorized, "Authorization",
		"a key or a token that is good is needed: Authorization: Bearer ...")
}

func forbidden() *api.Problem {
	return api.NewProblem(api.ProblemForbidden, fasthttp.StatusForbidden, "", "your credential does not allow this")
}

// credential reads the header of that name; "" if there is none. Several, or another scheme, are none that is good.
func (c *call) credential() (string, error) {
	all := c.ctx.Request.Header.PeekAll(fasthttp.HeaderAuthorization)
	switch len(all) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", errors.New("several headers Authorization")
	}
	scheme, rest, _ := bytes.Cut(all[0], []byte(" "))
	if !bytes.EqualFold(scheme, []byte("Bearer")) && !bytes.EqualFold(scheme, []byte("ApiKey")) {
		return "", errors.New("another scheme than Bearer")
	}
	return string(bytes.TrimSpace(rest)), nil
}

// allowed reports whether the caller may do something to an index; "" asks for any.
func (c *call) allowed(action auth.Action, index string) bool {
	return auth.Decide(c.principal, action, index).Allowed
}

// require is authorize for an index that the address does not name.
func (c *call) require(action auth.Action, index string) error {
	d := auth.Decide(c.principal, action, index)
	if !d.Allowed {
		return c.deny(forbidden(), d.Reason)
	}
	return nil
}

// documents gives the filter that the caller's documents are bound by in an index of that schema; nil for none. A bound
// that does not fit the index lets nothing through.
func (c *call) documents(schema *api.Schema) (api.Query, error) {
	q, err := c.only.Query(schema)
	if err != nil {
		return nil, c.deny(forbidden(), err.Error())
	}
	return q, nil
}
