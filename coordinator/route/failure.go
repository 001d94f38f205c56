package route

import (
	"context"
	"errors"

	"sagasu/api"
)

// Why a copy is not enough, in metrics.
const (
	reasonStale       = "stale_epoch"
	reasonSlow        = "slow"
	reasonNode        = "node"
	reasonTimeout     = "timeout"
	reasonOverload    = "overload"
	reasonUnavailable = "unavailable"
	reasonOther       = "other"
)

// staleEpoch gives the epoch that a replica knows if its error says that it refused the call's.
func staleEpoch(err error) (uint64, bool) {
	var stale interface{ StaleEpoch() uint64 }
	if !errors.As(err, &stale) {
		return 0, false
	}
	return stale.StaleEpoch(), true
}

// nodeFailed reports whether an error says that a node as a whole can't be reached.
func (r *Router) nodeFailed(err error) bool {
	return r.cfg.NodeFailed != nil && r.cfg.NodeFailed(err)
}

// reason names why a copy failed.
func (r *Router) reason(err error) string {
	if _, ok := staleEpoch(err); ok {
		return reasonStale
	}
	switch {
	case r.nodeFailed(err):
		return reasonNode
	case errors.Is(err, context.DeadlineExceeded):
		return reasonTimeout
	case errors.Is(err, api.ErrOverloaded):
		return reasonOverload
	case errors.Is(err, api.ErrUnavailable):
		return reasonUnavailable
	}
	return reasonOther
}
