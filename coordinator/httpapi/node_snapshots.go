package httpapi

import (
	"context"

	"sagasu/api"
)

// Snapshots keeps copies of indexes outside of the cluster. What is refused is an *api.Problem.
type Snapshots interface {
	Repositories(ctx context.Context) ([]api.Repository, error)
	// PutRepository sees first whether the repository can be used.
	PutRepository(ctx context.Context, req api.RepositoryRequest) (api.Repository, error)
	DeleteRepository(ctx context.Context, name string) error
	// Snapshots gives those that the cluster knows; of a repository also those of other clusters.
	Snapshots(ctx context.Context, repository string) ([]api.SnapshotInfo, error)
	CreateSnapshot(ctx context.Context, req api.SnapshotRequest) (api.SnapshotInfo, error)
	// Snapshot describes one; repository may be empty if the cluster knows it.
	Snapshot(ctx context.Context, id, repository string) (api.SnapshotInfo, error)
	DeleteSnapshot(ctx context.Context, id, repository string) (api.Operation, error)
	VerifySnapshot(ctx context.Context, id, repository string, deep bool) (api.Operation, error)
	RestoreSnapshot(ctx context.Context, id string, req api.RestoreRequest) ([]api.RestorePlan, error)
	Schedules(ctx context.Context) ([]api.SnapshotSchedule, error)
	PutSchedule(ctx context.Context, s api.SnapshotSchedule) error
	DeleteSchedule(ctx context.Context, name string) error
}
