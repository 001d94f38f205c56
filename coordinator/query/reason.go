package query

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/embedclient"
	"sagasu/internal/dense"
	"sagasu/sparse"
)

// embedReason says why a query could not be embedded.
func embedReason(err error) api.Reason {
	switch {
	case errors.Is(err, embedclient.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return api.ReasonEmbeddingTimeout
	case errors.Is(err, api.ErrOverloaded):
		return api.ReasonOverload
	}
	return api.ReasonEmbeddingUnavailable
}

// embedDetail tells apart, for a person, what the reason does not.
func embedDetail(err error) string {
	switch {
	case errors.Is(err, embedclient.ErrRejected):
		return "the embedding service refused the query"
	case errors.Is(err, embedclient.ErrBadResponse):
		return "the embedding service gave an unusable answer"
	case errors.Is(err, errDims), errors.Is(err, embedclient.ErrNoService):
		return err.Error()
	}
	return ""
}

// vectorsReason says why the vectors of all shards were not searched.
func vectorsReason(err error) api.Reason {
	if errors.Is(err, api.ErrUnavailable) || isPanic(err) {
		return api.ReasonMilvusUnavailable
	}
	return denseReason(err)
}

// denseReason says why a shard gave no dense hits.
func denseReason(err error) api.Reason {
	switch {
	case errors.Is(err, dense.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return api.ReasonMilvusTimeout
	case errors.Is(err, dense.ErrIncomplete), errors.Is(err, dense.ErrFilterUnsupported):
		return api.ReasonMilvusIncomplete
	case errors.Is(err, api.ErrOverloaded):
		return api.ReasonOverload
	case errors.Is(err, api.ErrUnavailable), isPanic(err):
		return api.ReasonShardUnavailable
	}
	return api.ReasonMilvusUnavailable
}

// denseDetail tells apart, for a person, what the reason does not.
func denseDetail(err error, shard, shards int) string {
	if errors.Is(err, dense.ErrFilterUnsupported) {
		return "the dense leg can't apply the filter"
	}
	return shardDetail(shard, shards)
}

// sparseReason says why a shard gave no sparse hits or no documents; late tells that the search's own
// time was up.
func sparseReason(err error, late bool) api.Reason {
	switch {
	case late && errors.Is(err, context.DeadlineExceeded):
		return api.ReasonDeadline
	case errors.Is(err, context.DeadlineExceeded):
		return api.ReasonShardTimeout
	case errors.Is(err, api.ErrOverloaded):
		return api.ReasonOverload
	}
	return api.ReasonShardUnavailable
}

// Final reports whether an error lies in the query, in the dense service that all replicas share, or in a
// panic: another replica would not do better, and should not be made to panic too.
func Final(err error) bool {
	for _, final := range []error{
		sparse.ErrQuery, sparse.ErrTooMany, dense.ErrDimension, dense.ErrNotFinite, dense.ErrTooLarge,
		dense.ErrFilterUnsupported, dense.ErrUnavailable, dense.ErrTimeout, dense.ErrIncomplete,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return isPanic(err)
}

func isPanic(err error) bool {
	var p *panicError
	return errors.As(err, &p)
}

// shardDetail names the shard that failed, if there are several.
func shardDetail(shard, shards int) string {
	if shards == 1 {
		return ""
	}
	return fmt.Sprintf("shard %d of %d", shard+1, shards)
}

// degradations collects what an answer lacks, each leg and reason once.
type degradations []api.Degraded

func (d *degradations) add(leg string, reason api.Reason, detail string) {
	for i := range *d {
		if (*d)[i].Leg == leg && (*d)[i].Reason == reason {
			if detail != "" && (*d)[i].Detail != detail {
				(*d)[i].Detail += ", " + detail
			}
			return
		}
	}
	*d = append(*d, api.Degraded{Leg: leg, Reason: reason, Detail: detail})
}

// refusal is the problem that stands for an answer that can't be given, or that the client would not
// take in part.
func (d degradations) refusal(detail string) *api.Problem {
	status := 504
	text := ""
	for i, x := range d {
		switch x.Reason {
		case api.ReasonDeadline, api.ReasonEmbeddingTimeout, api.ReasonMilvusTimeout, api.ReasonShardTimeout:
		default:
			status = 503
		}
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("leg %s: %s", x.Leg, x.Reason)
		if x.Detail != "" {
			text += " (" + x.Detail + ")"
		}
	}
	return api.NewProblem(api.ProblemPartial, status, "", "%s: %s", detail, text)
}
