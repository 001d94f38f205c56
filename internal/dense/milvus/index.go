package milvus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
	"sagasu/internal/dense"
)

// Index is a collection of a Milvus server. It implements dense.Collection; a search gives at most 16,384 hits,
// and of equal scores at the end of the list any.
//
// The collection is made, checked and loaded by the first call, and again by the next one after it was dropped by
// somebody else. A call that fails midway may have done its work in part; repeating it does no harm.
type Index struct {
	server     *Server
	name       string
	dims       int
	fields     map[string]api.Field
	filterable map[string]bool
	// partition is the field that partitions the collection; empty for none.
	partition string
	neighbour neighbours

	// life ends with Close.
	life context.Context
	end  context.CancelFunc

	// mu guards what follows.
	mu     sync.Mutex
	ready  bool
	closed bool
	// preparing is the attempt under way, nil if there is none.
	preparing *attempt
	// lost tells that the collection was found gone, and not yet filled again.
	lost bool
}

var _ dense.Collection = (*Index)(nil)

// attempt is one try at preparing the collection, for all who wait for it.
type attempt struct {
	done chan struct{}
	err  error
}

func newIndex(s *Server, name string, config api.DenseConfig, fields map[string]api.Field) (*Index, error) {
	if !collectionName.MatchString(name) {
		return nil, fmt.Errorf("%w: the name is not made of up to 255 letters, digits and underscores", ErrConfig)
	}
	if config.Dims < 1 || config.Dims > api.MaxDenseDims {
		return nil, fmt.Errorf("%w: the number of dimensions is %d, not 1 to %d", ErrConfig, config.Dims, api.MaxDenseDims)
	}
	if p := config.Partition; p != "" && fields[p].Type != api.TypeKeyword {
		return nil, fmt.Errorf("%w: partition %q is no keyword field", ErrConfig, p)
	}
	n, err := newNeighbours(config.Index)
	if err != nil {
		return nil, err
	}
	x := &Index{
		server: s, name: name, dims: config.Dims, fields: fields, filterable: map[string]bool{},
		partition: config.Partition, neighbour: n,
	}
	for field, f := range fields {
		if dense.Filterable(f.Type) {
			x.filterable[field] = true
		}
	}
	x.life, x.end = context.WithCancel(context.Background())
	return x, nil
}

// use calls the server, once the collection is ready. A collection that turns out to be gone or not loaded is
// prepared again by the next call.
func (x *Index) use(ctx context.Context, do func(context.Context) error) error {
	if err := x.await(ctx); err != nil {
		return err
	}
	err := x.server.call(ctx, do)
	if gone := errors.Is(err, errGone); gone || errors.Is(err, errUnloaded) {
		x.mu.Lock()
		x.ready, x.lost = false, x.lost || gone
		x.mu.Unlock()
	}
	return err
}

// again is use for calls that may be made on a new, empty collection as well: when the collection turns out to be
// gone, it is made, and the call repeated.
func (x *Index) again(ctx context.Context, do func(context.Context) error) error {
	err := x.use(ctx, do)
	if errors.Is(err, errGone) {
		err = x.use(ctx, do)
	}
	return x.hide(err)
}

// hide keeps the mark of a lost collection inside this package.
func (x *Index) hide(err error) error {
	if errors.Is(err, errGone) {
		return fmt.Errorf("%w: %w", dense.ErrUnavailable, err)
	}
	return err
}

// await returns when the collection is ready. Preparing goes on when the caller's time is over: it takes longer
// than a search has.
func (x *Index) await(ctx context.Context) error {
	if err := dense.ContextError(ctx); err != nil {
		return err
	}
	x.mu.Lock()
	if x.closed || x.ready {
		defer x.mu.Unlock()
		if x.closed {
			return ErrClosed
		}
		return nil
	}
	a := x.preparing
	if a == nil {
		a = &attempt{done: make(chan struct{})}
		x.preparing = a
		go x.attempt(a)
	}
	x.mu.Unlock()
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return fmt.Errorf("%w: collection %s is being made ready", dense.ContextError(ctx), x.name)
	}
}

func (x *Index) attempt(a *attempt) {
	ctx, cancel := context.WithTimeout(x.life, x.server.cfg.OpenTimeout)
	defer cancel()
	if err := x.prepare(ctx); err != nil {
		a.err = fmt.Errorf("prepare Milvus collection %s at %s: %w",
			x.name, x.server.cfg.Address, x.hide(translateError(ctx, err)))
		if errors.Is(a.err, dense.ErrTimeout) {
			x.server.lines.cutSilent()
		}
	}
	x.mu.Lock()
	x.ready, x.preparing = a.err == nil, nil
	x.mu.Unlock()
	close(a.done)
}

// Prepare returns when the collection is made, checked and loaded. Errors: ErrSchema, dense.ErrUnavailable,
// dense.ErrTimeout, ErrClosed.
func (x *Index) Prepare(ctx context.Context) error { return x.await(ctx) }

// Identity is the number that Milvus gave the collection. It comes from a clock, so that a server which lost
// everything gives another one.
func (x *Index) Identity(ctx context.Context) (string, error) {
	var number int64
	err := x.again(ctx, func(ctx context.Context) error {
		found, err := x.server.client.DescribeCollection(ctx, x.name)
		if err == nil {
			number = found.ID
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("identify collection: %w", err)
	}
	return strconv.FormatInt(number, 10), nil
}

// Count asks the server, with strong consistency. Of documents with several versions it counts each.
func (x *Index) Count(ctx context.Context) (int, error) {
	n := 0
	err := x.again(ctx, func(ctx context.Context) (err error) {
		n, err = x.count(ctx, "", entity.ClStrong)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count vectors: %w", err)
	}
	return n, nil
}

// count gives the number of rows that an expression selects; all for "".
func (x *Index) count(ctx context.Context, expr string, level entity.ConsistencyLevel) (int, error) {
	const output = "count(*)"
	rows, err := x.server.client.Query(ctx, x.name, nil, expr, []string{output},
		client.WithSearchQueryConsistencyLevel(level))
	if err != nil {
		return 0, unreadable(err)
	}
	column, ok := rows.GetColumn(output).(*entity.ColumnInt64)
	if !ok || column.Len() != 1 {
		return 0, fmt.Errorf("%w: the count is missing", dense.ErrIncomplete)
	}
	return int(column.Data()[0]), nil
}

// Close lets go of the collection, which stays in the server, loaded. It does not end the connection.
func (x *Index) Close() error {
	x.end()
	x.mu.Lock()
	x.closed = true
	a := x.preparing
	x.mu.Unlock()
	if a != nil {
		<-a.done
	}
	return nil
}
