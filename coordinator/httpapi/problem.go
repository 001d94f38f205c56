package httpapi

import (
	"context"
	"errors"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/sparse"
)

// ProblemOf maps every error to the problem that the client gets.
func ProblemOf(err error) *api.Problem {
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, api.ErrIndexNotFound), errors.Is(err, api.ErrDocumentNotFound):
		return api.NewProblem(api.ProblemNotFound, fasthttp.StatusNotFound, "", "%v", err)
	case errors.Is(err, api.ErrIndexExists), errors.Is(err, api.ErrConflict):
		return api.NewProblem(api.ProblemConflict, fasthttp.StatusConflict, "", "%v", err)
	case errors.Is(err, api.ErrUnknownOutcome):
		return api.NewProblem(api.ProblemUnavailable, fasthttp.StatusServiceUnavailable, "",
			"the write may or may not have happened: %v", err)
	case errors.Is(err, api.ErrOverloaded):
		return api.NewProblem(api.ProblemOverloaded, fasthttp.StatusTooManyRequests, "", "%v", err)
	case errors.Is(err, api.ErrUnavailable):
		return api.NewProblem(api.ProblemUnavailable, fasthttp.StatusServiceUnavailable, "", "%v", err)
	case errors.Is(err, sparse.ErrQuery):
		return api.NewProblem(api.ProblemQuery, fasthttp.StatusBadRequest, "query", "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return api.NewProblem(api.ProblemUnavailable, fasthttp.StatusGatewayTimeout, "", "the time for this is over")
	case errors.Is(err, context.Canceled):
		return api.NewProblem(api.ProblemUnavailable, fasthttp.StatusServiceUnavailable, "", "the node is stopping")
	}
	return api.NewProblem(problemInternal, fasthttp.StatusInternalServerError, "",
		"internal error; the log of the node has it under this request's id")
}

// problemInternal is the type of what is our fault.
const problemInternal = "/problems/internal"

// fail answers with the problem of err.
func (c *call) fail(err error) {
	p := ProblemOf(err)
	if p.Status == fasthttp.StatusInternalServerError {
		c.server.cfg.Logger.Error("request failed", "request_id", c.requestID, "route", c.route, "error", err)
	}
	r := &c.ctx.Response
	r.ResetBody()
	r.SetStatusCode(p.Status)
	r.Header.SetContentType("application/problem+json")
	switch p.Status {
	case fasthttp.StatusTooManyRequests, fasthttp.StatusServiceUnavailable:
		r.Header.Set("Retry-After", "1")
	case fasthttp.StatusRequestEntityTooLarge:
		// What the client still sends is not worth reading.
		c.ctx.SetConnectionClose()
	}
	r.SetBodyRaw(p.AppendJSON(nil))
}
