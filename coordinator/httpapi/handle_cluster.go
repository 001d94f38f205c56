package httpapi

import (
	"slices"
	"strconv"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// maxSmallBody bounds the bodies that name an alias's index or a setting's value.
const maxSmallBody = 4 << 10

func (c *call) cluster() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	status, err := c.server.cfg.Node.Cluster(ctx)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, status)
}

func (c *call) nodes() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	nodes, err := c.server.cfg.Node.Nodes(ctx)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, struct {
		Nodes []api.NodeInfo `json:"nodes"`
	}{listed(nodes)})
}

func (c *call) removeNode() error {
	force := false
	if c.ctx.QueryArgs().Has("force") {
		var err error
		if force, err = strconv.ParseBool(c.query("force")); err != nil {
			return badParameter("force", "is %q, must be true or false", c.query("force"))
		}
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := c.server.cfg.Node.RemoveNode(ctx, c.id, force); err != nil {
		return err
	}
	c.ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

func (c *call) shards() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	shards, err := c.server.cfg.Node.Shards(ctx, c.query("index"))
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, struct {
		Shards []api.ShardStatus `json:"shards"`
	}{listed(shards)})
}

func (c *call) aliases() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	aliases, err := c.server.cfg.Node.Aliases(ctx)
	if err != nil {
		return err
	}
	aliases = slices.DeleteFunc(aliases, func(a api.Alias) bool {
		return !c.allowed(auth.IndexDescribe, a.Name) && !c.allowed(auth.IndexDescribe, a.Index)
	})
	return c.marshal(fasthttp.StatusOK, struct {
		Aliases []api.Alias `json:"aliases"`
	}{listed(aliases)})
}

// putAlias reads {"index": "papers"}. Whoever may do something under the alias may then do it to that index, so that it
// takes the right to both.
func (c *call) putAlias() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	index, err := api.ParseAlias(data)
	if err != nil {
		return err
	}
	if err := c.require(auth.IndexAdmin, index); err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := c.server.cfg.Node.PutAlias(ctx, c.id, index); err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, api.Alias{Name: c.id, Index: index})
}

func (c *call) deleteAlias() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := c.server.cfg.Node.DeleteAlias(ctx, c.id); err != nil {
		return err
	}
	c.ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

func (c *call) settings() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	settings, err := c.server.cfg.Node.Settings(ctx)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, settings)
}

// putSettings reads {"key": "value"}, changes what is named, and answers with all there are.
func (c *call) putSettings() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	settings, err := api.ParseSettings(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	for _, s := range settings {
		if err := c.server.cfg.Node.PutSetting(ctx, s.Key, s.Value); err != nil {
			return err
		}
	}
	return c.settings()
}

// listed makes an empty list of none, which is null in JSON.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
