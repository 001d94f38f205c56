package rpc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"sagasu/api"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// cluster is a Caller to handlers in this process. It treats bodies as badly as it may: what a handler was
// given is overwritten when it returns, answers stand behind other bytes, failures are copied.
type cluster struct {
	handlers map[uint16]Handler
	// calls are the methods called so far.
	mu    sync.Mutex
	calls []uint16
	// damage changes an answer on its way; nil for none.
	damage func(answer []byte) []byte
	// lost is what becomes of every answer, nil if they arrive.
	lost error
}

func newCluster(replicas Replicas, transfers Transfers) *cluster {
	c := &cluster{handlers: map[uint16]Handler{}}
	Register(func(method uint16, h Handler) { c.handlers[method] = h }, replicas, transfers)
	return c
}

func (c *cluster) Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error) {
	if node != "n1" {
		return nil, fmt.Errorf("node %s: %w", node, api.ErrUnavailable)
	}
	c.mu.Lock()
	c.calls = append(c.calls, method)
	c.mu.Unlock()
	mine := append([]byte(nil), body...)
	const before = "before"
	answer, err := c.handlers[method](ctx, mine, []byte(before))
	for i := range mine {
		mine[i] = 0xff
	}
	if c.lost != nil {
		return nil, c.lost
	}
	var f *Failure
	if errors.As(err, &f) {
		detail := append([]byte(nil), f.Detail...)
		return nil, fmt.Errorf("call: %w", &Failure{Code: f.Code, Message: f.Message, Detail: detail})
	}
	if err != nil {
		return nil, err
	}
	if string(answer[:len(before)]) != before {
		return nil, errors.New("the handler has not appended")
	}
	answer = answer[len(before):]
	if c.damage != nil {
		answer = c.damage(answer)
	}
	return answer, nil
}

// fakeReplica answers what it is told, and keeps what it was asked.
type fakeReplica struct {
	err    error
	answer any
	mark   Mark
	asked  any
	docs   map[string]sparse.Stored
}

func (f *fakeReplica) Replica(shard string) (Replica, error) {
	if shard != "s" {
		return nil, &NoShardError{Shard: shard, Version: 12}
	}
	return f, nil
}

func (f *fakeReplica) SearchSparse(
	_ context.Context, call Call, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, Mark, error) {
	f.asked = &sparseCall{call, req, want}
	a, _ := f.answer.(*sparseAnswer)
	if a == nil {
		a = &sparseAnswer{}
	}
	return a.top, a.stats, f.mark, f.err
}

func (f *fakeReplica) Statistics(
	_ context.Context, call Call, terms []sparse.TermKey,
) (sparse.Statistics, Mark, error) {
	f.asked = &statisticsCall{call, terms}
	a, _ := f.answer.(sparse.Statistics)
	return a, f.mark, f.err
}

func (f *fakeReplica) SearchDense(
	_ context.Context, call Call, req replica.DenseRequest,
) (replica.DenseResult, Mark, error) {
	f.asked = &denseCall{call, req}
	a, _ := f.answer.(replica.DenseResult)
	return a, f.mark, f.err
}

func (f *fakeReplica) Fetch(_ context.Context, call Call, ids []string) ([]sparse.Stored, Mark, error) {
	f.asked = &fetchCall{call, ids}
	var docs []sparse.Stored
	for _, id := range ids {
		if doc, ok := f.docs[id]; ok {
			docs = append(docs, doc)
		}
	}
	return docs, f.mark, f.err
}

func (f *fakeReplica) Count(_ context.Context, call Call, q api.Query) (int, Mark, error) {
	f.asked = &countCall{call, q}
	n, _ := f.answer.(int)
	return n, f.mark, f.err
}

func (f *fakeReplica) Write(_ context.Context, call Call, req WriteRequest) (WriteAnswer, Mark, error) {
	f.asked = &writeCall{call, req}
	a, _ := f.answer.(WriteAnswer)
	return a, f.mark, f.err
}

func (f *fakeReplica) WaitDense(_ context.Context, call Call, at uint64) (Mark, error) {
	f.asked = &waitCall{call, at}
	return f.mark, f.err
}

func (f *fakeReplica) Info(_ context.Context, call Call) (ShardInfo, Mark, error) {
	f.asked = &infoCall{call}
	a, _ := f.answer.(ShardInfo)
	return a, f.mark, f.err
}

func (f *fakeReplica) Current(_ context.Context, call Call, ids []string, generation int,
) (replica.Presence, Mark, error) {
	f.asked = &currentCall{call, generation, ids}
	a, _ := f.answer.(replica.Presence)
	return a, f.mark, f.err
}

func (f *fakeReplica) SelectIDs(_ context.Context, call Call, filter api.Query, limit int) ([]string, Mark, error) {
	f.asked = &selectCall{call, filter, limit}
	a, _ := f.answer.([]string)
	return a, f.mark, f.err
}

func (f *fakeReplica) Position(_ context.Context, call Call) (replica.Position, Mark, error) {
	f.asked = &shardCall{call}
	a, _ := f.answer.(replica.Position)
	return a, f.mark, f.err
}

func (f *fakeReplica) DenseStatus(_ context.Context, call Call) ([]replica.GenerationStatus, Mark, error) {
	f.asked = &shardCall{call}
	a, _ := f.answer.([]replica.GenerationStatus)
	return a, f.mark, f.err
}

func (f *fakeReplica) DenseFailures(_ context.Context, call Call, generation int) (replica.Failures, Mark, error) {
	f.asked = &generationCall{call, generation}
	a, _ := f.answer.(replica.Failures)
	return a, f.mark, f.err
}

func (f *fakeReplica) RetryDense(_ context.Context, call Call, generation int) (Mark, error) {
	f.asked = &generationCall{call, generation}
	return f.mark, f.err
}

func (f *fakeReplica) RepairDense(_ context.Context, call Call, generation int, ids []string) (Mark, error) {
	f.asked = &repairCall{call, generation, ids}
	return f.mark, f.err
}

func (f *fakeReplica) ListKeys(_ context.Context, call Call, after string, limit int,
) ([]replica.KeyState, Mark, error) {
	f.asked = &keysCall{call, after, limit}
	a, _ := f.answer.([]replica.KeyState)
	return a, f.mark, f.err
}

// fakeTransfers has one checkpoint of files in memory.
type fakeTransfers struct {
	files  map[string][]byte
	closed []string
}

func (f *fakeTransfers) OpenCheckpoint(_ context.Context, group string) (Checkpoint, error) {
	if group != "s" {
		return Checkpoint{}, &NoShardError{Shard: group, Version: 12}
	}
	c := Checkpoint{Session: "s-1", Durable: 990}
	for path, data := range f.files {
		c.Files = append(c.Files, File{Path: path, Size: int64(len(data)), SHA256: sha256.Sum256(data)})
	}
	return c, nil
}

func (f *fakeTransfers) ReadFile(
	_ context.Context, session, path string, offset int64, length int, dst []byte,
) ([]byte, error) {
	data, ok := f.files[path]
	if session != "s-1" || !ok {
		return nil, fmt.Errorf("session %q: %w", session, ErrNoSession)
	}
	from := min(offset, int64(len(data)))
	return append(dst, data[from:min(from+int64(length), int64(len(data)))]...), nil
}

func (f *fakeTransfers) CloseCheckpoint(_ context.Context, session string) error {
	f.closed = append(f.closed, session)
	return nil
}
