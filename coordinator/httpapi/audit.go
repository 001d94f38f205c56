package httpapi

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

// audit takes note of a request that was answered, whether it was carried out or refused.
func (c *call) audit() {
	if c.asked == nil || c.asked.audit == "" {
		return
	}
	target := c.index
	if target == "" {
		target = c.id
	}
	event := api.AuditEvent{
		At: c.start, Action: c.asked.audit, Target: target, Outcome: strconv.Itoa(c.ctx.Response.StatusCode()),
		Detail: string(c.ctx.URI().QueryString()), RequestID: c.requestID,
	}
	if c.ctx.Response.StatusCode() >= fasthttp.StatusBadRequest {
		event.Detail = string(c.ctx.Response.Body())
	}
	c.server.cfg.Node.Audit(event)
}
