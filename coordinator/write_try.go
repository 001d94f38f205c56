package coordinator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"sagasu/api"
	"sagasu/coordinator/jobs"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// tryKey finds the *writeTry of a context. It travels there because between the one who knows it and the calls that are
// named by it there are several rooms to which it means nothing.
type tryKey struct{}

// writeTry names the calls of a write, so that a shard knows them when the whole write is tried again.
type writeTry struct {
	jobs.Try
	mu sync.Mutex
	// calls counts those to each shard: they are made one after the other, and the same in each try.
	calls map[string]uint64
}

// withTry makes the writes under a context known as a try.
func withTry(ctx context.Context, try jobs.Try) context.Context {
	return context.WithValue(ctx, tryKey{}, &writeTry{Try: try, calls: map[string]uint64{}})
}

func tryOf(ctx context.Context) *writeTry {
	t, _ := ctx.Value(tryKey{}).(*writeTry)
	return t
}

// requestID gives the id of the next call to a shard: a random one unless the write is a try.
func requestID(ctx context.Context, shard string) (replica.RequestID, error) {
	t := tryOf(ctx)
	if t == nil {
		return replica.NewRequestID()
	}
	t.mu.Lock()
	n := t.calls[shard]
	t.calls[shard] = n + 1
	t.mu.Unlock()
	text := fmt.Appendf(nil, "%s\x00%s\x00", t.Key, shard)
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(text, n))
	var id replica.RequestID
	copy(id[:], sum[:])
	return id, nil
}

// recognise gives a call of a write that may have been done before the results it had then: conflicts that are with
// itself are none, and where the shard remembers only that it was done, the documents tell what.
func (w *writes) recognise(ctx context.Context, s *shardLayout, documents []api.Write, answer rpc.WriteAnswer,
	err error,
) (rpc.WriteAnswer, error) {
	t := tryOf(ctx)
	forgotten := errors.Is(err, replica.ErrRepeated)
	if t == nil || err != nil && !forgotten || err == nil && !t.Again {
		return answer, err
	}
	if forgotten {
		answer = rpc.WriteAnswer{Results: make([]api.WriteResult, len(documents))}
		for i := range documents {
			answer.Results[i] = api.WriteResult{ID: documents[i].Doc.ID, Status: api.StatusConflict}
		}
	}
	var ids []string
	for i := range answer.Results {
		if answer.Results[i].Status == api.StatusConflict {
			ids = append(ids, documents[i].Doc.ID)
		}
	}
	present := map[string]*sparse.Stored{}
	for len(ids) > 0 {
		part := ids[:min(len(ids), rpc.MaxIDs)]
		found, err := w.get(ctx, s, part)
		if err != nil {
			return rpc.WriteAnswer{}, fmt.Errorf("look what a write did that was repeated: %w", err)
		}
		for i := range found {
			present[found[i].ID] = &found[i]
		}
		ids = ids[len(part):]
	}
	for i := range answer.Results {
		if r := &answer.Results[i]; r.Status == api.StatusConflict {
			*r = recogniseOne(&documents[i], present[documents[i].Doc.ID], forgotten)
		}
	}
	return answer, nil
}

// recogniseOne gives the result of a write that was a conflict, or whose result is forgotten. A document that is
// exactly what was to be written was written. Of a write without a condition that is known to be done, it need not be
// there any more.
func recogniseOne(w *api.Write, present *sparse.Stored, forgotten bool) api.WriteResult {
	r := api.WriteResult{ID: w.Doc.ID, Status: api.StatusConflict}
	if present != nil {
		r.Version = present.Version
	}
	free := forgotten && w.IfVersion == nil && w.Kind != api.OpCreate && !w.Follows
	switch w.Kind {
	case api.OpTrim:
		r.Status = api.StatusDeleted
	case api.OpDelete:
		if free || present == nil {
			r.Status = api.StatusDeleted
		}
	default:
		if free || present != nil && bytes.Equal(present.Source, w.Doc.Source) {
			if r.Status = api.StatusUpdated; w.Kind == api.OpCreate {
				r.Status = api.StatusCreated
			}
		}
	}
	return r
}
