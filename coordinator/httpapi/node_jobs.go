package httpapi

import (
	"context"
	"io"

	"sagasu/api"
)

// Jobs is long work. The operations of all nodes are known everywhere; of a bulk, the node that took it knows more.
type Jobs interface {
	// StartJob keeps a stream of lines, whose documents are then written in the background; on return it is on stable
	// storage of this node. The request's id is kept with it. It returns api.ErrIndexNotFound, and a *api.Problem for a
	// body that is too large, that breaks off, or that there is no room for.
	StartJob(ctx context.Context, index, requestID string, body io.Reader) (api.Operation, error)
	// Operations gives what runs or ran, newest last.
	Operations(ctx context.Context) ([]api.Operation, error)
	// Operation gives one, with more of it if it is a bulk; a *api.Problem if there is none.
	Operation(ctx context.Context, id string) (api.Operation, error)
	// OperationErrors gives at most limit of the items of a bulk that failed, from the line behind after on.
	OperationErrors(ctx context.Context, id string, after int64, limit int) (api.JobErrors, error)
	// CancelOperation makes an operation end. On return that is noted, and may not be done yet.
	CancelOperation(ctx context.Context, id string) (api.Operation, error)
}

// Register tells where documents stand. Errors say what is wrong with the catalog, as *api.Problem.
type Register interface {
	ListDocuments(ctx context.Context, index string, filter api.DocumentFilter) (api.DocumentList, error)
	// DocumentStatus gives a document as every store has it; it answers without the catalog too.
	DocumentStatus(ctx context.Context, index, id string) (api.DocumentStatus, error)
	CatalogStatus(ctx context.Context, index string) (api.CatalogStatus, error)
}

// Reports tells of searches, and of what was done to the cluster.
type Reports interface {
	Report(ctx context.Context, req api.ReportRequest) (api.Report, error)
	Audits(ctx context.Context, filter api.AuditFilter) (api.AuditList, error)
	// Audit takes note of something that was done. It does not wait.
	Audit(event api.AuditEvent)
}
