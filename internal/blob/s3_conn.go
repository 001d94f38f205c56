package blob

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// newTransport gives connections that end when the server does not move a byte.
func newTransport(cfg *S3Config) *http.Transport {
	dialer := net.Dialer{Timeout: min(cfg.Stall, dialTimeout)}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &movingConn{Conn: conn, stall: cfg.Stall}, nil
		},
		TLSClientConfig: cfg.tls(), TLSHandshakeTimeout: min(cfg.Stall, dialTimeout),
		ResponseHeaderTimeout: cfg.Stall, ExpectContinueTimeout: time.Second,
		MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns, IdleConnTimeout: cfg.Stall / 2,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
}

const (
	dialTimeout = 10 * time.Second
	// maxConns bounds the connections to one server: the uploads and downloads of a node.
	maxConns = 32
	// maxHeaderBytes bounds what is read of an answer's headers; S3 has 8 KiB at most.
	maxHeaderBytes = 64 << 10
)

// movingConn fails what does not move for a time. A read waits for the answer while a body is being sent, so that
// each direction gives the other one time.
type movingConn struct {
	net.Conn
	stall time.Duration
}

// Read implements net.Conn.
func (c *movingConn) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *movingConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// serverError gives an error of the client or the server its meaning here. Its text may have been chosen by the
// server, so no more of it is kept than a line.
func serverError(err error) error {
	if err == nil || known(err) {
		return err
	}
	response := minio.ToErrorResponse(err)
	if response.Code == "" || response.StatusCode == 0 {
		// No answer: connections that fail, hang or end too early.
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	says := fmt.Sprintf("%.64q, status %d", response.Code, response.StatusCode)
	switch {
	case response.StatusCode == http.StatusPreconditionFailed, response.Code == "ConditionalRequestConflict":
		return fmt.Errorf("%w: server says %s", ErrExists, says)
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: server says %s", ErrNotFound, says)
	case response.Code == "BadDigest", response.Code == "XAmzContentSHA256Mismatch", response.Code == "InvalidDigest",
		response.Code == "IncompleteBody":
		return fmt.Errorf("%w: server says %s", ErrContent, says)
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: server says %s", ErrDenied, says)
	case response.StatusCode == http.StatusInsufficientStorage, response.Code == "QuotaExceeded":
		return fmt.Errorf("%w: server says %s", ErrFull, says)
	case response.StatusCode >= http.StatusInternalServerError, response.StatusCode == http.StatusTooManyRequests,
		response.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("%w: server says %s", ErrUnavailable, says)
	}
	return fmt.Errorf("%w: server says %s", ErrConfig, says)
}
