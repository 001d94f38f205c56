package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKilled(t *testing.T) {
	cmd, addr := startChild(t, "b")
	pool := newPool(t, addr, nil)
	refused := make(chan string, 10)
	pool.OnRefused(func(node string) { refused <- node })
	ctx := within(t)
	failed := make(chan error, 2)
	for _, lane := range []Lane{LaneRaft, LaneQuery} {
		_, err := pool.Call(ctx, "b", lane, methodEcho, nil)
		require.NoError(t, err)
		go func() {
			_, err := pool.Call(ctx, "b", lane, methodHang, nil)
			failed <- err
		}()
	}
	require.Eventually(t, func() bool { return underWay(pool) == 2 }, timeout, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.ErrorIs(t, <-failed, ErrBroken)
	require.ErrorIs(t, <-failed, ErrBroken)
	require.Equal(t, "b", <-refused)
	_, err := pool.Call(ctx, "b", LaneQuery, methodEcho, nil)
	require.ErrorIs(t, err, ErrUnreachable)
	require.Empty(t, refused, "once, and for the lane of consensus only")
}

// underWay counts the calls under way.
func underWay(pool *Pool) int {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	n := 0
	for _, p := range pool.peers {
		p.mu.Lock()
		if p.conn != nil {
			p.conn.mu.Lock()
			n += len(p.conn.calls)
			p.conn.mu.Unlock()
		}
		p.mu.Unlock()
	}
	return n
}

func TestBrokenOnce(t *testing.T) {
	// A peer that lives on: its connection breaks, but the port takes another. Nobody is told that it is gone.
	server, addr := serve(t, nil, nil, nil)
	pool := newPool(t, addr, nil)
	refused := make(chan string, 1)
	pool.OnRefused(func(node string) { refused <- node })
	ctx := within(t)
	for range 20 {
		_, err := pool.Call(ctx, "b", LaneRaft, methodEcho, nil)
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() {
			_, err := pool.Call(ctx, "b", LaneRaft, methodHang, nil)
			failed <- err
		}()
		require.Eventually(t, func() bool { return underWay(pool) == 1 }, timeout, time.Millisecond)
		server.mu.Lock()
		for c := range server.conns {
			c.link.fail(errors.New("cut"))
		}
		server.mu.Unlock()
		err = <-failed
		require.True(t, errors.Is(err, ErrBroken) || errors.Is(err, context.Canceled), "%v", err)
		// However soon the next call comes, it gets through.
		_, err = pool.Call(ctx, "b", LaneRaft, methodEcho, nil)
		require.NoError(t, err)
	}
	require.Empty(t, refused)
}

func TestSilentPeer(t *testing.T) {
	// A peer that stopped, as by SIGSTOP: its connections stay, nothing comes.
	synctest.Test(t, func(t *testing.T) {
		network := newNetwork()
		serve(t, network.listen("b"), nil, nil)
		var stopped atomic.Bool
		pool := newPool(t, "b", func(cfg *PoolConfig) {
			cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
				conn, err := network.dial(ctx, addr)
				return &stoppable{Conn: conn, stopped: &stopped}, err
			}
		})
		ctx := context.Background()
		_, err := pool.Call(ctx, "b", LaneQuery, methodEcho, nil)
		require.NoError(t, err)
		start := time.Now()
		long, cancel := context.WithTimeout(ctx, time.Minute)
		_, err = pool.Call(long, "b", LaneQuery, methodHang, nil)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded, "an idle connection is kept by pings")
		require.Equal(t, time.Minute, time.Since(start))
		require.EqualValues(t, 1, network.dials.Load())

		stopped.Store(true)
		start = time.Now()
		_, err = pool.Call(ctx, "b", LaneQuery, methodHang, nil)
		require.ErrorIs(t, err, ErrBroken) // by whichever side notices first: the server gets no pongs either
		require.LessOrEqual(t, time.Since(start), defaultPeerTimeout+defaultPingInterval)
	})
}

// stoppable is a connection that takes everything and gives nothing, while it is stopped.
type stoppable struct {
	net.Conn
	stopped *atomic.Bool
}

func (s *stoppable) Read(p []byte) (int, error) {
	for {
		n, err := s.Conn.Read(p)
		if err != nil || !s.stopped.Load() {
			return n, err
		}
	}
}

func TestSlowReader(t *testing.T) {
	// A peer that says hello and then reads nothing.
	deaf := func(t *testing.T, l net.Listener) {
		t.Helper()
		var conns []net.Conn
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conns = append(conns, conn)
				if _, err := io.ReadFull(conn, make([]byte, 1)); err == nil {
					_, _ = readGreeting(conn)
				}
				raw, _ := appendGreeting(nil, greet(Hello{Node: "b"}))
				_, _ = conn.Write(raw)
			}
		}()
		t.Cleanup(func() {
			_ = l.Close()
			<-ended
			for _, conn := range conns {
				_ = conn.Close()
			}
		})
	}
	t.Run("calls end with their deadlines", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := newNetwork()
			deaf(t, network.listen("b"))
			pool := newPool(t, "b", func(cfg *PoolConfig) { cfg.Dial = network.dial })
			var callers sync.WaitGroup
			for i := range 40 { // ten times what may wait for being written
				callers.Go(func() {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i+1)*50*time.Millisecond)
					defer cancel()
					start := time.Now()
					_, err := pool.Call(ctx, "b", LaneQuery, methodEcho, make([]byte, 1<<20))
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Duration(i+1)*50*time.Millisecond {
						t.Errorf("call %d ended after %v: %v", i, time.Since(start), err)
					}
				})
			}
			callers.Wait()
			start := time.Now()
			_, err := pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
			require.True(t, errors.Is(err, errStalled) || errors.Is(err, errSilent), "%v", err)
			// Its request was not sent by the first connection, and so it tries a second one.
			require.LessOrEqual(t, time.Since(start), 2*(defaultPeerTimeout+defaultPingInterval))
		})
	})
	t.Run("over loopback, where a caller writes by itself", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		deaf(t, l)
		pool := newPool(t, l.Addr().String(), nil)
		body := make([]byte, joinLimit-requestHead)
		for i := range 1500 { // more than the kernel's buffers hold
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			_, err := pool.Call(ctx, "b", LaneQuery, methodEcho, body)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded, "call %d", i)
		}
	})
}
