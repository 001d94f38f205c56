package httpapi

import (
	"slices"

	"sagasu/api"
	"sagasu/internal/auth"
)

// routes is everything that can be asked for, and what it takes to be allowed. A route that is not here does not exist.
func routes() []route {
	return slices.Concat(indexRoutes(), snapshotRoutes(), documentRoutes(), vectorRoutes(), clusterRoutes(), operateRoutes(), recordRoutes(), keyRoutes(), []route{
		{"GET", "/health", (*call).health, auth.Public, scopeCluster, ""},
		{"GET", "/health/ready", (*call).ready, auth.Public, scopeCluster, ""},
		{"GET", "/metrics", (*call).metrics, auth.MetricsRead, scopeCluster, ""},
	})
}

func indexRoutes() []route {
	const index = "/v1/indexes/{index}"
	return []route{
		{"GET", "/v1/indexes", (*call).listIndexes, auth.IndexDescribe, scopeAny, ""},
		{"GET", index, (*call).getIndex, auth.IndexDescribe, scopeIndex, ""},
		{"PUT", index, (*call).createIndex, auth.IndexAdmin, scopeIndex, "index.create"},
		{"POST", index, (*call).createIndex, auth.IndexAdmin, scopeIndex, "index.create"},
		{"DELETE", index, (*call).deleteIndex, auth.IndexAdmin, scopeIndex, "index.delete"},
		{"GET", "/v1/aliases", (*call).aliases, auth.IndexDescribe, scopeAny, ""},
		{"PUT", "/v1/aliases/{alias}", (*call).putAlias, auth.IndexAdmin, scopeIndex, "alias.put"},
		{"DELETE", "/v1/aliases/{alias}", (*call).deleteAlias, auth.IndexAdmin, scopeIndex, "alias.delete"},
	}
}

func documentRoutes() []route {
	const index = "/v1/indexes/{index}"
	return []route{
		{"GET", index + "/search", (*call).searchByAddress, auth.IndexRead, scopeIndex, ""},
		{"POST", index + "/search", (*call).search, auth.IndexRead, scopeIndex, ""},
		{"GET", index + "/count", (*call).count, auth.IndexRead, scopeIndex, ""},
		{"POST", index + "/count", (*call).count, auth.IndexRead, scopeIndex, ""},
		{"POST", "/v1/analyze", (*call).analyze, auth.IndexRead, scopeAny, ""},
		{"POST", index + "/documents", (*call).writeDocuments, auth.IndexWrite, scopeIndex, ""},
		{"GET", index + "/documents/{document}", (*call).getDocument, auth.IndexRead, scopeIndex, ""},
		{"PUT", index + "/documents/{document}", (*call).putDocument, auth.IndexWrite, scopeIndex, ""},
		{"DELETE", index + "/documents/{document}", (*call).deleteDocument, auth.IndexWrite, scopeIndex, ""},
		{"GET", index + "/documents", (*call).listDocuments, auth.CatalogRead, scopeIndex, ""},
		{"GET", index + "/documents/{document}/status", (*call).documentStatus, auth.CatalogRead, scopeIndex, ""},
		{"GET", index + "/catalog", (*call).catalogStatus, auth.CatalogRead, scopeIndex, ""},
	}
}

func vectorRoutes() []route {
	const index = "/v1/indexes/{index}"
	return []route{
		{"POST", index + "/model", (*call).changeModel, auth.IndexAdmin, scopeIndex, "index.model"},
		{"GET", index + "/dense/failures", (*call).denseFailures, auth.CatalogRead, scopeIndex, ""},
		{"POST", index + "/dense/retry", (*call).retryDense, auth.IndexAdmin, scopeIndex, "dense.retry"},
		{"POST", index + "/verify", (*call).verify, auth.IndexAdmin, scopeIndex, "index.verify"},
		{"GET", index + "/verify/{operation}", (*call).verifyReport, auth.CatalogRead, scopeIndex, ""},
	}
}

func clusterRoutes() []route {
	return []route{
		{"GET", "/v1/cluster", (*call).cluster, auth.ClusterRead, scopeCluster, ""},
		{"GET", "/v1/cluster/nodes", (*call).nodes, auth.ClusterRead, scopeCluster, ""},
		{"DELETE", "/v1/cluster/nodes/{id}", (*call).removeNode, auth.ClusterAdmin, scopeCluster, "node.remove"},
		{"GET", "/v1/cluster/shards", (*call).shards, auth.ClusterRead, scopeCluster, ""},
		{"GET", "/v1/cluster/settings", (*call).settings, auth.ClusterRead, scopeCluster, ""},
		{"PUT", "/v1/cluster/settings", (*call).putSettings, auth.ClusterAdmin, scopeCluster, "settings.put"},
		{"GET", "/v1/operations", (*call).operations, auth.ClusterRead, scopeOperation, ""},
		{"GET", "/v1/operations/{id}", (*call).operation, auth.ClusterRead, scopeOperation, ""},
		{"DELETE", "/v1/operations/{id}", (*call).cancelOperation, auth.ClusterAdmin, scopeOperation, "operation.cancel"},
		{"GET", "/v1/operations/{id}/errors", (*call).operationErrors, auth.ClusterRead, scopeOperation, ""},
	}
}

// recordRoutes are about what was done.
func recordRoutes() []route {
	table := []route{{"GET", "/v1/audit", (*call).audits, auth.AuditRead, scopeCluster, ""}}
	for _, kind := range []string{api.ReportTopQueries, api.ReportZeroHits, api.ReportLatency, api.ReportVolume} {
		report := func(c *call) error { return c.report(kind) }
		table = append(table, route{"GET", "/v1/analytics/" + kind, report, auth.AnalyticsRead, scopeAny, ""})
	}
	return table
}
