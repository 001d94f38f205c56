package milvus

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang/protobuf/proto"
	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/milvus/milvustest"
)

// some are vectors of three dimensions.
func some() []dense.Vector {
	return []dense.Vector{
		{ID: "a", Version: 1, Values: []float32{1, 0, 0}, Attributes: []api.Value{{Field: "tag", Strings: []string{"x"}}}},
		{ID: "b", Version: 2, Values: []float32{0, 1, 0}},
	}
}

// calls are all calls of a collection that need the server.
func calls(x *Index) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"upsert": func(ctx context.Context) error { return x.Upsert(ctx, some()) },
		"delete": func(ctx context.Context) error { return x.Delete(ctx, []dense.Key{{ID: "b", Version: 1}}) },
		"search": func(ctx context.Context) error {
			_, err := x.Search(ctx, dense.Query{Vector: []float32{1, 0, 0}, K: 2})
			return err
		},
		"count": func(ctx context.Context) error {
			_, err := x.Count(ctx)
			return err
		},
		"scan": func(ctx context.Context) error {
			return x.Scan(ctx, 0, api.Slots, func(dense.Key) error { return nil })
		},
		"identity": func(ctx context.Context) error {
			_, err := x.Identity(ctx)
			return err
		},
	}
}

func TestUnavailable(t *testing.T) {
	t.Run("a closed port is named at once", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		cfg := Default()
		cfg.Address = l.Addr().String()
		require.NoError(t, l.Close())
		s := connectWith(t, cfg)
		x, err := s.Collection("none", api.DenseConfig{Dims: 3}, nil)
		require.NoError(t, err)
		for name, call := range calls(x) {
			err := call(context.Background())
			require.ErrorIs(t, err, dense.ErrUnavailable, name)
			require.NotErrorIs(t, err, dense.ErrTimeout, name)
			require.ErrorContains(t, err, cfg.Address, name)
		}
		require.ErrorIs(t, s.Drop(context.Background(), "none"), dense.ErrUnavailable)
		_, err = s.Version(context.Background())
		require.ErrorIs(t, err, dense.ErrUnavailable)
		require.NoError(t, x.Close())
		require.ErrorIs(t, calls(x)["count"](context.Background()), ErrClosed)
	})
	t.Run("a server that says nothing is given up", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		cfg := Default()
		cfg.Address, cfg.OpenTimeout = l.Addr().String(), 200*time.Millisecond
		x, err := connectWith(t, cfg).Collection("none", api.DenseConfig{Dims: 3}, nil)
		require.NoError(t, err)
		require.ErrorIs(t, x.Prepare(context.Background()), dense.ErrTimeout)
		require.NoError(t, x.Close())
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	address := milvustest.Start(t)
	p := newProxy(t, address, nil)
	cfg := Default()
	cfg.Address, cfg.Timeout = p.address, 2*time.Second
	x := testCollection(t, connectWith(t, cfg), api.DenseConfig{Dims: 3})
	defer func() { require.NoError(t, x.Close()) }()
	require.NoError(t, x.Upsert(context.Background(), some()))
	// recovers calls until the server answers, and tells how long that took.
	recovers := func(t *testing.T) time.Duration {
		began := time.Now()
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer cancel()
			return calls(x)["search"](ctx) == nil
		}, 20*time.Second, time.Millisecond)
		return time.Since(began)
	}
	soon := func(d time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		t.Cleanup(cancel)
		return ctx
	}
	t.Run("broken connections are made anew", func(t *testing.T) {
		p.reset()
		t.Logf("back after %s", recovers(t))
	})
	t.Run("a closed port is found open again", func(t *testing.T) {
		p.refuse(t)
		for name, call := range calls(x) {
			require.ErrorIs(t, call(soon(time.Second)), dense.ErrUnavailable, name)
		}
		p.listen(t, p.address)
		t.Logf("back after %s", recovers(t))
	})
	t.Run("a hanging server costs no more than the time there is", func(t *testing.T) {
		p.hang()
		for name, call := range calls(x) {
			require.ErrorIs(t, call(soon(50*time.Millisecond)), dense.ErrTimeout, name)
		}
		p.resume()
		t.Logf("back after %s", recovers(t))
	})
	t.Run("a connection that died in silence is replaced", func(t *testing.T) {
		before := openLines(x.server)
		require.NotEmpty(t, before)
		p.hang()
		for _, l := range before {
			for slices.Contains(openLines(x.server), l) {
				require.Error(t, calls(x)["search"](soon(time.Second)))
			}
		}
		p.resume()
		t.Logf("back after %s", recovers(t))
	})
}

// openLines gives the connections that are open.
func openLines(s *Server) []*line {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	var open []*line
	for l := range s.lines.open {
		open = append(open, l)
	}
	return open
}

func TestLies(t *testing.T) {
	t.Parallel()
	address := milvustest.Start(t)
	answer := func(m proto.Message) []byte {
		bytes, err := proto.Marshal(m)
		require.NoError(t, err)
		return bytes
	}
	var lies map[string][]byte
	cfg := Default()
	cfg.Address = newLiar(t, address, func(method string) []byte {
		return lies[method[strings.LastIndexByte(method, '/')+1:]]
	})
	x := testCollection(t, connectWith(t, cfg), api.DenseConfig{Dims: 3})
	defer func() { require.NoError(t, x.Close()) }()
	ctx := context.Background()
	require.NoError(t, x.Upsert(ctx, some()))
	fine := &commonpb.Status{}
	t.Run("an empty answer to a search is incomplete", func(t *testing.T) {
		lies = map[string][]byte{"Search": answer(&milvuspb.SearchResults{Status: fine})}
		require.ErrorIs(t, calls(x)["search"](ctx), dense.ErrIncomplete)
	})
	t.Run("rows that vanish are incomplete", func(t *testing.T) {
		lies = map[string][]byte{"Query": answer(&milvuspb.QueryResults{Status: fine})}
		require.ErrorIs(t, calls(x)["upsert"](ctx), dense.ErrIncomplete)
		require.ErrorIs(t, calls(x)["count"](ctx), dense.ErrIncomplete)
	})
	t.Run("an answer without a status is incomplete", func(t *testing.T) {
		for _, method := range []string{"Search", "Query", "Upsert", "DescribeCollection"} {
			lies = map[string][]byte{method: {}}
			name := map[string]string{
				"Search": "search", "Query": "scan", "Upsert": "upsert", "DescribeCollection": "identity",
			}[method]
			require.ErrorIs(t, calls(x)[name](ctx), dense.ErrIncomplete, method)
		}
	})
	t.Run("codes tell what is wrong", func(t *testing.T) {
		for code, want := range map[int32]error{
			8: dense.ErrUnavailable, 101: dense.ErrUnavailable, 503: dense.ErrUnavailable, 10001: dense.ErrTimeout,
		} {
			lies = map[string][]byte{"Search": answer(&milvuspb.SearchResults{
				Status: &commonpb.Status{Code: code, ErrorCode: commonpb.ErrorCode_UnexpectedError, Reason: "because"},
			})}
			err := calls(x)["search"](ctx)
			require.ErrorIs(t, err, want, code)
			require.ErrorContains(t, err, "because", code)
		}
	})
	t.Run("the truth is believed again", func(t *testing.T) {
		lies = nil
		for name, call := range calls(x) {
			require.NoError(t, call(ctx), name)
		}
	})
}
