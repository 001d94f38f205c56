package coordinator

import (
	"context"

	"sagasu/api"
)

// noCatalog is what calls are answered that need one where there is none.
func noCatalog() error {
	return api.NewProblem(api.ProblemUnavailable, 503, "",
		"no catalog is configured on this node (setting catalog): nobody keeps this")
}

// forgottenOperation gives an operation that the metadata do not know any more.
func (n *Node) forgottenOperation(_ context.Context, id string) (api.Operation, error) {
	return api.Operation{}, noOperation(id)
}

// addCatalogJob adds what the catalog knows of a job, if it can be asked.
func (n *Node) addCatalogJob(context.Context, *api.Operation) {}

// catalogJobErrors gives the errors of a job that the catalog knows, or else why its node did not tell.
func (n *Node) catalogJobErrors(_ context.Context, _ string, _ int64, _ int, why error) (api.JobErrors, error) {
	return api.JobErrors{}, why
}

// ListDocuments gives a page of the catalog.
func (n *Node) ListDocuments(context.Context, string, api.DocumentFilter) (api.DocumentList, error) {
	return api.DocumentList{}, noCatalog()
}

// DocumentStatus gives a document as every store has it.
func (n *Node) DocumentStatus(context.Context, string, string) (api.DocumentStatus, error) {
	return api.DocumentStatus{}, noCatalog()
}

// CatalogStatus tells how the catalog is with an index.
func (n *Node) CatalogStatus(context.Context, string) (api.CatalogStatus, error) {
	return api.CatalogStatus{}, noCatalog()
}

// Report tells of searches.
func (n *Node) Report(context.Context, api.ReportRequest) (api.Report, error) {
	return api.Report{}, noCatalog()
}

// Audits tells what was done to the cluster.
func (n *Node) Audits(context.Context, api.AuditFilter) (api.AuditList, error) {
	return api.AuditList{}, noCatalog()
}

// Audit takes note of something that was done.
func (n *Node) Audit(api.AuditEvent) {}
