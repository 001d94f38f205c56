package httpapi

import (
	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// authorizeOperation lets those on who have no business with the cluster, but with an operation: bulks belong to those
// who write to their index, and work on an index to those who look after it. Others are told that there is none.
func (c *call) authorizeOperation(why string) error {
	if c.id == "" {
		if !c.allowed(auth.IndexWrite, "") && !c.allowed(auth.IndexAdmin, "") {
			return c.deny(forbidden(), why)
		}
		c.ownOperations = true
		return nil
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	operation, err := c.server.cfg.Node.Operation(ctx, c.id)
	if err == nil && c.ownsOperation(&operation) {
		return nil
	}
	return c.deny(api.NewProblem(api.ProblemNotFound, fasthttp.StatusNotFound, "id", "there is no operation %.100q", c.id),
		why)
}

// ownsOperation reports whether an operation is the caller's matter although the cluster is not.
func (c *call) ownsOperation(o *api.Operation) bool {
	if o.Index == "" {
		return false
	}
	switch o.Kind {
	case "bulk":
		d := auth.Decide(c.principal, auth.IndexWrite, o.Index)
		return d.Allowed && d.Only == nil
	case "verify", "reembed":
		return c.allowed(auth.IndexAdmin, o.Index)
	}
	return false
}
