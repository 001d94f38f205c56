package milvus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sagasu/internal/dense"
)

// The errors beside those of package dense.
var (
	// ErrSchema is returned when the collection was made for something else: its columns or the way its
	// vectors are compared are not those of the index. It is filled anew after it was dropped.
	ErrSchema = errors.New("collection has another schema")
	// ErrID is returned when a document's id can't be a key of a collection.
	ErrID = errors.New("bad document id")
	// ErrClosed is returned when the Index was closed.
	ErrClosed = errors.New("collection is closed")

	// errGone marks that there is no collection of that name.
	errGone = errors.New("collection is not there")
	// errUnloaded marks that the collection is not in memory, and nobody is about to load it.
	errUnloaded = errors.New("collection is not loaded")
	// errNoIndex marks that a column has no index.
	errNoIndex = errors.New("column has no index")
)

// Codes of Milvus, from its package merr.
const (
	codeCollectionGone  = 100
	codeNotLoaded       = 101
	codePartitionUnload = 201
	codeNoIndex         = 700
	codeCanceled        = 10000
	codeTimeout         = 10001
)

// unavailableCodes are those by which the server says that it can't work now, as ranges; both ends belong to them.
func unavailableCodes() [][2]int32 {
	return [][2]int32{
		{1, 9},     // the service: not ready, out of memory or disk, over a limit
		{101, 103}, // the collection: not loaded
		{201, 202}, // the partition: not loaded
		{400, 699}, // replicas, channels, segments: not where they should be
		{900, 999}, // nodes: offline
	}
}

// busyTexts are parts of the texts by which servers say so without a code.
func busyTexts() []string {
	return []string{
		"service not ready", "service unavailable", "not healthy", "rate limit", "request limit exceeded",
		"memory limit exceeded", "disk limit exceeded", "force deny", "not fully loaded", "not loaded",
		"node not found", "node offline", "no available", "channel not available", "server is not serving",
	}
}

// serverError is an answer that says that the server did not do what it was asked.
type serverError struct {
	code   int32
	legacy commonpb.ErrorCode
	reason string
	retry  bool
}

func (e *serverError) Error() string {
	return fmt.Sprintf("Milvus says (%d): %s", e.code, e.reason)
}

// statusError gives the error that a status stands for; nil for success.
func statusError(s *commonpb.Status) error {
	if s == nil {
		return fmt.Errorf("%w: the answer has no status", dense.ErrIncomplete)
	}
	if s.GetCode() == 0 && legacyCode(s) == commonpb.ErrorCode_Success {
		return nil
	}
	reason := s.GetReason()
	if reason == "" {
		reason = legacyCode(s).String()
	}
	return &serverError{code: s.GetCode(), legacy: legacyCode(s), reason: reason, retry: s.GetRetriable()}
}

// legacyCode is the code that servers before 2.3 gave, and later ones give as well.
func legacyCode(s *commonpb.Status) commonpb.ErrorCode {
	return s.GetErrorCode() //nolint:staticcheck // servers still tell by it whether the call succeeded
}

// is reports whether the error has one of the codes, or its text one of the parts.
func (e *serverError) is(code int32, legacy commonpb.ErrorCode, parts ...string) bool {
	if e.code == code || e.legacy == legacy && legacy != commonpb.ErrorCode_Success {
		return true
	}
	text := strings.ToLower(e.reason)
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func (e *serverError) unavailable() bool {
	for _, r := range unavailableCodes() {
		if e.code >= r[0] && e.code <= r[1] {
			return true
		}
	}
	return e.retry || e.is(-1, commonpb.ErrorCode_Success, busyTexts()...)
}

// sentinel is what stands for the error; nil if there is nothing to be told apart.
func (e *serverError) sentinel() error {
	switch {
	case e.is(codeCollectionGone, commonpb.ErrorCode_CollectionNotExists, "collection not found"):
		return errGone
	case e.is(codeNoIndex, commonpb.ErrorCode_IndexNotExist, "index not found"):
		return errNoIndex
	case e.code == codeNotLoaded || e.code == codePartitionUnload:
		return fmt.Errorf("%w: %w", dense.ErrUnavailable, errUnloaded)
	case e.code == codeTimeout || e.code == codeCanceled:
		return dense.ErrTimeout
	case e.unavailable():
		return dense.ErrUnavailable
	}
	return nil
}

// unreadable marks an error of the SDK, which found that an answer lacks what was asked for: neither the server nor
// the connection says so.
func unreadable(err error) error {
	var refused *serverError
	if _, ok := status.FromError(err); ok || errors.As(err, &refused) || errors.Is(err, dense.ErrIncomplete) {
		return err
	}
	return fmt.Errorf("%w: %w", dense.ErrIncomplete, err)
}

// translateError puts a sentinel before the server's or the connection's error.
func translateError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if done := dense.ContextError(ctx); done != nil {
		return fmt.Errorf("%w: %w", done, err)
	}
	var refused *serverError
	if errors.As(err, &refused) {
		if sentinel := refused.sentinel(); sentinel != nil {
			return fmt.Errorf("%w: %w", sentinel, err)
		}
		return err
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.Unauthenticated, codes.PermissionDenied, codes.Internal,
		codes.Aborted:
		return fmt.Errorf("%w: %w", dense.ErrUnavailable, err)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%w: %w", dense.ErrTimeout, err)
	}
	return err
}
