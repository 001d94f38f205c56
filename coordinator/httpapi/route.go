package httpapi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// ErrRoute is returned by New for a table of routes that can't be: one without an action, one that is there twice.
var ErrRoute = errors.New("invalid route")

// scope says what a route's action is done to.
type scope uint8

const (
	// scopeCluster is the cluster, or nothing in particular.
	scopeCluster scope = iota
	// scopeIndex is the index in the address.
	scopeIndex
	// scopeAny is some index: the handler looks at each, or at the one that the body names.
	scopeAny
	// scopeOperation is the operation in the address, or all of them: what is about an index belongs to it as well.
	scopeOperation
)

// route is one method of one address. Every one says what it takes to be allowed.
type route struct {
	// method is GET, POST, PUT or DELETE; GET serves HEAD as well.
	method string
	// pattern has its variable segments in braces: {index} and {alias} are names of indexes, {document} the id of a
	// document, others are taken as they are.
	pattern string
	handle  func(*call) error
	action  auth.Action
	scope   scope
	// audit names what the route does to the cluster; "" if that is nothing, or only to documents.
	audit string
}

// node is a place in the tree of addresses.
type node struct {
	fixed map[string]*node
	// variable is what any other segment leads to, name what it is called.
	variable *node
	name     string
	// pattern and methods are set where an address ends.
	pattern string
	methods []route
}

// plant makes the tree of a table. Errors are ErrRoute.
func plant(table []route) (*node, error) {
	root := &node{}
	for _, r := range table {
		if err := root.add(r); err != nil {
			return nil, fmt.Errorf("%w: %s %s: %w", ErrRoute, r.method, r.pattern, err)
		}
	}
	return root, nil
}

func (n *node) add(r route) error {
	if err := r.action.Check(); err != nil {
		return err
	}
	if r.scope == scopeIndex && !strings.Contains(r.pattern, "{index}") && !strings.Contains(r.pattern, "{alias}") {
		return errors.New("has no index in its address")
	}
	if r.handle == nil {
		return errors.New("has no handler")
	}
	switch r.method {
	case fasthttp.MethodGet, fasthttp.MethodPost, fasthttp.MethodPut, fasthttp.MethodDelete:
	default:
		return errors.New("has another method than GET, POST, PUT or DELETE")
	}
	at := n
	for segment := range strings.SplitSeq(strings.Trim(r.pattern, "/"), "/") {
		next, err := at.step(segment)
		if err != nil {
			return err
		}
		at = next
	}
	for _, other := range at.methods {
		if other.method == r.method {
			return errors.New("is there twice")
		}
	}
	at.pattern, at.methods = r.pattern, append(at.methods, r)
	return nil
}

// step gives the place behind a segment of a pattern, which is made if it is not there.
func (n *node) step(segment string) (*node, error) {
	if !strings.HasPrefix(segment, "{") {
		if n.fixed == nil {
			n.fixed = map[string]*node{}
		}
		if n.fixed[segment] == nil {
			n.fixed[segment] = &node{}
		}
		return n.fixed[segment], nil
	}
	name := strings.Trim(segment, "{}")
	if n.variable == nil {
		n.variable, n.name = &node{}, name
	}
	if n.name != name {
		return nil, fmt.Errorf("calls {%s} what another route calls {%s}", name, n.name)
	}
	return n.variable, nil
}

// find gives the place of an address that is not decoded yet, and notes its variables in the call; nil if there is
// none. Segments are decoded one by one, so that an encoded slash stays part of an id.
func (n *node) find(c *call, path string) (*node, error) {
	at := n
	for more := true; more; {
		var raw string
		raw, path, more = strings.Cut(path, "/")
		segment := raw
		if strings.IndexByte(raw, '%') >= 0 {
			var err error
			if segment, err = url.PathUnescape(raw); err != nil {
				return nil, badParameter("path", "has a malformed escape: %v", err)
			}
		}
		next := at.fixed[segment]
		if next == nil {
			if next = at.variable; next == nil {
				return nil, nil
			}
			if err := c.take(at.name, segment); err != nil {
				return nil, err
			}
		}
		at = next
	}
	if len(at.methods) == 0 {
		return nil, nil
	}
	return at, nil
}

// take notes a variable of the address.
func (c *call) take(name, value string) error {
	switch name {
	case "index":
		c.index = value
		return api.CheckIndexName(value)
	case "alias":
		c.id = value
		return api.CheckIndexName(value)
	case "document":
		c.id = value
		return api.CheckID(value)
	}
	c.id = value
	return nil
}

// of gives the route of a method; nil if there is none.
func (n *node) of(method string) *route {
	if method == fasthttp.MethodHead {
		method = fasthttp.MethodGet
	}
	for i := range n.methods {
		if n.methods[i].method == method {
			return &n.methods[i]
		}
	}
	return nil
}

// allow lists the methods, for the header of that name.
func (n *node) allow() string {
	var names []string
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		if n.of(method) == nil {
			continue
		}
		if method == fasthttp.MethodGet {
			method = "GET, HEAD"
		}
		names = append(names, method)
	}
	return strings.Join(names, ", ")
}
