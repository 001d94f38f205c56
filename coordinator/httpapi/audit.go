package httpapi

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// Recorder keeps an audit log; *auditlog.Log satisfies it.
type Recorder interface {
	// Append keeps a record, on stable storage if durable is set. Denied keeps one of something that was refused, unless
	// there are too many.
	Append(r auth.Record, durable bool) error
	Denied(r auth.Record) error
}

// AuditReads says which reads of documents are kept in the audit log.
type AuditReads string

// The values of AuditReads.
const (
	AuditReadsNone AuditReads = "none"
	AuditReadsAll  AuditReads = "all"
)

// audit takes note of a request that was answered: of every one that was not let on or that changes more than documents,
// and of others if that is asked for.
func (c *call) audit() {
	if c.asked == nil || c.asked.action == auth.Public {
		return
	}
	action, denied := c.asked.audit, c.denied != ""
	reads := action == "" && !denied
	if reads && c.server.cfg.AuditReads != AuditReadsAll {
		return
	}
	if action == "" {
		action = string(c.asked.action)
	}
	status := c.ctx.Response.StatusCode()
	r := auth.Record{
		At: c.start, Principal: c.principal.String(), Action: action, Target: c.target(), Source: c.ctx.RemoteIP().String(),
		Allowed: !denied, Outcome: strconv.Itoa(status), RequestID: c.requestID, Detail: c.auditDetail(status),
	}
	var err error
	switch recorder := c.server.cfg.Recorder; {
	case recorder == nil:
	case denied:
		err = recorder.Denied(r)
	default:
		err = recorder.Append(r, !reads)
	}
	if err != nil {
		c.server.cfg.Logger.Error("audit record is lost", "request_id", c.requestID, "action", action, "error", err)
	}
	if reads || denied && c.principal.Kind == auth.KindNobody {
		return // too many, and made by anybody, for the catalog
	}
	c.server.cfg.Node.Audit(api.AuditEvent{
		At: r.At, Principal: r.Principal, Action: r.Action, Target: r.Target, Outcome: r.Outcome,
		Detail: withSource(r.Source, r.Detail), RequestID: r.RequestID,
	})
}

// target is what a request is done to.
func (c *call) target() string {
	switch {
	case c.index != "" && c.id != "":
		return c.index + "/" + c.id
	case c.index != "":
		return c.index
	}
	return c.id
}

// auditDetail says why a request was not let on or not carried out, else how it was asked for.
func (c *call) auditDetail(status int) string {
	switch {
	case c.denied != "":
		return c.denied
	case status >= fasthttp.StatusBadRequest && !c.streaming:
		return string(c.ctx.Response.Body())
	}
	return string(c.ctx.URI().QueryString())
}

// withSource puts where a request came from before what else there is to say, for stores that have no place for it.
func withSource(source, detail string) string {
	if detail == "" {
		return "from " + source
	}
	return "from " + source + ": " + detail
}
