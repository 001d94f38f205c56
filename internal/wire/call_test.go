package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCall(t *testing.T) {
	_, addr := serve(t, nil, nil, nil)
	pool := newPool(t, addr, nil)
	for _, lane := range []Lane{LaneQuery, LaneRaft, LaneBulk} {
		t.Run("an answer comes back on lane "+lane.String(), func(t *testing.T) {
			got, err := pool.Call(within(t), "b", lane, methodEcho, []byte("hello"))
			require.NoError(t, err)
			require.Equal(t, "hello", string(got))
		})
	}
	t.Run("an empty body is a body", func(t *testing.T) {
		got, err := pool.Call(within(t), "b", LaneQuery, methodEcho, nil)
		require.NoError(t, err)
		require.Empty(t, got)
	})
	t.Run("an address does for a node", func(t *testing.T) {
		got, err := pool.CallAddr(within(t), addr, LaneQuery, methodEcho, []byte("hello"))
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
	})
	t.Run("an unknown lane is refused", func(t *testing.T) {
		_, err := pool.Call(within(t), "b", 'X', methodEcho, nil)
		require.ErrorIs(t, err, ErrProtocol)
	})
}

func TestBodies(t *testing.T) {
	shared := bytes.Repeat([]byte("s"), 300<<10)
	_, addr := serve(t, nil, map[uint16]Handler{
		methodOther: func(_ context.Context, body, dst []byte) ([]byte, error) {
			switch string(body) {
			case "shared":
				return shared, nil
			case "body":
				return body, nil
			case "offset":
				return append(dst, "offset"...)[1:], nil
			case "huge":
				return make([]byte, MaxBody+1), nil
			default:
				return nil, nil
			}
		},
	}, nil)
	pool := newPool(t, addr, nil)
	t.Run("bodies of all sizes come back as they are", func(t *testing.T) {
		rng := rand.NewChaCha8([32]byte{})
		for _, size := range []int{
			1, 100, joinLimit - 100, joinLimit, 2 * joinLimit, firstRead - 1, firstRead + 1, 5 << 20, 70 << 20,
		} {
			body := make([]byte, size)
			_, _ = rng.Read(body)
			got, err := pool.Call(within(t), "b", LaneBulk, methodEcho, body)
			require.NoError(t, err)
			require.True(t, bytes.Equal(body, got), "of %d bytes", size)
		}
	})
	t.Run("a handler may answer with what is not dst", func(t *testing.T) {
		for range 10 {
			for request, want := range map[string]string{
				"shared": string(shared), "body": "body", "offset": "ffset", "nothing": "",
			} {
				got, err := pool.Call(within(t), "b", LaneQuery, methodOther, []byte(request))
				require.NoError(t, err)
				require.True(t, want == string(got), "%s", request)
			}
		}
	})
	t.Run("a request over the limit is not sent", func(t *testing.T) {
		_, err := pool.Call(within(t), "b", LaneQuery, methodEcho, make([]byte, MaxBody+1))
		require.ErrorIs(t, err, ErrTooLarge)
	})
	t.Run("an answer over the limit is an error", func(t *testing.T) {
		_, err := pool.Call(within(t), "b", LaneQuery, methodOther, []byte("huge"))
		require.ErrorIs(t, err, ErrTooLarge)
		var remote *Error
		require.ErrorAs(t, err, &remote)
		require.Equal(t, CodeTooLarge, remote.Code)
	})
	t.Run("the largest body passes", func(t *testing.T) {
		got, err := pool.Call(within(t), "b", LaneBulk, methodEcho, make([]byte, MaxBody))
		require.NoError(t, err)
		require.Len(t, got, MaxBody)
	})
}

func TestErrors(t *testing.T) {
	var log lockedBuffer
	results := map[string]error{
		"own":      &Error{Code: 300, Message: "not the leader", Detail: []byte{1, 2, 3}},
		"wrapped":  fmt.Errorf("search: %w", &Error{Code: 301, Message: "stale"}),
		"long":     &Error{Code: 302, Message: strings.Repeat("é", maxMessage)},
		"binary":   errors.New("\xff\x00"),
		"plain":    errors.New("disk is full"),
		"deadline": fmt.Errorf("fetch: %w", context.DeadlineExceeded),
		"canceled": fmt.Errorf("fetch: %w", context.Canceled),
		"zero":     &Error{Message: "forgot"},
		"nil":      (*Error)(nil),
		"detail":   &Error{Code: 303, Detail: make([]byte, MaxDetail+1)},
	}
	_, addr := serve(t, nil, map[uint16]Handler{
		methodOther: func(_ context.Context, body, _ []byte) ([]byte, error) {
			switch string(body) {
			case "panic":
				panic("in the handler")
			case "exit":
				runtime.Goexit()
			}
			return nil, results[string(body)]
		},
	}, func(cfg *ServerConfig) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	pool := newPool(t, addr, nil)
	for _, c := range []struct {
		name, want string
		code       uint16
		is         error
	}{
		{"own", "not the leader", 300, nil},
		{"wrapped", "search: stale", 301, nil},
		{"long", strings.Repeat("é", maxMessage/2), 302, nil},
		{"binary", "?\x00", CodeInternal, nil},
		{"plain", "disk is full", CodeInternal, nil},
		{"deadline", "fetch: context deadline exceeded", CodeDeadline, context.DeadlineExceeded},
		{"canceled", "fetch: context canceled", CodeCanceled, context.Canceled},
		{"zero", "handler failed with code 0: forgot", CodeInternal, nil},
		{"nil", "handler failed with a nil error", CodeInternal, nil},
		{"detail", "error detail of 65537 bytes is too long: call failed with code 303", CodeInternal, nil},
		{"panic", "handler of method 0x0012 panicked", CodeInternal, nil},
		{"exit", "handler did not return", CodeInternal, nil},
	} {
		t.Run("a handler's error travels: "+c.name, func(t *testing.T) {
			_, err := pool.Call(within(t), "b", LaneQuery, methodOther, []byte(c.name))
			var remote *Error
			require.ErrorAs(t, err, &remote)
			require.Equal(t, c.code, remote.Code)
			require.Equal(t, c.want, err.Error())
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			if c.name == "own" {
				require.Equal(t, []byte{1, 2, 3}, remote.Detail)
			}
		})
	}
	t.Run("a panic is logged with its stack", func(t *testing.T) {
		require.Contains(t, log.String(), "in the handler")
		require.Contains(t, log.String(), "call_test.go")
	})
	t.Run("an unknown method is told", func(t *testing.T) {
		_, err := pool.Call(within(t), "b", LaneQuery, 0x7777, make([]byte, 100<<10))
		var remote *Error
		require.ErrorAs(t, err, &remote)
		require.Equal(t, CodeUnknownMethod, remote.Code)
		require.ErrorContains(t, err, "node b has no method 0x7777")
	})
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestManyCallers(t *testing.T) {
	_, addr := serve(t, nil, nil, nil)
	pool := newPool(t, addr, nil)
	ctx := within(t)
	var callers sync.WaitGroup
	for caller := range 64 {
		callers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(caller), 0))
			for i := range 100 {
				body := make([]byte, 8+rng.IntN(1<<(4+rng.IntN(14))))
				binary.LittleEndian.PutUint64(body, uint64(caller<<32|i))
				for j := 8; j < len(body); j++ {
					body[j] = byte(caller + j)
				}
				got, err := pool.Call(ctx, "b", LaneQuery, methodEcho, body)
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("call %d of %d: %v, or another's answer", i, caller, err)
					return
				}
			}
		})
	}
	callers.Wait()
}

func TestDeadline(t *testing.T) {
	t.Run("both sides end with the caller's deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			handler := newStarted()
			net := newNetwork()
			left := make(chan time.Duration, 1)
			_, addr := serve(t, net.listen("b"), map[uint16]Handler{
				methodOther: func(ctx context.Context, body, dst []byte) ([]byte, error) {
					deadline, _ := ctx.Deadline()
					left <- time.Until(deadline)
					return handler.handle(ctx, body, dst)
				},
			}, nil)
			pool := newPool(t, addr, func(cfg *PoolConfig) { cfg.Dial = net.dial })
			start := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
			defer cancel()
			_, err := pool.Call(ctx, "b", LaneQuery, methodOther, nil)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 1500*time.Millisecond, time.Since(start))
			require.Equal(t, 1500*time.Millisecond, <-left)
			require.Error(t, <-handler.ended)
		})
	})
	t.Run("none is none", func(t *testing.T) {
		_, addr := serve(t, nil, map[uint16]Handler{
			methodOther: func(ctx context.Context, _, dst []byte) ([]byte, error) {
				_, ok := ctx.Deadline()
				return fmt.Append(dst, ok), nil
			},
		}, nil)
		got, err := newPool(t, addr, nil).Call(context.Background(), "b", LaneQuery, methodOther, nil)
		require.NoError(t, err)
		require.Equal(t, "false", string(got))
	})
	t.Run("one that has passed sends nothing", func(t *testing.T) {
		pool := newPool(t, "", nil)
		ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
		defer cancel()
		_, err := pool.Call(ctx, "b", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestCancel(t *testing.T) {
	handler := newStarted()
	server, addr := serve(t, nil, map[uint16]Handler{methodOther: handler.handle}, nil)
	pool := newPool(t, addr, nil)
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := pool.Call(ctx, "b", LaneQuery, methodOther, nil)
		failed <- err
	}()
	<-handler.begun
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.ErrorIs(t, <-handler.ended, context.Canceled)
	t.Run("the connection goes on", func(t *testing.T) {
		_, err := pool.Call(within(t), "b", LaneQuery, methodEcho, nil)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return server.gate.count() == 0 }, timeout, time.Millisecond)
	})
}

func TestTrace(t *testing.T) {
	want := Trace{1, 2, 24: 25}
	_, addr := serve(t, nil, map[uint16]Handler{
		methodOther: func(ctx context.Context, _, dst []byte) ([]byte, error) {
			trace, ok := TraceFrom(ctx)
			return fmt.Append(dst, ok, trace), nil
		},
	}, nil)
	pool := newPool(t, addr, nil)
	got, err := pool.Call(WithTrace(within(t), want), "b", LaneQuery, methodOther, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(true, want), string(got))
	got, err = pool.Call(within(t), "b", LaneQuery, methodOther, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(false, Trace{}), string(got))
}

func TestAllocations(t *testing.T) {
	_, addr := serve(t, nil, nil, nil)
	pool := newPool(t, addr, nil)
	ctx, body := within(t), make([]byte, 1<<10)
	// Of both sides together: the answer, the call on the server, its context, and what may be pooled or not.
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		if _, err := pool.Call(ctx, "b", LaneQuery, methodEcho, body); err != nil {
			t.Error(err)
		}
	}), 10.0)
}
