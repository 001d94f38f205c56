package catalog

import "time"

// AuditEvent is something that somebody did to the cluster.
type AuditEvent struct {
	At time.Time
	// Principal says who, Action what, Target to what, Outcome with what result; Detail is free text, cut to
	// MaxErrorBytes.
	Principal, Action, Target, Outcome, Detail string
	RequestID                                  string
}

// AuditFilter selects events; what is zero selects all.
type AuditFilter struct {
	Principal, Action, Outcome string
	// Target is what AuditEvent.Target begins with.
	Target string
	// From and To bound AuditEvent.At, the latter exclusive.
	From, To time.Time
}

// AuditPage is a part of a listing.
type AuditPage struct {
	Events []AuditEvent
	// Next is Page.After of the next page; "" if this is the last one.
	Next string
}
