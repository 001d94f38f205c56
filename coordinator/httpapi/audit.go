package httpapi

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

// auditAction names what a request does to the cluster, "" if it changes only documents, or nothing.
func auditAction(method, route string) string {
	if method == fasthttp.MethodGet || method == fasthttp.MethodHead {
		return ""
	}
	switch method + " " + route {
	case "PUT /v1/indexes/{index}", "POST /v1/indexes/{index}":
		return "index.create"
	case "DELETE /v1/indexes/{index}":
		return "index.delete"
	case "POST /v1/indexes/{index}/model":
		return "index.model"
	case "POST /v1/indexes/{index}/verify":
		return "index.verify"
	case "POST /v1/indexes/{index}/dense/retry":
		return "dense.retry"
	case "PUT /v1/aliases/{alias}":
		return "alias.put"
	case "DELETE /v1/aliases/{alias}":
		return "alias.delete"
	case "PUT /v1/cluster/settings":
		return "settings.put"
	case "DELETE /v1/cluster/nodes/{id}":
		return "node.remove"
	case "DELETE /v1/operations/{id}":
		return "operation.cancel"
	}
	return ""
}

// audit takes note of a request that was answered, whether it was carried out or refused.
func (c *call) audit() {
	action := auditAction(string(c.ctx.Method()), c.route)
	if action == "" {
		return
	}
	target := c.index
	if target == "" {
		target = c.id
	}
	event := api.AuditEvent{
		At: c.start, Action: action, Target: target, Outcome: strconv.Itoa(c.ctx.Response.StatusCode()),
		Detail: string(c.ctx.URI().QueryString()), RequestID: c.requestID,
	}
	if c.ctx.Response.StatusCode() >= fasthttp.StatusBadRequest {
		event.Detail = string(c.ctx.Response.Body())
	}
	c.server.cfg.Node.Audit(event)
}
