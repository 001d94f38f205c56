package httpapi

import (
	"context"

	"github.com/valyala/fasthttp"

	"sagasu/api"
	"sagasu/internal/auth"
)

// snapshotRoutes are about repositories, snapshots and their schedules.
func snapshotRoutes() []route {
	const one = "/v1/snapshots/{id}"
	return []route{
		{"GET", "/v1/repositories", (*call).repositories, auth.SnapshotsRead, scopeCluster, ""},
		{"PUT", "/v1/repositories/{id}", (*call).putRepository, auth.SnapshotsAdmin, scopeCluster, "repository.put"},
		{"DELETE", "/v1/repositories/{id}", (*call).deleteRepository, auth.SnapshotsAdmin, scopeCluster, "repository.delete"},
		{"GET", "/v1/snapshots", (*call).snapshots, auth.SnapshotsRead, scopeCluster, ""},
		{"POST", "/v1/snapshots", (*call).createSnapshot, auth.SnapshotsAdmin, scopeCluster, "snapshot.create"},
		{"GET", one, (*call).snapshot, auth.SnapshotsRead, scopeCluster, ""},
		{"DELETE", one, (*call).deleteSnapshot, auth.SnapshotsAdmin, scopeCluster, "snapshot.delete"},
		{"POST", one + "/verify", (*call).verifySnapshot, auth.SnapshotsAdmin, scopeCluster, "snapshot.verify"},
		{"POST", one + "/restore", (*call).restoreSnapshot, auth.SnapshotsAdmin, scopeCluster, "snapshot.restore"},
		{"GET", "/v1/snapshot-schedules", (*call).schedules, auth.SnapshotsRead, scopeCluster, ""},
		{"PUT", "/v1/snapshot-schedules/{id}", (*call).putSchedule, auth.SnapshotsAdmin, scopeCluster, "schedule.put"},
		{"DELETE", "/v1/snapshot-schedules/{id}", (*call).deleteSchedule, auth.SnapshotsAdmin, scopeCluster,
			"schedule.delete"},
	}
}

// operating is a call to the node that takes as long as operations may, and answers with what it gives.
func operating[T any](c *call, status int, do func(ctx context.Context, node Node) (T, error)) error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	answer, err := do(ctx, c.server.cfg.Node)
	if err != nil {
		return err
	}
	return c.marshal(status, answer)
}

// removing is operating for what is gone afterwards.
func (c *call) removing(do func(ctx context.Context, node Node) error) error {
	ctx, cancel := c.within(c.server.cfg.OperationTimeout)
	defer cancel()
	if err := do(ctx, c.server.cfg.Node); err != nil {
		return err
	}
	c.ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// request reads a small body.
func (c *call) request(into any) error {
	data, err := c.body(maxSmallBody * 4)
	if err != nil {
		return err
	}
	return api.ReadRequest(data, into)
}

// named holds the name in a body to that in the address.
func (c *call) named(name *string) error {
	if *name != "" && *name != c.id {
		return api.NewProblem(api.ProblemRequest, fasthttp.StatusBadRequest, "name", "is %.64q, the address says %.64q", *name,
			c.id)
	}
	*name = c.id
	return nil
}

func (c *call) repositories() error {
	return operating(c, fasthttp.StatusOK, func(ctx context.Context, node Node) (any, error) {
		list, err := node.Repositories(ctx)
		return struct {
			Repositories []api.Repository `json:"repositories"`
		}{listed(list)}, err
	})
}

func (c *call) putRepository() error {
	var req api.RepositoryRequest
	if err := c.request(&req); err != nil {
		return err
	}
	if err := c.named(&req.Name); err != nil {
		return err
	}
	return operating(c, fasthttp.StatusOK, func(ctx context.Context, node Node) (api.Repository, error) {
		return node.PutRepository(ctx, req)
	})
}

func (c *call) deleteRepository() error {
	return c.removing(func(ctx context.Context, node Node) error { return node.DeleteRepository(ctx, c.id) })
}

func (c *call) snapshots() error {
	return operating(c, fasthttp.StatusOK, func(ctx context.Context, node Node) (any, error) {
		list, err := node.Snapshots(ctx, c.query("repository"))
		return struct {
			Snapshots []api.SnapshotInfo `json:"snapshots"`
		}{listed(list)}, err
	})
}

func (c *call) createSnapshot() error {
	var req api.SnapshotRequest
	if err := c.request(&req); err != nil {
		return err
	}
	if req.Repository == "" {
		return api.NewProblem(api.ProblemRequest, fasthttp.StatusBadRequest, "repository", "is missing")
	}
	return operating(c, fasthttp.StatusAccepted, func(ctx context.Context, node Node) (api.SnapshotInfo, error) {
		return node.CreateSnapshot(ctx, req)
	})
}

func (c *call) snapshot() error {
	return operating(c, fasthttp.StatusOK, func(ctx context.Context, node Node) (api.SnapshotInfo, error) {
		return node.Snapshot(ctx, c.id, c.query("repository"))
	})
}

func (c *call) deleteSnapshot() error {
	return operating(c, fasthttp.StatusAccepted, func(ctx context.Context, node Node) (api.Operation, error) {
		return node.DeleteSnapshot(ctx, c.id, c.query("repository"))
	})
}

// verifySnapshot reads ?deep=true&repository=NAME.
func (c *call) verifySnapshot() error {
	deep, err := c.flag("deep")
	if err != nil {
		return err
	}
	return operating(c, fasthttp.StatusAccepted, func(ctx context.Context, node Node) (api.Operation, error) {
		return node.VerifySnapshot(ctx, c.id, c.query("repository"), deep)
	})
}

func (c *call) restoreSnapshot() error {
	var req api.RestoreRequest
	if err := c.request(&req); err != nil {
		return err
	}
	status := fasthttp.StatusAccepted
	if req.DryRun {
		status = fasthttp.StatusOK
	}
	return operating(c, status, func(ctx context.Context, node Node) (any, error) {
		plans, err := node.RestoreSnapshot(ctx, c.id, req)
		return struct {
			Restores []api.RestorePlan `json:"restores"`
		}{listed(plans)}, err
	})
}

func (c *call) schedules() error {
	return operating(c, fasthttp.StatusOK, func(ctx context.Context, node Node) (any, error) {
		list, err := node.Schedules(ctx)
		return struct {
			Schedules []api.SnapshotSchedule `json:"schedules"`
		}{listed(list)}, err
	})
}

func (c *call) putSchedule() error {
	var s api.SnapshotSchedule
	if err := c.request(&s); err != nil {
		return err
	}
	if err := c.named(&s.Name); err != nil {
		return err
	}
	return operating(c, fasthttp.StatusOK, func(ctx context.Context, node Node) (api.SnapshotSchedule, error) {
		return s, node.PutSchedule(ctx, s)
	})
}

func (c *call) deleteSchedule() error {
	return c.removing(func(ctx context.Context, node Node) error { return node.DeleteSchedule(ctx, c.id) })
}
