package httpapi

import (
	"context"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

func (c *call) search() error {
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return err
	}
	data, err := c.body(api.MaxSearchBody)
	if err != nil {
		return err
	}
	return c.run(schema, data)
}

// searchByAddress is search for trying out: ?q=..&mode=..&from=..&size=..
func (c *call) searchByAddress() error {
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return err
	}
	if !utf8.ValidString(c.query("q")) {
		return badParameter("q", "is not valid UTF-8")
	}
	body := append([]byte(`{"query":`), api.AppendString(nil, c.query("q"))...)
	if mode := c.query("mode"); mode != "" {
		body = append(body, `,"mode":`...)
		body = api.AppendString(body, mode)
	}
	for _, name := range []string{"from", "size"} {
		text := c.query(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return badParameter(name, "is %q, must be a whole number", text)
		}
		body = append(body, `,"`+name+`":`...)
		body = strconv.AppendInt(body, n, 10)
	}
	if text := c.query("explain"); text != "" {
		explain, err := strconv.ParseBool(text)
		if err != nil {
			return badParameter("explain", "is %q, must be true or false", text)
		}
		body = append(body, `,"explain":`...)
		body = strconv.AppendBool(body, explain)
	}
	return c.run(schema, append(body, '}'))
}

// run parses, admits and answers a search.
func (c *call) run(schema *api.Schema, body []byte) error {
	req, err := api.ParseSearchRequest(schema, body)
	if err != nil {
		return err
	}
	if req.Only, err = c.documents(schema); err != nil {
		return err
	}
	// The search keeps its own time; this context ends when the server stops.
	ctx, cancel := context.WithCancel(c.server.base)
	defer cancel()
	if err := c.server.searches.enter(ctx); err != nil {
		return err
	}
	defer c.server.searches.leave()
	answer, err := c.server.cfg.Node.Search(ctx, c.index, req)
	if err != nil {
		return err
	}
	c.ctx.Response.Header.SetBytesV("Server-Timing", serverTiming(answer))
	c.ctx.Response.SetStatusCode(fasthttp.StatusOK)
	c.ctx.Response.Header.SetContentType("application/json")
	// The buffer of the response is reused from request to request, so a search allocates none.
	buffer := c.ctx.Response.SwapBody(nil)
	c.ctx.Response.SwapBody(answer.AppendJSON(buffer[:0]))
	return nil
}

// serverTiming is the timings in the form of the header of that name.
func serverTiming(answer *api.SearchResponse) []byte {
	dst := make([]byte, 0, 96)
	add := func(name string, ms float64) {
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, name...)
		dst = append(dst, ";dur="...)
		dst = strconv.AppendFloat(dst, ms, 'f', 3, 64)
	}
	answer.TimingsMS.Each(add)
	add("total", answer.TookMS)
	return dst
}

func (c *call) count() error {
	schema, err := c.server.cfg.Node.Schema(c.index)
	if err != nil {
		return err
	}
	data, err := c.body(api.MaxSearchBody)
	if err != nil {
		return err
	}
	q, err := api.ParseCountRequest(schema, data)
	if err != nil {
		return err
	}
	only, err := c.documents(schema)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := c.server.searches.enter(ctx); err != nil {
		return err
	}
	defer c.server.searches.leave()
	n, err := c.server.cfg.Node.Count(ctx, c.index, auth.Restrict(q, only))
	if err != nil {
		return err
	}
	return c.json(fasthttp.StatusOK, append(strconv.AppendInt([]byte(`{"count":`), int64(n), 10), '}'))
}

func (c *call) analyze() error {
	data, err := c.body(api.MaxSearchBody)
	if err != nil {
		return err
	}
	req, err := api.ParseAnalyzeRequest(data)
	if err != nil {
		return err
	}
	analyzer := req.Analyzer
	if analyzer == "" {
		if analyzer, err = c.analyzerOf(req.Index, req.Field); err != nil {
			return err
		}
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := c.server.searches.enter(ctx); err != nil {
		return err
	}
	defer c.server.searches.leave()
	tokens, err := c.server.cfg.Node.Analyze(ctx, analyzer, req.Text)
	if err != nil {
		return err
	}
	if tokens == nil {
		tokens = []api.Token{}
	}
	return c.marshal(fasthttp.StatusOK, struct {
		Analyzer string      `json:"analyzer"`
		Tokens   []api.Token `json:"tokens"`
	}{analyzer, tokens})
}

func (c *call) analyzerOf(index, field string) (string, error) {
	if err := api.CheckIndexName(index); err != nil {
		return "", err
	}
	if err := c.require(auth.IndexRead, index); err != nil {
		return "", err
	}
	schema, err := c.server.cfg.Node.Schema(index)
	if err != nil {
		return "", err
	}
	f, ok := schema.Fields[field]
	switch {
	case !ok:
		return "", badParameter("field", "names %q, which is no field of the index", field)
	case f.Type != api.TypeText:
		return "", badParameter("field", "names %q, which is %s, not text", field, f.Type)
	case f.Analyzer == "":
		return api.DefaultAnalyzer, nil
	}
	return f.Analyzer, nil
}
