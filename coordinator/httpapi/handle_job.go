package httpapi

import (
	"bytes"
	"io"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

// startJob keeps a stream of lines, and answers with the operation that writes it.
func (c *call) startJob(lines bool) error {
	switch {
	case c.only != nil:
		return c.deny(api.NewProblem(api.ProblemForbidden, fasthttp.StatusForbidden, "async",
			"can't be asked for by a credential that is bound to some documents"), "async with a document filter")
	case !lines:
		return api.NewProblem(api.ProblemRequest, fasthttp.StatusUnsupportedMediaType, "Content-Type",
			"must be application/x-ndjson where async is asked for: a document a line")
	case c.ctx.QueryArgs().Has("wait"):
		return badParameter("wait", "can't be asked for together with async")
	}
	if encoding := c.ctx.Request.Header.ContentEncoding(); len(encoding) > 0 {
		return api.NewProblem(api.ProblemRequest, fasthttp.StatusUnsupportedMediaType, "Content-Encoding",
			"is %q; send bodies as they are", encoding)
	}
	if err := c.server.writes.enter(c.server.base); err != nil {
		return err
	}
	defer c.server.writes.leave()
	var body io.Reader = bytes.NewReader(nil)
	if stream := c.ctx.RequestBodyStream(); stream != nil {
		body = patient{stream, c.ctx.Conn(), c.server.cfg}
	}
	operation, err := c.server.cfg.Node.StartJob(c.server.base, c.index, c.requestID, body)
	if err != nil {
		if stream := c.ctx.RequestBodyStream(); stream != nil {
			drain(stream)
		}
		// What is still unread would be taken for the next request.
		c.ctx.SetConnectionClose()
		return err
	}
	c.ctx.Response.Header.Set("Location", "/v1/operations/"+operation.ID)
	return c.marshal(fasthttp.StatusAccepted, operation)
}
