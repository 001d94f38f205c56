package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

func (c *call) health() error { return c.json(fasthttp.StatusOK, []byte(`{"status":"ok"}`)) }

func (c *call) ready() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	err := c.server.cfg.Node.Ready(ctx)
	if err == nil {
		return c.json(fasthttp.StatusOK, []byte(`{"status":"ready"}`))
	}
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	return api.NewProblem(api.ProblemUnavailable, fasthttp.StatusServiceUnavailable, "", "not ready: %v", err)
}

func (c *call) metrics() error {
	c.server.exposition(c.ctx)
	return nil
}

func (c *call) listIndexes() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	infos, err := c.server.cfg.Node.ListIndexes(ctx)
	if err != nil {
		return err
	}
	shown := []api.IndexInfo{}
	for i := range infos {
		d := auth.Decide(c.principal, auth.IndexDescribe, infos[i].Name)
		if d.Allowed && c.hide(ctx, &infos[i], d.Only) == nil {
			shown = append(shown, infos[i])
		}
	}
	return c.marshal(fasthttp.StatusOK, struct {
		Indexes []api.IndexInfo `json:"indexes"`
	}{shown})
}

func (c *call) getIndex() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	info, err := c.server.cfg.Node.GetIndex(ctx, c.index)
	if err != nil {
		return err
	}
	if err := c.hide(ctx, &info, c.only); err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, info)
}

// hide takes from what is told of an index what is about documents that the caller may not see.
func (c *call) hide(ctx context.Context, info *api.IndexInfo, only *auth.Documents) error {
	q, err := only.Query(&info.Schema)
	switch {
	case err != nil:
		return forbidden()
	case q == nil:
		return nil
	}
	info.DenseLag, info.Generations = 0, nil
	info.Documents, err = c.server.cfg.Node.Count(ctx, info.Name, q)
	return err
}

func (c *call) createIndex() error {
	data, err := c.body(maxSchemaBody)
	if err != nil {
		return err
	}
	schema, err := api.ParseSchema(data)
	if err != nil {
		return err
	}
	layout, err := c.layout()
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	info, err := c.server.cfg.Node.CreateIndex(ctx, c.index, schema, layout)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusCreated, info)
}

// layout reads how an index is to be spread: ?shards=..&replicas=.., 0 for what isn't said.
func (c *call) layout() (api.Layout, error) {
	var layout api.Layout
	for _, x := range []struct {
		name  string
		value *int
	}{{"shards", &layout.Shards}, {"replicas", &layout.Replicas}} {
		if !c.ctx.QueryArgs().Has(x.name) {
			continue
		}
		n, err := strconv.Atoi(c.query(x.name))
		if err != nil || n < 1 {
			return layout, badParameter(x.name, "is %q, must be a whole number of at least 1", c.query(x.name))
		}
		*x.value = n
	}
	return layout, nil
}

func (c *call) deleteIndex() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := c.server.cfg.Node.DeleteIndex(ctx, c.index); err != nil {
		return err
	}
	c.ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// marshal is json for answers off the hot paths.
func (c *call) marshal(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.json(status, body)
}
