package httpapi

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
)

// fakeSnapshots remembers what was asked for.
type fakeSnapshots struct {
	repository api.RepositoryRequest
	schedule   api.SnapshotSchedule
	snapshot   api.SnapshotRequest
	restore    api.RestoreRequest
	asked      string
}

func (f *fakeSnapshots) Repositories(context.Context) ([]api.Repository, error) {
	return []api.Repository{{Name: "r", Kind: "dir", Path: "/backup"}}, nil
}

func (f *fakeSnapshots) PutRepository(_ context.Context, req api.RepositoryRequest) (api.Repository, error) {
	f.repository = req
	return req.Repository, nil
}

func (f *fakeSnapshots) DeleteRepository(_ context.Context, name string) error {
	f.asked = name
	return nil
}

func (f *fakeSnapshots) Snapshots(_ context.Context, repository string) ([]api.SnapshotInfo, error) {
	f.asked = repository
	return nil, nil
}

func (f *fakeSnapshots) CreateSnapshot(_ context.Context, req api.SnapshotRequest) (api.SnapshotInfo, error) {
	f.snapshot = req
	return api.SnapshotInfo{ID: "s1", State: "running"}, nil
}

func (f *fakeSnapshots) Snapshot(_ context.Context, id, repository string) (api.SnapshotInfo, error) {
	f.asked = id + " " + repository
	return api.SnapshotInfo{ID: id}, nil
}

func (f *fakeSnapshots) DeleteSnapshot(_ context.Context, id, repository string) (api.Operation, error) {
	f.asked = "delete " + id + " " + repository
	return api.Operation{ID: "o"}, nil
}

func (f *fakeSnapshots) VerifySnapshot(_ context.Context, id, _ string, deep bool) (api.Operation, error) {
	f.asked = "verify " + id
	if deep {
		f.asked += " deep"
	}
	return api.Operation{ID: "o"}, nil
}

func (f *fakeSnapshots) RestoreSnapshot(_ context.Context, id string, req api.RestoreRequest) ([]api.RestorePlan, error) {
	f.asked, f.restore = id, req
	return []api.RestorePlan{{Index: req.Index, As: req.As}}, nil
}

func (f *fakeSnapshots) Schedules(context.Context) ([]api.SnapshotSchedule, error) { return nil, nil }

func (f *fakeSnapshots) PutSchedule(_ context.Context, s api.SnapshotSchedule) error {
	f.schedule = s
	return nil
}

func (f *fakeSnapshots) DeleteSchedule(_ context.Context, name string) error {
	f.asked = name
	return nil
}

func TestSnapshots(t *testing.T) {
	f := newFixture(t, nil)
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             string
		check              func() bool
	}{
		{
			"PUT", "/v1/repositories/r", `{"kind":"dir","path":"/backup","bytes_per_second":70000}`, 200, `"name":"r"`,
			func() bool { return f.node.repository.Name == "r" && f.node.repository.BytesPerSecond == 70000 },
		},
		{"GET", "/v1/repositories", "", 200, `"repositories":[{"name":"r"`, nil},
		{"DELETE", "/v1/repositories/r", "", 204, "", func() bool { return f.node.asked == "r" }},
		{
			"POST", "/v1/snapshots", `{"repository":"r","indexes":["papers"]}`, 202, `"id":"s1"`,
			func() bool { return f.node.snapshot.Indexes[0] == "papers" },
		},
		{"GET", "/v1/snapshots?repository=r", "", 200, `"snapshots":[]`, func() bool { return f.node.asked == "r" }},
		{"GET", "/v1/snapshots/s1?repository=r", "", 200, `"id":"s1"`, func() bool { return f.node.asked == "s1 r" }},
		{
			"POST", "/v1/snapshots/s1/verify?deep=true", "", 202, `"id":"o"`,
			func() bool { return f.node.asked == "verify s1 deep" },
		},
		{
			"POST", "/v1/snapshots/s1/restore", `{"index":"papers","as":"copy"}`, 202, `"as":"copy"`,
			func() bool { return f.node.asked == "s1" },
		},
		{"POST", "/v1/snapshots/s1/restore", `{"dry_run":true}`, 200, `"restores"`, func() bool { return f.node.restore.DryRun }},
		{"DELETE", "/v1/snapshots/s1", "", 202, `"id":"o"`, func() bool { return f.node.asked == "delete s1 " }},
		{
			"PUT", "/v1/snapshot-schedules/daily", `{"repository":"r","every_minutes":1440}`, 200, `"name":"daily"`,
			func() bool { return f.node.schedule.Name == "daily" },
		},
		{"GET", "/v1/snapshot-schedules", "", 200, `"schedules":[]`, nil},
		{"DELETE", "/v1/snapshot-schedules/daily", "", 204, "", func() bool { return f.node.asked == "daily" }},

		{"POST", "/v1/snapshots", `{"repositry":"r"}`, 400, "repositry", nil},
		{"POST", "/v1/snapshots", `{}`, 400, "repository", nil},
		{"POST", "/v1/snapshots", `{"repository":"r"}x`, 400, "data after", nil},
		{"PUT", "/v1/repositories/r", `{"name":"other"}`, 400, "other", nil},
		{"POST", "/v1/snapshots/s1/verify?deep=perhaps", "", 400, "deep", nil},
		{"PATCH", "/v1/snapshots/s1", "", http.StatusMethodNotAllowed, "", nil},
	} {
		resp, body := f.do(t, c.method, c.path, c.body)
		require.Equal(t, c.status, resp.StatusCode, "%s %s: %s", c.method, c.path, body)
		require.Contains(t, body, c.answer)
		if c.check != nil {
			require.True(t, c.check(), "%s %s", c.method, c.path)
		}
	}
}
