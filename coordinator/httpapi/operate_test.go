package httpapi

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

func (n *fakeNode) SteerOperation(ctx context.Context, id string, s api.Steering) (api.Operation, error) {
	o, err := n.Operation(ctx, id)
	if s.Action == api.SteerPause {
		o.State, o.PausedBy = "paused", s.By
	}
	o.ThrottleBytesPerSecond = s.Throttle
	return o, err
}

func (n *fakeNode) UndoOperation(ctx context.Context, id, _ string) (api.RebalancePlan, error) {
	o, err := n.Operation(ctx, id)
	return api.RebalancePlan{Operation: "undo-" + o.ID}, err
}

func (n *fakeNode) MoveReplica(_ context.Context, req api.MoveRequest, by string) (api.Move, error) {
	if req.To == "full" {
		return api.Move{}, api.Refused(api.RefusedFull, "to", "disk is too full: that of node full is used to 91 %%")
	}
	m := api.Move{Shard: req.Shard, From: req.From, To: req.To, Reason: "asked for by " + by}
	if !req.DryRun {
		m.Operation = "move-1"
	}
	return m, nil
}

func (n *fakeNode) Rebalance(_ context.Context, req api.RebalanceRequest, _ string) (api.RebalancePlan, error) {
	p := api.RebalancePlan{DryRun: req.DryRun, Moves: []api.Move{{Shard: "u-0", From: "a", To: "b"}}}
	if !req.DryRun {
		p.Operation = "rebalance-1"
	}
	return p, nil
}

func (n *fakeNode) ExplainShard(_ context.Context, shard string) (api.ShardExplanation, error) {
	if shard != "u-0" {
		return api.ShardExplanation{}, api.NewProblem(api.ProblemNotFound, 404, "id", "there is no shard %q", shard)
	}
	return api.ShardExplanation{Shard: shard, Nodes: []api.PlaceVerdict{{Node: "a", Here: true}}}, nil
}

func (n *fakeNode) SetReplicas(_ context.Context, index string, replicas int) (api.IndexInfo, error) {
	return api.IndexInfo{Name: index, Replicas: replicas}, nil
}

func (n *fakeNode) DrainNode(_ context.Context, id string, req api.DrainRequest, _ string) (api.DrainStatus, error) {
	if id == "last" {
		return api.DrainStatus{}, api.Refused(api.RefusedLastCopy, "id", "node last has the only copy")
	}
	return api.DrainStatus{Node: id, State: "draining", Mode: req.Mode, LeadersLeft: 2}, nil
}

func (n *fakeNode) UndrainNode(_ context.Context, id string) (api.DrainStatus, error) {
	return api.DrainStatus{Node: id, State: "none"}, nil
}

func (n *fakeNode) DrainStatus(_ context.Context, id string) (api.DrainStatus, error) {
	return api.DrainStatus{Node: id, State: "drained"}, nil
}

func TestOperate(t *testing.T) {
	f := newFixture(t, nil)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/v1/cluster/move", `{"shard":"u-0","from":"a","to":"b"}`, 202, `"operation":"move-1"`},
		{"POST", "/v1/cluster/move", `{"shard":"u-0","from":"a","to":"b","dry_run":true}`, 200, `"reason":"asked for by`},
		{"POST", "/v1/cluster/move", `{"shard":"u-0","from":"a","to":"full"}`, 409, `"reason":"full"`},
		{"POST", "/v1/cluster/move", `{"shard":"u-0"}`, 400, `"field":"from"`},
		{"POST", "/v1/cluster/rebalance", ``, 202, `"operation":"rebalance-1"`},
		{"POST", "/v1/cluster/rebalance", `{"dry_run":true}`, 200, `"dry_run":true`},
		{"POST", "/v1/cluster/rebalance", `{"dry":true}`, 400, `"field":"dry"`},
		{"POST", "/v1/operations/rebuild-1/undo", ``, 202, `"operation":"undo-rebuild-1"`},
		{"GET", "/v1/cluster/shards/u-0/explain", ``, 200, `"node":"a"`},
		{"GET", "/v1/cluster/shards/u-9/explain", ``, 404, `no shard`},
		{"PUT", "/v1/indexes/papers/replicas", `{"replicas":2}`, 202, `"replicas":2`},
		{"PUT", "/v1/indexes/papers/replicas", `{"replicas":99}`, 400, `"field":"replicas"`},
		{"POST", "/v1/cluster/nodes/a/drain", `{"mode":"restart"}`, 200, `"leaders_left":2`},
		{"POST", "/v1/cluster/nodes/last/drain", `{"mode":"restart"}`, 409, `"reason":"last_in_sync_copy"`},
		{"POST", "/v1/cluster/nodes/a/drain", `{"mode":"nap"}`, 400, `"field":"mode"`},
		{"GET", "/v1/cluster/nodes/a/drain", ``, 200, `"state":"drained"`},
		{"DELETE", "/v1/cluster/nodes/a/drain", ``, 200, `"state":"none"`},
	} {
		resp, body := f.do(t, c.method, c.path, c.body)
		require.Equal(t, c.status, resp.StatusCode, "%s %s %s: %s", c.method, c.path, c.body, body)
		require.Contains(t, body, c.want)
	}
}

func TestSteer(t *testing.T) {
	f := newFixture(t, nil)
	resp, body := f.do(t, "POST", "/v1/operations/rebuild-1/pause", "")
	require.Equal(t, 202, resp.StatusCode, body)
	require.Contains(t, body, `"state":"paused"`)
	require.Contains(t, body, `"paused_by":"0.0.0.0"`)
	for _, action := range []string{"resume", "cancel"} {
		resp, body = f.do(t, "POST", "/v1/operations/rebuild-1/"+action, "")
		require.Equal(t, 202, resp.StatusCode, body)
	}
	resp, body = f.do(t, "POST", "/v1/operations/rebuild-1/throttle", `{"bytes_per_second":1048576}`)
	require.Equal(t, 202, resp.StatusCode, body)
	require.Contains(t, body, `"throttle_bytes_per_second":1048576`)
	resp, body = f.do(t, "POST", "/v1/operations/rebuild-1/throttle", `{"bytes_per_second":3}`)
	requireProblem(t, resp, body, 400, "bytes_per_second", "must be")
	resp, body = f.do(t, "POST", "/v1/operations/none/pause", "")
	requireProblem(t, resp, body, 404, "id", "no operation")
	resp, _ = f.do(t, "POST", "/v1/operations/rebuild-1/explode", "")
	require.Equal(t, 404, resp.StatusCode)
	resp, _ = f.do(t, "GET", "/v1/operations/rebuild-1/pause", "")
	require.Equal(t, 405, resp.StatusCode)
}
