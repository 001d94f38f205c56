package obs

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServer(t *testing.T) {
	registry, err := NewRegistry("1.2.3")
	require.NoError(t, err)
	var missing error
	server, err := New(Config{Gatherer: registry, Ready: func(context.Context) error { return missing }})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	get := func(path string) (int, string) {
		resp, err := http.Get("http://" + listener.Addr().String() + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, string(body)
	}
	t.Run("metrics", func(t *testing.T) {
		code, body := get("/metrics")
		require.Equal(t, 200, code)
		require.Contains(t, body, `version="1.2.3"`)
		require.Contains(t, body, "go_goroutines")
	})
	t.Run("health", func(t *testing.T) {
		code, _ := get("/health")
		require.Equal(t, 200, code)
		code, _ = get("/health/ready")
		require.Equal(t, 200, code)
		missing = errors.New("log is replaying")
		code, body := get("/health/ready")
		require.Equal(t, 503, code)
		require.Contains(t, body, "log is replaying")
	})
	t.Run("profiles", func(t *testing.T) {
		code, _ := get("/debug/pprof/goroutine?debug=1")
		require.Equal(t, 200, code)
	})
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, server.Shutdown(context.Background()))
	require.NoError(t, <-served)
}

func TestConfig(t *testing.T) {
	_, err := New(Config{})
	require.ErrorIs(t, err, ErrConfig)
}
