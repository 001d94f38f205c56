package milvus

import (
	"context"
	"errors"
	"fmt"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"sagasu/api"
	"sagasu/internal/dense"
)

// Server is a Milvus server and the one connection to it, which all its collections share.
type Server struct {
	cfg    Config
	level  entity.ConsistencyLevel
	client client.Client
	lines  *lines
}

// Connect gives the server without waiting for it: connections are made when they are needed, and again when they
// break. Errors: ErrConfig.
func Connect(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("connect to Milvus: %w", err)
	}
	s := &Server{cfg: cfg, lines: &lines{now: cfg.Now, open: map[*line]struct{}{}}}
	s.level = map[Consistency]entity.ConsistencyLevel{
		ConsistencyBounded: entity.ClBounded, ConsistencySession: entity.ClSession, ConsistencyStrong: entity.ClStrong,
	}[cfg.Consistency]
	conn, err := client.NewClient(context.Background(), client.Config{
		Address: cfg.Address, DBName: cfg.Database, Username: cfg.Username, Password: cfg.Password, APIKey: cfg.Token,
		// The SDK's greeting would need the server now.
		DisableConn: true, DialOptions: s.dialOptions(), RetryRateLimit: &client.RetryRateLimitOption{},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to Milvus at %s: %w: %w", cfg.Address, ErrConfig, err)
	}
	s.client = conn
	return s, nil
}

// Collection gives the collection of that name, which the first call that needs it makes and loads. The name is
// made of letters, digits and underscores (see CollectionName); config and fields are those of an index's schema.
// Errors: ErrConfig.
func (s *Server) Collection(name string, config api.DenseConfig, fields map[string]api.Field) (*Index, error) {
	x, err := newIndex(s, name, config, fields)
	if err != nil {
		return nil, fmt.Errorf("Milvus collection %s: %w", name, err)
	}
	return x, nil
}

// Drop removes a collection with everything in it, if it is there. Whoever still uses it makes it anew.
func (s *Server) Drop(ctx context.Context, name string) error {
	err := s.call(ctx, func(ctx context.Context) error { return s.client.DropCollection(ctx, name) })
	if err != nil && !errors.Is(err, errGone) {
		return fmt.Errorf("drop Milvus collection %s: %w", name, err)
	}
	return nil
}

// Version asks the server for its version, which also tells whether it lets us in. Errors: dense.ErrUnavailable,
// dense.ErrTimeout.
func (s *Server) Version(ctx context.Context) (string, error) {
	var version string
	err := s.call(ctx, func(ctx context.Context) (err error) {
		version, err = s.client.GetVersion(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask Milvus at %s for its version: %w", s.cfg.Address, err)
	}
	return version, nil
}

// call bounds a call in time and translates its error.
func (s *Server) call(ctx context.Context, do func(context.Context) error) error {
	if err := dense.ContextError(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := translateError(ctx, do(ctx))
	if errors.Is(err, dense.ErrTimeout) {
		s.lines.cutSilent()
	}
	return err
}

// Close ends the connection. The collections must be closed before.
func (s *Server) Close() error {
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("close connection to Milvus: %w", err)
	}
	return nil
}
