package rpc

import (
	"bytes"
	"context"
	"fmt"

	"sagasu/api"
	"sagasu/sparse"
)

// Handler answers one call: it appends the answer to dst. It does not keep body. Its errors are *Failure,
// or a context's.
type Handler = func(ctx context.Context, body, dst []byte) ([]byte, error)

// Register gives handle a handler for each method: those of searches and writes asked of replicas, and
// those that move files asked of transfers, which may be nil on a node that has none to give.
func Register(handle func(method uint16, h Handler), replicas Replicas, transfers Transfers) {
	s := &server{replicas: replicas, transfers: transfers}
	for method, answer := range map[uint16]answerer{
		MethodSearchSparse: s.searchSparse, MethodStatistics: s.statistics, MethodSearchDense: s.searchDense,
		MethodFetch: s.fetch, MethodCount: s.count, MethodWrite: s.write, MethodWaitDense: s.waitDense,
		MethodInfo: s.info, MethodCurrent: s.current, MethodSelectIDs: s.selectIDs, MethodPosition: s.position,
		MethodDenseStatus: s.denseStatus, MethodDenseFailures: s.denseFailures, MethodRetryDense: s.retryDense,
		MethodRepairDense: s.repairDense, MethodListKeys: s.listKeys,
	} {
		handle(method, answer.handler())
	}
	if transfers == nil {
		return
	}
	for method, answer := range map[uint16]answerer{
		MethodOpenCheckpoint: s.openCheckpoint, MethodReadFile: s.readFile, MethodCloseCheckpoint: s.closeCheckpoint,
	} {
		handle(method, answer.handler())
	}
}

// server answers calls.
type server struct {
	replicas  Replicas
	transfers Transfers
}

// answerer reads a call from d and writes the answer to e, whose version is there already.
type answerer func(ctx context.Context, d *decoder, e *encoder) error

func (answer answerer) handler() Handler {
	return func(ctx context.Context, body, dst []byte) ([]byte, error) {
		e := &encoder{buf: append(dst, version)}
		if err := answer(ctx, newDecoder(body), e); err != nil {
			return nil, toFailure(err)
		}
		out, err := e.end(len(dst))
		if err != nil {
			return nil, toFailure(fmt.Errorf("encode answer: %w", err))
		}
		return out, nil
	}
}

// replica finds the one that a call is for, once the call could be read.
func (s *server) replica(call Call, err error) (Replica, error) {
	if err != nil {
		return nil, fmt.Errorf("read call: %w", err)
	}
	return s.replicas.Replica(call.Shard)
}

func (s *server) searchSparse(ctx context.Context, d *decoder, e *encoder) error {
	var q sparseCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a sparseAnswer
	if a.top, a.stats, a.mark, err = r.SearchSparse(ctx, q.Call, q.request, q.want); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) statistics(ctx context.Context, d *decoder, e *encoder) error {
	var q statisticsCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a statisticsAnswer
	if a.stats, a.mark, err = r.Statistics(ctx, q.Call, q.terms); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) searchDense(ctx context.Context, d *decoder, e *encoder) error {
	var q denseCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a denseAnswer
	if a.result, a.mark, err = r.SearchDense(ctx, q.Call, q.request); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

// fetch asks for some documents at a time, and stops when the answer is large.
func (s *server) fetch(ctx context.Context, d *decoder, e *encoder) error {
	var q fetchCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	start, done := len(e.buf), 0
	var total Mark
	for first := true; first || done < len(q.ids) && len(e.buf)-start < fetchBytes; first = false {
		ids := q.ids[done:min(done+fetchChunk, len(q.ids))]
		docs, mark, err := r.Fetch(ctx, q.Call, ids)
		if err != nil {
			return err
		}
		mark.ServiceMicros += total.ServiceMicros
		total = mark
		done += e.storedUntil(docs, ids, start+fetchBytes)
	}
	e.storedEnd(done, total)
	return nil
}

// storedUntil writes what was found of ids until the buffer has grown to end, and gives the number of ids
// that are dealt with.
func (e *encoder) storedUntil(docs []sparse.Stored, ids []string, end int) int {
	at := 0
	for i := range docs {
		if len(e.buf) >= end {
			return at
		}
		for at < len(ids) && ids[at] != docs[i].ID {
			at++
		}
		at = min(at+1, len(ids))
		e.stored(docs[i : i+1])
	}
	return len(ids)
}

func (s *server) count(ctx context.Context, d *decoder, e *encoder) error {
	var q countCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a countAnswer
	if a.count, a.mark, err = r.Count(ctx, q.Call, q.query); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

// write decodes a copy, because the sources of documents are parts of the body and a replica may hold on to
// them.
func (s *server) write(ctx context.Context, d *decoder, e *encoder) error {
	d.data = bytes.Clone(d.data)
	var q writeCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a writeAnswer
	if a.answer, a.mark, err = r.Write(ctx, q.Call, q.request); err != nil {
		return err
	}
	// The writes are done, whatever becomes of the answer.
	if a.encode(e); e.err != nil {
		return fmt.Errorf("%w: encode answer: %w", api.ErrUnknownOutcome, e.err)
	}
	return nil
}

func (s *server) waitDense(ctx context.Context, d *decoder, e *encoder) error {
	var q waitCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a markAnswer
	if a.mark, err = r.WaitDense(ctx, q.Call, q.version); err != nil {
		return err
	}
	a.encode(e)
	return nil
}

func (s *server) info(ctx context.Context, d *decoder, e *encoder) error {
	var q infoCall
	r, err := s.replica(q.Call, q.decode(d))
	if err != nil {
		return err
	}
	var a infoAnswer
	if a.info, a.mark, err = r.Info(ctx, q.Call); err != nil {
		return err
	}
	a.encode(e)
	return nil
}
