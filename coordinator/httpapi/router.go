package httpapi

import (
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

// methods are the handlers of one route.
type methods struct {
	get, post, put, delete func(*call) error
}

// dispatch finds the handler by the address as it was sent, so that an encoded slash stays part of an
// id.
func (c *call) dispatch() error {
	path := strings.Trim(string(c.ctx.URI().PathOriginal()), "/")
	segments := strings.Split(path, "/")
	for i, raw := range segments {
		text, err := url.PathUnescape(raw)
		if err != nil {
			return badParameter("path", "has a malformed escape: %v", err)
		}
		segments[i] = text
	}
	found, err := c.match(segments)
	if err != nil {
		return err
	}
	if c.route == "" {
		c.route = "unknown"
		return api.NewProblem(api.ProblemNotFound, fasthttp.StatusNotFound, "path", "/%s is not known here", path)
	}
	handler := found.of(string(c.ctx.Method()))
	if handler == nil {
		c.ctx.Response.Header.Set("Allow", found.allow())
		return api.NewProblem(api.ProblemRequest, fasthttp.StatusMethodNotAllowed, "method",
			"%s is not allowed here (%s)", c.ctx.Method(), found.allow())
	}
	if c.index != "" {
		if err := api.CheckIndexName(c.index); err != nil {
			return err
		}
	}
	return handler(c)
}

// match sets the route, the index and the id.
func (c *call) match(path []string) (methods, error) {
	switch strings.Join(path, "/") {
	case "health":
		c.route = "/health"
		return methods{get: (*call).health}, nil
	case "health/ready":
		c.route = "/health/ready"
		return methods{get: (*call).ready}, nil
	case "metrics":
		c.route = "/metrics"
		return methods{get: (*call).metrics}, nil
	case "v1/analyze":
		c.route = "/v1/analyze"
		return methods{post: (*call).analyze}, nil
	}
	if len(path) < 2 || path[0] != "v1" {
		return methods{}, nil
	}
	if path[1] != "indexes" {
		return c.matchCluster(path[1:])
	}
	if len(path) == 2 {
		c.route = "/v1/indexes"
		return methods{get: (*call).listIndexes}, nil
	}
	return c.matchIndex(path)
}

// matchCluster finds what is about the cluster; path is what follows /v1.
func (c *call) matchCluster(path []string) (methods, error) {
	switch strings.Join(path, "/") {
	case "cluster":
		c.route = "/v1/cluster"
		return methods{get: (*call).cluster}, nil
	case "cluster/nodes":
		c.route = "/v1/cluster/nodes"
		return methods{get: (*call).nodes}, nil
	case "cluster/shards":
		c.route = "/v1/cluster/shards"
		return methods{get: (*call).shards}, nil
	case "cluster/settings":
		c.route = "/v1/cluster/settings"
		return methods{get: (*call).settings, put: (*call).putSettings}, nil
	case "operations":
		c.route = "/v1/operations"
		return methods{get: (*call).operations}, nil
	case "audit":
		c.route = "/v1/audit"
		return methods{get: (*call).audits}, nil
	case "aliases":
		c.route = "/v1/aliases"
		return methods{get: (*call).aliases}, nil
	}
	switch {
	case len(path) == 3 && path[0] == "cluster" && path[1] == "nodes":
		c.route, c.id = "/v1/cluster/nodes/{id}", path[2]
		return methods{delete: (*call).removeNode}, nil
	case len(path) == 2 && path[0] == "operations":
		c.route, c.id = "/v1/operations/{id}", path[1]
		return methods{get: (*call).operation, delete: (*call).cancelOperation}, nil
	case len(path) == 3 && path[0] == "operations" && path[2] == "errors":
		c.route, c.id = "/v1/operations/{id}/errors", path[1]
		return methods{get: (*call).operationErrors}, nil
	case len(path) == 2 && path[0] == "analytics":
		return c.matchReport(path[1]), nil
	case len(path) == 2 && path[0] == "aliases":
		c.route, c.id = "/v1/aliases/{alias}", path[1]
		if err := api.CheckIndexName(c.id); err != nil {
			return methods{}, err
		}
		return methods{put: (*call).putAlias, delete: (*call).deleteAlias}, nil
	}
	return methods{}, nil
}

// matchReport finds a report about searches.
func (c *call) matchReport(kind string) methods {
	switch kind {
	case api.ReportTopQueries, api.ReportZeroHits, api.ReportLatency, api.ReportVolume:
		c.route = "/v1/analytics/" + kind
		return methods{get: func(c *call) error { return c.report(kind) }}
	}
	return methods{}
}

func (c *call) matchIndex(path []string) (methods, error) {
	c.index = path[2]
	const prefix = "/v1/indexes/{index}"
	if len(path) == 3 {
		c.route = prefix
		return methods{
			get: (*call).getIndex, put: (*call).createIndex, post: (*call).createIndex, delete: (*call).deleteIndex,
		}, nil
	}
	switch kind := path[3]; {
	case kind == "documents" && len(path) == 4:
		c.route = prefix + "/documents"
		return methods{get: (*call).listDocuments, post: (*call).writeDocuments}, nil
	case kind == "documents" && len(path) == 5:
		c.route, c.id = prefix+"/documents/{id}", path[4]
		if err := api.CheckID(c.id); err != nil {
			return methods{}, err
		}
		return methods{get: (*call).getDocument, put: (*call).putDocument, delete: (*call).deleteDocument}, nil
	case kind == "documents" && len(path) == 6 && path[5] == "status":
		c.route, c.id = prefix+"/documents/{id}/status", path[4]
		if err := api.CheckID(c.id); err != nil {
			return methods{}, err
		}
		return methods{get: (*call).documentStatus}, nil
	case kind == "catalog" && len(path) == 4:
		c.route = prefix + "/catalog"
		return methods{get: (*call).catalogStatus}, nil
	case kind == "search" && len(path) == 4:
		c.route = prefix + "/search"
		return methods{get: (*call).searchByAddress, post: (*call).search}, nil
	case kind == "count" && len(path) == 4:
		c.route = prefix + "/count"
		return methods{get: (*call).count, post: (*call).count}, nil
	}
	return c.matchVectors(path[3:]), nil
}

func (m methods) of(method string) func(*call) error {
	switch method {
	case "GET", "HEAD":
		return m.get
	case "POST":
		return m.post
	case "PUT":
		return m.put
	case "DELETE":
		return m.delete
	}
	return nil
}

// allow lists the methods, for the header of that name.
func (m methods) allow() string {
	var names []string
	for _, x := range []struct {
		name    string
		handler func(*call) error
	}{{"GET, HEAD", m.get}, {"POST", m.post}, {"PUT", m.put}, {"DELETE", m.delete}} {
		if x.handler != nil {
			names = append(names, x.name)
		}
	}
	return strings.Join(names, ", ")
}
