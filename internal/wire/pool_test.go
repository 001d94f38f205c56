package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHellos(t *testing.T) {
	var peers sync.Map
	_, addr := serve(t, nil, nil, func(cfg *ServerConfig) {
		cfg.Admit = func(lane Lane, hello Hello) error {
			peers.Store(lane, hello)
			if hello.Cluster != "c" && hello.Cluster != "" {
				return errors.New("node belongs to cluster " + hello.Cluster + ", this is cluster c")
			}
			return nil
		}
	})
	t.Run("the server learns lane, cluster and node", func(t *testing.T) {
		_, err := newPool(t, addr, nil).Call(within(t), "b", LaneBulk, methodEcho, nil)
		require.NoError(t, err)
		hello, _ := peers.Load(LaneBulk)
		require.Equal(t, Hello{Cluster: "c", Node: "a"}, hello)
	})
	t.Run("a refusal's reason comes back", func(t *testing.T) {
		pool := newPool(t, addr, func(cfg *PoolConfig) {
			cfg.Hello = func() Hello { return Hello{Cluster: "d", Node: "a"} }
		})
		_, err := pool.Call(within(t), "b", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "belongs to cluster d, this is cluster c")
		require.NotErrorIs(t, err, ErrUnreachable)
	})
	t.Run("another node at the address is not called", func(t *testing.T) {
		_, err := newPool(t, addr, nil).Call(within(t), "z", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, ErrWrongNode)
		require.ErrorContains(t, err, "b is at "+addr+", not z")
	})
	t.Run("versions that don't meet are refused", func(t *testing.T) {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		raw, err := appendGreeting([]byte{'Q'}, greeting{low: 7, high: 9})
		require.NoError(t, err)
		_, err = conn.Write(raw)
		require.NoError(t, err)
		got, err := readGreeting(conn)
		require.NoError(t, err)
		require.True(t, got.refused)
		require.Contains(t, got.reason, "it speaks versions 7 to 9, this node 1 to 1")
	})
	for name, first := range map[string]string{
		"an unknown lane": "XSGW1", "a hello that is none": "QGET / HTTP/1.1\r\n\r\n",
	} {
		t.Run("closes a connection with "+name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write([]byte(first))
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(timeout)))
			n, err := conn.Read(make([]byte, 1))
			require.Zero(t, n)
			require.False(t, errors.Is(err, context.DeadlineExceeded) || err == nil, "%v", err)
		})
	}
}

func TestSilentHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newNetwork()
		serve(t, network.listen("b"), nil, nil)
		start := time.Now()
		conn, err := network.dial(context.Background(), "b")
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, helloTimeout, time.Since(start))
	})
}

func TestUnreachable(t *testing.T) {
	t.Run("an unknown node", func(t *testing.T) {
		pool := newPool(t, "", func(cfg *PoolConfig) {
			cfg.Resolve = func(string) (string, bool) { return "", false }
		})
		_, err := pool.Call(within(t), "b", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, ErrUnreachable)
	})
	t.Run("a port nobody listens at", func(t *testing.T) {
		_, err := newPool(t, freeAddr(t), nil).Call(within(t), "b", LaneQuery, methodEcho, nil)
		require.ErrorIs(t, err, ErrUnreachable)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
	t.Run("a dial's timeout is not the caller's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			pool := newPool(t, "b", func(cfg *PoolConfig) {
				cfg.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
			})
			_, err := pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
			require.ErrorIs(t, err, ErrUnreachable)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
		})
	})
	t.Run("a dial has a timeout, and its failure answers for a while", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := newNetwork()
			silent := network.listen("b")
			go func() { // takes connections and says nothing
				for {
					conn, err := silent.Accept()
					if err != nil {
						return
					}
					go io.Copy(io.Discard, conn)
				}
			}()
			defer silent.Close()
			pool := newPool(t, "b", func(cfg *PoolConfig) { cfg.Dial = network.dial })
			start := time.Now()
			for range 10 { // one dial for all who wait
				go pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
			}
			_, err := pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
			require.ErrorIs(t, err, ErrUnreachable)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, defaultDialTimeout, time.Since(start))
			_, again := pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
			require.Equal(t, err.Error(), again.Error())
			require.Equal(t, defaultDialTimeout, time.Since(start))
			require.EqualValues(t, 1, network.dials.Load())
			time.Sleep(redialPause)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err = pool.Call(ctx, "b", LaneQuery, methodEcho, nil)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, ErrUnreachable)
			require.Equal(t, defaultDialTimeout+redialPause+time.Second, time.Since(start))
			require.EqualValues(t, 2, network.dials.Load())
		})
	})
}

// freeAddr gives an address nobody listens at.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestOneConnection(t *testing.T) {
	server, addr := serve(t, nil, nil, nil)
	pool := newPool(t, addr, nil)
	ctx := within(t)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if _, err := pool.Call(ctx, "b", LaneQuery, methodEcho, nil); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	server.mu.Lock()
	defer server.mu.Unlock()
	require.Len(t, server.conns, 1)
}

func TestMove(t *testing.T) {
	handler := newStarted()
	release := make(chan struct{})
	old, first := serve(t, nil, map[uint16]Handler{
		methodOther: func(_ context.Context, _, dst []byte) ([]byte, error) {
			handler.begun <- struct{}{}
			<-release
			return append(dst, "old"...), nil
		},
	}, nil)
	_, second := serve(t, nil, nil, nil)
	var addr atomic.Value
	addr.Store(first)
	pool := newPool(t, "", func(cfg *PoolConfig) {
		cfg.Resolve = func(string) (string, bool) { return addr.Load().(string), true }
	})
	refused := make(chan string, 1)
	pool.OnRefused(func(node string) { refused <- node })
	ctx := within(t)
	answered := make(chan error, 1)
	go func() {
		got, err := pool.Call(ctx, "b", LaneRaft, methodOther, nil)
		if string(got) != "old" {
			err = errors.Join(err, errors.New("not the old node's answer"))
		}
		answered <- err
	}()
	<-handler.begun
	addr.Store(second)
	_, err := pool.Call(ctx, "b", LaneRaft, methodEcho, nil)
	require.NoError(t, err)
	close(release)
	require.NoError(t, <-answered, "a call under way gets its answer")
	require.Eventually(t, func() bool {
		old.mu.Lock()
		defer old.mu.Unlock()
		return len(old.conns) == 0
	}, timeout, time.Millisecond, "the old connection is not needed")
	require.NoError(t, old.Close())
	_, err = pool.Call(ctx, "b", LaneRaft, methodEcho, nil)
	require.NoError(t, err)
	require.Empty(t, refused, "nothing was lost")
}

func TestPoolClose(t *testing.T) {
	handler := newStarted()
	_, addr := serve(t, nil, map[uint16]Handler{methodOther: handler.handle}, nil)
	pool := newPool(t, addr, nil)
	failed := make(chan error, 1)
	go func() {
		_, err := pool.Call(context.Background(), "b", LaneRaft, methodOther, nil)
		failed <- err
	}()
	<-handler.begun
	require.NoError(t, pool.Close())
	require.ErrorIs(t, <-failed, ErrClosed)
	require.ErrorIs(t, <-handler.ended, context.Canceled, "the server sees the connection end")
	_, err := pool.Call(context.Background(), "b", LaneRaft, methodOther, nil)
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, pool.Close(), "closing again is no error")
}

func TestManyAddresses(t *testing.T) {
	// Addresses that were tried and failed are forgotten.
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, "", func(cfg *PoolConfig) {
			cfg.Dial = func(context.Context, string) (net.Conn, error) { return nil, errors.New("no such host") }
		})
		for i := range 100 {
			_, err := pool.CallAddr(context.Background(), "host"+string(rune('0'+i)), LaneQuery, methodEcho, nil)
			require.ErrorIs(t, err, ErrUnreachable)
			time.Sleep(redialPause)
		}
		require.LessOrEqual(t, len(pool.peers), 1)
	})
}
