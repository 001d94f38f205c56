package milvus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"sagasu/internal/dense"
)

// Index is a collection of a Milvus server. It implements dense.Index; a search gives at most 16,384
// hits, and of equal scores at the end of the list any.
type Index struct {
	cfg    Config
	fields map[string]bool
	level  entity.ConsistencyLevel
	client client.Client

	// writing is held from reading the stored versions to writing the new ones.
	writing sync.Mutex
}

var _ dense.Index = (*Index)(nil)

// Open connects to the server, creates the collection if it isn't there, checks it and loads it into
// memory. Errors: ErrConfig, ErrSchema, dense.ErrDimension if the collection has another number of
// dimensions, dense.ErrUnavailable, dense.ErrTimeout.
func Open(ctx context.Context, cfg Config) (*Index, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open Milvus index: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.OpenTimeout)
	defer cancel()
	x := &Index{cfg: cfg, fields: cfg.filterable(), level: entity.ClSession}
	if cfg.Consistency == ConsistencyStrong {
		x.level = entity.ClStrong
	}
	conn, err := client.NewClient(ctx, client.Config{
		Address: cfg.Address, Username: cfg.Username, Password: cfg.Password, DialOptions: dialOptions(),
		// The caller retries; a search in particular has no time for it.
		RetryRateLimit: &client.RetryRateLimitOption{},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to Milvus at %s: %w", cfg.Address, unreachable(ctx, err))
	}
	x.client = conn
	if err := x.prepare(ctx); err != nil {
		err = fmt.Errorf("open Milvus collection %s at %s: %w", cfg.Collection, cfg.Address, translateError(ctx, err))
		if closeErr := conn.Close(); closeErr != nil {
			err = fmt.Errorf("%w; close: %w", err, closeErr)
		}
		return nil, err
	}
	return x, nil
}

// unreachable translates an error of connecting, where time runs out because nobody answers.
func unreachable(ctx context.Context, err error) error {
	translated := translateError(ctx, err)
	if ctx.Err() == nil && errors.Is(err, translated) {
		return fmt.Errorf("%w: %w", dense.ErrUnavailable, err)
	}
	return translated
}

// dialOptions replace the SDK's, which block until the server is there. The interceptor turns off the
// SDK's retries, which take 7 s to say that the server is gone.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 10 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		grpc.WithChainUnaryInterceptor(func(
			ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
			invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
		) error {
			return invoke(ctx, method, req, reply, cc, append(opts, retry.Disable())...)
		}),
	}
}

// call bounds a call in time and translates its error.
func (x *Index) call(ctx context.Context, do func(context.Context) error) error {
	if err := dense.ContextError(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	return translateError(ctx, do(ctx))
}

// Count asks the server, with strong consistency.
func (x *Index) Count(ctx context.Context) (int, error) {
	n := 0
	err := x.call(ctx, func(ctx context.Context) (err error) {
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
	rows, err := x.client.Query(ctx, x.cfg.Collection, nil, expr, []string{output},
		client.WithSearchQueryConsistencyLevel(level))
	if err != nil {
		return 0, err
	}
	column, ok := rows.GetColumn(output).(*entity.ColumnInt64)
	if !ok || column.Len() != 1 {
		return 0, fmt.Errorf("%w: the count is missing", dense.ErrIncomplete)
	}
	return int(column.Data()[0]), nil
}

// Drop removes the collection with everything in it and closes the index.
func (x *Index) Drop(ctx context.Context) error {
	err := x.call(ctx, func(ctx context.Context) error { return x.client.DropCollection(ctx, x.cfg.Collection) })
	if err != nil {
		return fmt.Errorf("drop Milvus collection %s: %w", x.cfg.Collection, err)
	}
	return x.Close()
}

// Close ends the connection; the collection stays loaded.
func (x *Index) Close() error {
	if err := x.client.Close(); err != nil {
		return fmt.Errorf("close connection to Milvus: %w", err)
	}
	return nil
}

// alreadyThere reports whether creating failed because another process was faster.
func alreadyThere(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "already exist") || strings.Contains(text, "duplicated collection")
}
