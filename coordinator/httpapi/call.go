package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// call is one request under way.
type call struct {
	server *Server
	ctx    *fasthttp.RequestCtx
	// route is the pattern that matched, for metrics.
	route string
	// asked is that route with its method; nil while it is not known.
	asked *route
	// index and id are those of the address; id is the document's, decoded.
	index, id string
	requestID string
	start     time.Time
	// principal is who asks, only the documents that one may touch, nil for all; denied says why it may not do this.
	principal *auth.Principal
	only      *auth.Documents
	denied    string
	// ownOperations is true if only operations on the caller's indexes are to be shown.
	ownOperations bool
	// streaming is set when the answer goes on after the handler returned; the stream observes itself.
	streaming bool
}

// handle answers every request.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := &call{server: s, ctx: ctx, start: s.cfg.Now(), requestID: requestID(ctx)}
	ctx.Response.Header.Set("X-Request-Id", c.requestID)
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.Error("handler panicked", "request_id", c.requestID, "panic", fmt.Sprint(p),
				"stack", string(debug.Stack()))
			c.fail(fmt.Errorf("panic: %v", p))
		}
		c.audit()
		if !c.streaming {
			s.metrics.observe(c.route, string(ctx.Method()), ctx.Response.StatusCode(), s.cfg.Now().Sub(c.start))
		}
	}()
	if err := c.dispatch(); err != nil {
		c.fail(err)
	}
}

// malformed answers what is no HTTP request.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, err error) {
	c := &call{server: s, ctx: ctx, route: "malformed", start: s.cfg.Now(), requestID: requestID(ctx)}
	status, detail := fasthttp.StatusBadRequest, "malformed HTTP request"
	var small *fasthttp.ErrSmallBuffer
	var late interface{ Timeout() bool }
	switch {
	case errors.As(err, &small):
		status = fasthttp.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &late) && late.Timeout():
		// Clients keep connections in reserve that they never use; this status tells them that it is only that.
		status, detail = fasthttp.StatusRequestTimeout, "no HTTP request came in time"
	}
	c.fail(api.NewProblem(api.ProblemRequest, status, "", "%s: %v", detail, err))
	ctx.SetConnectionClose()
	s.metrics.observe(c.route, "other", status, 0)
}

// requestID is the client's if it is short and plain, else a new one.
func requestID(ctx *fasthttp.RequestCtx) string {
	given := string(ctx.Request.Header.Peek("X-Request-Id"))
	plain := given != "" && len(given) <= maxRequestID &&
		!strings.ContainsFunc(given, func(r rune) bool { return r <= ' ' || r > '~' })
	if plain {
		return given
	}
	return fmt.Sprintf("%016x", rand.Uint64())
}

// within gives a context for work that is no search.
func (c *call) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.server.base, d)
}

// body reads the request's body of at most limit bytes, growing with what comes, not with what is
// announced.
func (c *call) body(limit int) ([]byte, error) {
	tooLarge := api.NewProblem(api.ProblemTooLarge, fasthttp.StatusRequestEntityTooLarge, "",
		"the body has more than the %d bytes allowed here", limit)
	if encoding := c.ctx.Request.Header.ContentEncoding(); len(encoding) > 0 {
		return nil, api.NewProblem(api.ProblemRequest, fasthttp.StatusUnsupportedMediaType, "Content-Encoding",
			"is %q; send bodies as they are", encoding)
	}
	stream := c.ctx.RequestBodyStream()
	if stream == nil {
		return c.ctx.Request.Body(), nil
	}
	if length := c.ctx.Request.Header.ContentLength(); length > limit {
		if length <= limit+drainBytes {
			drain(stream)
		}
		return nil, tooLarge
	}
	data, err := io.ReadAll(io.LimitReader(stream, int64(limit)+1))
	switch {
	case err != nil:
		return nil, api.NewProblem(api.ProblemRequest, fasthttp.StatusBadRequest, "", "the body breaks off: %v", err)
	case len(data) > limit:
		drain(stream)
		return nil, tooLarge
	}
	return data, nil
}

// drain reads on for a while, because most clients look at the answer only when they have sent all, and
// take a connection closed before that for a fault of the network. Whether it reaches the end does not
// matter: the connection is closed after the answer.
func drain(stream io.Reader) {
	_, _ = io.CopyN(io.Discard, stream, drainBytes)
}

// json answers with a body that is JSON already.
func (c *call) json(status int, body []byte) error {
	c.ctx.Response.SetStatusCode(status)
	c.ctx.Response.Header.SetContentType("application/json")
	c.ctx.Response.SetBodyRaw(body)
	return nil
}

// query gives a parameter of the address.
func (c *call) query(name string) string { return string(c.ctx.QueryArgs().Peek(name)) }

// badParameter is the problem of a parameter of the address.
func badParameter(name, format string, args ...any) error {
	return api.NewProblem(api.ProblemRequest, fasthttp.StatusBadRequest, name, format, args...)
}
