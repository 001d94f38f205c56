package milvus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sagasu/internal/dense"
)

// The errors beside those of package dense.
var (
	// ErrSchema is returned when the collection was made for something else: its columns or the way its
	// vectors are compared are not this package's.
	ErrSchema = errors.New("collection has another schema")
	// ErrID is returned when a document's id can't be a key of a collection.
	ErrID = errors.New("bad document id")
)

// busy are parts of the texts by which the server says that it can't work now; the SDK drops the codes.
var busy = []string{
	"service not ready", "service unavailable", "not healthy", "rate limit", "request limit exceeded",
	"memory limit exceeded", "disk limit exceeded", "force deny", "not fully loaded", "not loaded",
	"node not found", "node offline", "no available", "channel not available", "server is not serving",
}

// translateError puts a sentinel before the server's or the connection's error.
func translateError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if done := dense.ContextError(ctx); done != nil {
		return fmt.Errorf("%w: %w", done, err)
	}
	switch status.Code(err) {
	case codes.Unavailable:
		return fmt.Errorf("%w: %w", dense.ErrUnavailable, err)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%w: %w", dense.ErrTimeout, err)
	}
	text := strings.ToLower(err.Error())
	for _, part := range busy {
		if strings.Contains(text, part) {
			return fmt.Errorf("%w: %w", dense.ErrUnavailable, err)
		}
	}
	return err
}
