package httpapi

import (
	"time"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// listDocuments answers with a page of what the catalog knows:
// ?state=..&q=..&source=..&parent=..&from=..&to=..&order=..&after=..&limit=..
func (c *call) listDocuments() error {
	filter := api.DocumentFilter{
		State: c.query("state"), Source: c.query("source"), Text: c.query("q"), Parent: c.query("parent"),
		After: c.query("after"),
	}
	switch order := c.query("order"); order {
	case "", "newest":
	case "id":
		filter.ByID = true
	default:
		return badParameter("order", "is %.40q, must be newest or id", order)
	}
	var err error
	if filter.UpdatedFrom, filter.UpdatedTo, err = c.span(); err != nil {
		return err
	}
	if filter.Limit, err = c.pageSize(); err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	page, err := c.server.cfg.Node.ListDocuments(ctx, c.index, filter)
	if err != nil {
		return err
	}
	page.Documents = listed(page.Documents)
	return c.marshal(fasthttp.StatusOK, page)
}

func (c *call) documentStatus() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	status, err := c.server.cfg.Node.DocumentStatus(ctx, c.index, c.id)
	if err != nil {
		return err
	}
	status.Vectors = listed(status.Vectors)
	return c.marshal(fasthttp.StatusOK, status)
}

func (c *call) catalogStatus() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	status, err := c.server.cfg.Node.CatalogStatus(ctx, c.index)
	if err != nil {
		return err
	}
	status.Shards = listed(status.Shards)
	return c.marshal(fasthttp.StatusOK, status)
}

// report answers about searches: ?index=..&from=..&to=..&limit=..&by=day. Without a span it is the last day.
func (c *call) report(kind string) error {
	req := api.ReportRequest{Kind: kind, Index: c.query("index")}
	if req.Index != "" {
		if err := api.CheckIndexName(req.Index); err != nil {
			return err
		}
	}
	if err := c.mayReport(req.Index); err != nil {
		return err
	}
	var err error
	if req.From, req.To, err = c.span(); err != nil {
		return err
	}
	if req.To.IsZero() {
		req.To = c.server.cfg.Now().UTC()
	}
	if req.From.IsZero() {
		req.From = req.To.AddDate(0, 0, -1)
	}
	if !req.From.Before(req.To) {
		return badParameter("from", "is %s, must be before to, %s", req.From.Format(time.RFC3339),
			req.To.Format(time.RFC3339))
	}
	if req.Limit, err = c.pageSize(); err != nil {
		return err
	}
	switch by := c.query("by"); by {
	case "", "hour":
	case "day":
		req.Daily = true
	default:
		return badParameter("by", "is %.40q, must be hour or day", by)
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	answer, err := c.server.cfg.Node.Report(ctx, req)
	if err != nil {
		return err
	}
	switch kind {
	case api.ReportLatency:
		answer.Latency = listed(answer.Latency)
	case api.ReportVolume:
		answer.Volume = listed(answer.Volume)
	default:
		answer.Queries = listed(answer.Queries)
	}
	return c.marshal(fasthttp.StatusOK, answer)
}

// mayReport lets those on who may see what was searched for in an index, in all of them for "".
func (c *call) mayReport(index string) error {
	if index != "" {
		return c.require(auth.AnalyticsRead, index)
	}
	if !c.principal.Everywhere(auth.AnalyticsRead) {
		return c.deny(forbidden(), "searches of all indexes")
	}
	return nil
}

// audits answers with a page: ?principal=..&action=..&target=..&outcome=..&from=..&to=..&after=..&limit=..
func (c *call) audits() error {
	filter := api.AuditFilter{
		Principal: c.query("principal"), Action: c.query("action"), Outcome: c.query("outcome"), Target: c.query("target"),
		After: c.query("after"),
	}
	var err error
	if filter.From, filter.To, err = c.span(); err != nil {
		return err
	}
	if filter.Limit, err = c.pageSize(); err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	page, err := c.server.cfg.Node.Audits(ctx, filter)
	if err != nil {
		return err
	}
	page.Events = listed(page.Events)
	return c.marshal(fasthttp.StatusOK, page)
}

// span reads ?from=..&to=..; what isn't given is zero.
func (c *call) span() (from, to time.Time, err error) {
	if from, err = c.moment("from"); err != nil {
		return from, to, err
	}
	to, err = c.moment("to")
	return from, to, err
}

// moment reads a parameter that is a time of RFC 3339, or a day.
func (c *call) moment(name string) (time.Time, error) {
	text := c.query(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, badParameter(name, "is %.40q, must be a time such as 2024-02-29T12:00:00Z, or a day", text)
}

func (c *call) pageSize() (int, error) {
	n, err := c.number("limit", defaultPage, 1, maxPage)
	return int(n), err
}
