package httpapi

import (
	"context"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// operateRoutes are those that change a running cluster, and what shows that.
func operateRoutes() []route {
	const operation = "/v1/operations/{id}"
	return []route{
		{"POST", operation + "/cancel", (*call).cancelOperation, auth.ClusterAdmin, scopeOperation, "operation.cancel"},
		{"POST", operation + "/pause", steering(api.SteerPause), auth.ClusterAdmin, scopeOperation, "operation.pause"},
		{"POST", operation + "/resume", steering(api.SteerResume), auth.ClusterAdmin, scopeOperation, "operation.resume"},
		{"POST", operation + "/throttle", (*call).throttle, auth.ClusterAdmin, scopeOperation, "operation.throttle"},
		{"POST", operation + "/undo", (*call).undo, auth.ClusterAdmin, scopeOperation, "operation.undo"},
		{"POST", "/v1/cluster/move", (*call).moveReplica, auth.ClusterAdmin, scopeCluster, "replica.move"},
		{"POST", "/v1/cluster/rebalance", (*call).rebalance, auth.ClusterAdmin, scopeCluster, "cluster.rebalance"},
		{"GET", "/v1/cluster/shards/{id}/explain", (*call).explainShard, auth.ClusterRead, scopeCluster, ""},
		{"PUT", "/v1/indexes/{index}/replicas", (*call).setReplicas, auth.IndexAdmin, scopeIndex, "index.replicas"},
		{"GET", "/v1/cluster/nodes/{id}/drain", (*call).drainStatus, auth.ClusterRead, scopeCluster, ""},
		{"POST", "/v1/cluster/nodes/{id}/drain", (*call).drainNode, auth.ClusterAdmin, scopeCluster, "node.drain"},
		{"DELETE", "/v1/cluster/nodes/{id}/drain", (*call).undrainNode, auth.ClusterAdmin, scopeCluster, "node.undrain"},
	}
}

// steering answers when it is noted what shall become of an operation.
func steering(action string) func(*call) error {
	return func(c *call) error { return c.steer(api.Steering{Action: action, By: c.by()}) }
}

// throttle reads {"bytes_per_second": n}.
func (c *call) throttle() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	bytesPerSecond, err := api.ParseThrottle(data)
	if err != nil {
		return err
	}
	return c.steer(api.Steering{Action: api.SteerThrottle, By: c.by(), Throttle: bytesPerSecond})
}

func (c *call) steer(s api.Steering) error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	operation, err := c.server.cfg.Node.SteerOperation(ctx, c.id, s)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusAccepted, operation)
}

// undo answers with the moves that bring back what an operation has moved.
func (c *call) undo() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	plan, err := c.server.cfg.Node.UndoOperation(ctx, c.id, c.by())
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusAccepted, plan)
}

// moveReplica answers 202 with the move once it has begun, or 200 with what it would be.
func (c *call) moveReplica() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	req, err := api.ParseMove(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	move, err := c.server.cfg.Node.MoveReplica(ctx, req, c.by())
	if err != nil {
		return err
	}
	return c.marshal(begun(move.Operation), move)
}

// begun is the status for what an operation goes on with, or only a plan without one.
func begun(operation string) int {
	if operation == "" {
		return fasthttp.StatusOK
	}
	return fasthttp.StatusAccepted
}

// rebalance answers 202 with the plan once it has begun, or 200 with one that is only a plan, or empty.
func (c *call) rebalance() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	req, err := api.ParseRebalance(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	plan, err := c.server.cfg.Node.Rebalance(ctx, req, c.by())
	if err != nil {
		return err
	}
	return c.marshal(begun(plan.Operation), plan)
}

func (c *call) explainShard() error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	explanation, err := c.server.cfg.Node.ExplainShard(ctx, c.id)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, explanation)
}

// setReplicas reads {"replicas": n}, and answers with the index: its copies follow as operations.
func (c *call) setReplicas() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	replicas, err := api.ParseReplicas(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	info, err := c.server.cfg.Node.SetReplicas(ctx, c.index, replicas)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusAccepted, info)
}

func (c *call) drainNode() error {
	data, err := c.body(maxSmallBody)
	if err != nil {
		return err
	}
	req, err := api.ParseDrain(data)
	if err != nil {
		return err
	}
	return c.drained(func(ctx context.Context) (api.DrainStatus, error) {
		return c.server.cfg.Node.DrainNode(ctx, c.id, req, c.by())
	})
}

func (c *call) undrainNode() error {
	return c.drained(func(ctx context.Context) (api.DrainStatus, error) {
		return c.server.cfg.Node.UndrainNode(ctx, c.id)
	})
}

func (c *call) drainStatus() error {
	return c.drained(func(ctx context.Context) (api.DrainStatus, error) {
		return c.server.cfg.Node.DrainStatus(ctx, c.id)
	})
}

func (c *call) drained(do func(ctx context.Context) (api.DrainStatus, error)) error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	status, err := do(ctx)
	if err != nil {
		return err
	}
	return c.marshal(fasthttp.StatusOK, status)
}

// by says who asks.
func (c *call) by() string {
	if c.principal.Kind == auth.KindAnyone {
		return c.ctx.RemoteIP().String()
	}
	return c.principal.String()
}
