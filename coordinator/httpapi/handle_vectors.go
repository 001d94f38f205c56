package httpapi

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

// changeModel reads {"model": "e5", "dims": 384} and answers with the operation that does it.
func (c *call) changeModel() error {
	data, err := c.body(maxSchemaBody)
	if err != nil {
		return err
	}
	change, err := api.ParseModelChange(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	operation, err := c.server.cfg.Node.ChangeModel(ctx, c.index, change)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusAccepted, operation)
}

// generation reads ?generation=, -1 for the present one.
func (c *call) generation() (int, error) {
	if !c.ctx.QueryArgs().Has("generation") {
		return -1, nil
	}
	n, err := strconv.Atoi(c.query("generation"))
	if err != nil || n < 0 {
		return 0, badParameter("generation", "is %.40q, must be a whole number from 0 on", c.query("generation"))
	}
	return n, nil
}

func (c *call) denseFailures() error {
	generation, err := c.generation()
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	failures, err := c.server.cfg.Node.DenseFailures(ctx, c.index, generation)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, failures)
}

func (c *call) retryDense() error {
	generation, err := c.generation()
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := c.server.cfg.Node.RetryDense(ctx, c.index, generation); err != nil {
		return err
	}
	c.ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// verify answers with the operation that compares: ?repair=true.
func (c *call) verify() error {
	repair := false
	if c.ctx.QueryArgs().Has("repair") {
		var err error
		if repair, err = strconv.ParseBool(c.query("repair")); err != nil {
			return badParameter("repair", "is %.40q, must be true or false", c.query("repair"))
		}
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	operation, err := c.server.cfg.Node.Verify(ctx, c.index, repair)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusAccepted, operation)
}

func (c *call) verifyReport() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	report, err := c.server.cfg.Node.VerifyReport(ctx, c.index, c.id)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, report)
}
