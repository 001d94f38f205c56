package httpapi

import (
	"slices"
	"strconv"

	"github.com/valyala/fasthttp"

	"sagasu/api"
)

func (c *call) operations() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	operations, err := c.server.cfg.Node.Operations(ctx)
	if err != nil {
		return err
	}
	if c.ownOperations {
		operations = slices.DeleteFunc(operations, func(o api.Operation) bool { return !c.ownsOperation(&o) })
	}
	return c.marshal(fasthttp.StatusOK, struct {
		Operations []api.Operation `json:"operations"`
	}{listed(operations)})
}

func (c *call) operation() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	operation, err := c.server.cfg.Node.Operation(ctx, c.id)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, operation)
}

// cancelOperation answers when it is noted that the operation shall end.
func (c *call) cancelOperation() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	operation, err := c.server.cfg.Node.CancelOperation(ctx, c.id)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusAccepted, operation)
}

// operationErrors answers with a page: ?after=LINE&limit=N.
func (c *call) operationErrors() error {
	after, err := c.number("after", 0, 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := c.number("limit", defaultPage, 1, maxPage)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	page, err := c.server.cfg.Node.OperationErrors(ctx, c.id, after, int(limit))
	if err != nil {
		return err
	}
	page.Errors = listed(page.Errors)
	return c.marshal(fasthttp.StatusOK, page)
}

// number reads a parameter that is a whole number within bounds.
func (c *call) number(name string, fallback, low, high int64) (int64, error) {
	if !c.ctx.QueryArgs().Has(name) {
		return fallback, nil
	}
	n, err := strconv.ParseInt(c.query(name), 10, 64)
	if err != nil || n < low || n > high {
		return 0, badParameter(name, "is %.40q, must be a whole number of %d to %d", c.query(name), low, high)
	}
	return n, nil
}

// flag reads a parameter that is true or false.
func (c *call) flag(name string) (bool, error) {
	if !c.ctx.QueryArgs().Has(name) {
		return false, nil
	}
	set, err := strconv.ParseBool(c.query(name))
	if err != nil {
		return false, badParameter(name, "is %.40q, must be true or false", c.query(name))
	}
	return set, nil
}
