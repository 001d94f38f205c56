package httpapi

import (
	"strings"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

// dispatch finds the handler by the address as it was sent, so that an encoded slash stays part of an
// id.
func (c *call) dispatch() error {
	c.route = "unknown"
	path := strings.Trim(string(c.ctx.URI().PathOriginal()), "/")
	found, err := c.server.routes.find(c, path)
	if err != nil {
		return err
	}
	if found == nil {
		return api.NewProblem(api.ProblemNotFound, fasthttp.StatusNotFound, "path", "/%s is not known here", path)
	}
	c.route = found.pattern
	r := found.of(string(c.ctx.Method()))
	if r == nil {
		c.ctx.Response.Header.Set("Allow", found.allow())
		return api.NewProblem(api.ProblemRequest, fasthttp.StatusMethodNotAllowed, "method",
			"%s is not allowed here (%s)", c.ctx.Method(), found.allow())
	}
	c.asked = r
	if err := c.authorize(r); err != nil {
		return err
	}
	return r.handle(c)
}
