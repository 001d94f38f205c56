package auth

import (
	"fmt"
	"slices"
)

// Action is a kind of thing that a request does. The list is closed: a new route takes one of these or adds one.
type Action string

// The actions.
const (
	// Public needs no credential: whether the node lives and is ready.
	Public Action = "public"
	// Known needs a credential and nothing else: who one is.
	Known Action = "known"

	// IndexDescribe sees that an index exists, its schema and how many documents one may see.
	IndexDescribe Action = "index.describe"
	// IndexRead searches, counts and reads documents.
	IndexRead Action = "index.read"
	// IndexWrite writes and deletes documents.
	IndexWrite Action = "index.write"
	// IndexAdmin creates, changes and deletes an index and its aliases.
	IndexAdmin Action = "index.admin"
	// CatalogRead sees what the stores know of documents: their states, sources and failures.
	CatalogRead Action = "catalog.read"
	// AnalyticsRead sees what others have searched for.
	AnalyticsRead Action = "analytics.read"

	// ClusterRead sees nodes, shards, settings and operations.
	ClusterRead Action = "cluster.read"
	// ClusterAdmin changes them.
	ClusterAdmin Action = "cluster.admin"
	// SnapshotsRead sees snapshots, SnapshotsAdmin makes, restores and deletes them.
	SnapshotsRead  Action = "snapshots.read"
	SnapshotsAdmin Action = "snapshots.admin"
	// MetricsRead reads the metrics on the API's port.
	MetricsRead Action = "metrics.read"
	// AuditRead reads the audit log.
	AuditRead Action = "audit.read"
	// KeysAdmin makes and revokes keys and roles.
	KeysAdmin Action = "keys.admin"
)

// Actions gives every action that a permission can name.
func Actions() []Action {
	return []Action{
		IndexDescribe, IndexRead, IndexWrite, IndexAdmin, CatalogRead, AnalyticsRead, ClusterRead, ClusterAdmin,
		SnapshotsRead, SnapshotsAdmin, MetricsRead, AuditRead, KeysAdmin,
	}
}

// traits says of an action whether it is done to an index, and so held against index patterns; and whether a document
// filter can restrict it: others are refused to whoever has one.
func (a Action) traits() (index, filtered bool) {
	switch a {
	case IndexDescribe, IndexRead, IndexWrite:
		return true, true
	case IndexAdmin, CatalogRead, AnalyticsRead:
		return true, false
	}
	return false, false
}

// OfIndex reports whether an action is done to an index.
func (a Action) OfIndex() bool {
	index, _ := a.traits()
	return index
}

// Check returns ErrAction unless a route can have the action.
func (a Action) Check() error {
	if a == Public || a == Known || slices.Contains(Actions(), a) {
		return nil
	}
	return fmt.Errorf("%w: %.64q", ErrAction, string(a))
}
