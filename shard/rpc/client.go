package rpc

import (
	"context"
	"errors"
	"fmt"

	"sagasu/api"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// Caller carries a numbered call to a node.
type Caller interface {
	// Call sends one request to a node and gives its answer, which belongs to the caller then. It does not
	// keep body. A *Failure of the node's handler is found by errors.As in the error it returns; an error
	// that is an api.ErrUnavailable says that the node has done nothing.
	Call(ctx context.Context, node string, method uint16, body []byte) ([]byte, error)
}

// Client asks replicas on other nodes. Its methods may be called concurrently. Their errors are those of
// the replica, as far as the table of docs/formats/shard-calls.md goes, those of the Caller, and ErrMessage,
// ErrVersion, ErrTooLarge for what can't be sent or understood. Slices and texts of an answer share memory.
type Client struct{ caller Caller }

// NewClient makes a client that calls through caller.
func NewClient(caller Caller) *Client { return &Client{caller: caller} }

// question is the body of a call.
type question interface{ encode() ([]byte, error) }

// reply is the body of an answer.
type reply interface{ decode(d *decoder) error }

// ask makes one call.
func (c *Client) ask(ctx context.Context, node string, method uint16, q question, r reply) error {
	body, err := q.encode()
	if err != nil {
		return err
	}
	answer, err := c.caller.Call(ctx, node, method, body)
	if err != nil {
		return fromFailure(err)
	}
	if err := r.decode(newDecoder(answer)); err != nil {
		return &answerError{err}
	}
	return nil
}

// answerError is an answer that can't be understood: the call itself was done.
type answerError struct{ err error }

func (e *answerError) Error() string { return "read answer: " + e.err.Error() }
func (e *answerError) Unwrap() error { return e.err }

// SearchSparse gives the best documents of the lexical leg, and the shard's own statistics for the terms of
// want; zero statistics if there are none.
func (c *Client) SearchSparse(
	ctx context.Context, node string, call Call, req sparse.Request, want []sparse.TermKey,
) (sparse.TopDocs, sparse.Statistics, Mark, error) {
	var a sparseAnswer
	err := c.ask(ctx, node, MethodSearchSparse, &sparseCall{call, req, want}, &a)
	if req.Count != 0 && errors.Is(err, ErrVersion) {
		req.Count = 0
		err = c.ask(ctx, node, MethodSearchSparse, &sparseCall{call, req, want}, &a)
	}
	if err != nil {
		return sparse.TopDocs{}, sparse.Statistics{}, Mark{}, fmt.Errorf("search sparse index at node %s: %w", node, err)
	}
	return a.top, a.stats, a.mark, nil
}

// Statistics gives the shard's own statistics: all text fields, and the terms asked for.
func (c *Client) Statistics(
	ctx context.Context, node string, call Call, terms []sparse.TermKey,
) (sparse.Statistics, Mark, error) {
	var a statisticsAnswer
	if err := c.ask(ctx, node, MethodStatistics, &statisticsCall{call, terms}, &a); err != nil {
		return sparse.Statistics{}, Mark{}, fmt.Errorf("get statistics at node %s: %w", node, err)
	}
	return a.stats, a.mark, nil
}

// SearchDense gives the nearest documents.
func (c *Client) SearchDense(
	ctx context.Context, node string, call Call, req replica.DenseRequest,
) (replica.DenseResult, Mark, error) {
	var a denseAnswer
	if err := c.ask(ctx, node, MethodSearchDense, &denseCall{call, req}, &a); err != nil {
		return replica.DenseResult{}, Mark{}, fmt.Errorf("search dense index at node %s: %w", node, err)
	}
	return a.result, a.mark, nil
}

// Fetch gives stored documents in the order of ids, at most MaxIDs; those that are gone are left out. Large
// documents come in several answers; the mark is then the last one's, with the times added up.
func (c *Client) Fetch(ctx context.Context, node string, call Call, ids []string) ([]sparse.Stored, Mark, error) {
	docs := make([]sparse.Stored, 0, min(len(ids), MaxIDs))
	var mark Mark
	for first := true; first || len(ids) > 0; first = false {
		var a fetchAnswer
		if err := c.ask(ctx, node, MethodFetch, &fetchCall{call, ids}, &a); err != nil {
			return nil, Mark{}, fmt.Errorf("fetch documents at node %s: %w", node, err)
		}
		if a.done > len(ids) || len(a.docs) > a.done || a.done == 0 && len(ids) > 0 {
			return nil, Mark{}, fmt.Errorf("fetch documents at node %s: %w: %d documents of %d ids, %d asked for",
				node, ErrMessage, len(a.docs), a.done, len(ids))
		}
		docs, ids = append(docs, a.docs...), ids[a.done:]
		a.mark.ServiceMicros += mark.ServiceMicros
		mark = a.mark
	}
	return docs, mark, nil
}

// Count gives the exact number of documents that match q; nil matches all.
func (c *Client) Count(ctx context.Context, node string, call Call, q api.Query) (int, Mark, error) {
	var a countAnswer
	if err := c.ask(ctx, node, MethodCount, &countCall{call, q}, &a); err != nil {
		return 0, Mark{}, fmt.Errorf("count at node %s: %w", node, err)
	}
	return a.count, a.mark, nil
}

// Write applies writes at the leader. An error that does not say that nothing was done, be it of the
// replica, of the way there or of the answer, is an api.ErrUnknownOutcome: the same request can be sent
// again.
func (c *Client) Write(ctx context.Context, node string, call Call, req WriteRequest) (WriteAnswer, Mark, error) {
	q := &writeCall{call, req}
	body, err := q.encode()
	if err != nil {
		return WriteAnswer{}, Mark{}, fmt.Errorf("write at node %s: %w", node, err)
	}
	var a writeAnswer
	if err = c.ask(ctx, node, MethodWrite, encoded(body), &a); err == nil && len(a.answer.Results) != len(req.Writes) {
		err = &answerError{fmt.Errorf("%w: %d results of %d writes", ErrMessage, len(a.answer.Results), len(req.Writes))}
	}
	switch {
	case err == nil:
		return a.answer, a.mark, nil
	case !undone(err):
		err = fmt.Errorf("%w: %w", api.ErrUnknownOutcome, err)
	}
	return WriteAnswer{}, Mark{}, fmt.Errorf("write at node %s: %w", node, err)
}

// encoded is a body that is made already.
type encoded []byte

func (b encoded) encode() ([]byte, error) { return b, nil }

// undone reports whether an error of a write is certain to have left no trace, or says itself that it is
// not.
func undone(err error) bool {
	var bad *answerError
	if errors.As(err, &bad) {
		return false
	}
	for _, known := range []error{
		api.ErrUnknownOutcome, api.ErrUnavailable, api.ErrOverloaded, replica.ErrWrite, ErrMessage, ErrVersion, ErrTooLarge,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// WaitDense returns when every document up to that version is embedded, or recorded as failed.
func (c *Client) WaitDense(ctx context.Context, node string, call Call, version uint64) (Mark, error) {
	var a markAnswer
	if err := c.ask(ctx, node, MethodWaitDense, &waitCall{call, version}, &a); err != nil {
		return Mark{}, fmt.Errorf("wait for the dense leg at node %s: %w", node, err)
	}
	return a.mark, nil
}

// Info tells how a replica is.
func (c *Client) Info(ctx context.Context, node string, call Call) (ShardInfo, Mark, error) {
	var a infoAnswer
	if err := c.ask(ctx, node, MethodInfo, &infoCall{call}, &a); err != nil {
		return ShardInfo{}, Mark{}, fmt.Errorf("ask node %s for a shard: %w", node, err)
	}
	return a.info, a.mark, nil
}
