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
					go io.Copy(io.Discard, conn) //nolint:errcheck // Ends with the connection.
				}
			}()
			defer silent.Close()
			pool := newPool(t, "b", func(cfg *PoolConfig) { cfg.Dial = network.dial })
			start := time.Now()
			for range 10 { // one dial for all who wait
				go pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil) //nolint:errcheck // As the next.
			}
			_, err := pool.Call(context.Background(), "b", LaneQuery, methodEcho, nil)
			require.ErrorIs(t, err, ErrUnreachable)
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
