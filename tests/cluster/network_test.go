package cluster

import (
	"bufio"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo answers every line with itself until the test ends.
func echo(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				in := bufio.NewScanner(c)
				for in.Scan() {
					if _, err := c.Write(append(in.Bytes(), '\n')); err != nil {
						return
					}
				}
			}()
		}
	}()
}

func TestForwarders(t *testing.T) {
	f := openForwarders()
	a, err := f.place("a")
	require.NoError(t, err)
	b, err := f.place("b")
	require.NoError(t, err)
	f.started("a", os.Getpid()) // connections of this process are those of a
	echo(t, b.rpc)
	_, port, err := net.SplitHostPort(b.rpc)
	require.NoError(t, err)
	front := net.JoinHostPort(b.advertise, port)

	ask := func(c net.Conn, line string, limit time.Duration) (string, error) {
		require.NoError(t, c.SetDeadline(time.Now().Add(limit)))
		_, err := c.Write([]byte(line + "\n"))
		require.NoError(t, err)
		return bufio.NewReader(c).ReadString('\n')
	}
	c, err := net.Dial("tcp", front)
	require.NoError(t, err)
	answer, err := ask(c, "one", 10*time.Second)
	require.NoError(t, err)
	require.Equal(t, "one\n", answer)

	for _, cut := range []string{"a", "b"} {
		t.Run("nothing passes while "+cut+" is cut off", func(t *testing.T) {
			require.NoError(t, f.isolate(cut))
			_, err := ask(c, "two", 50*time.Millisecond)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			fresh, err := net.Dial("tcp", front)
			require.NoError(t, err)
			_, err = ask(fresh, "new", 50*time.Millisecond)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NoError(t, f.heal(cut))
			require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
			late, err := bufio.NewReader(c).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "two\n", late)
			require.NoError(t, fresh.Close())
		})
	}
	t.Run("packets pass unless a node is cut off", func(t *testing.T) {
		in, err := net.ListenPacket("udp", b.gossip)
		require.NoError(t, err)
		out, err := net.ListenPacket("udp", a.gossip)
		require.NoError(t, err)
		to, err := net.ResolveUDPAddr("udp", b.join)
		require.NoError(t, err)
		buffer := make([]byte, 16)
		for _, cut := range []bool{false, true} {
			require.NoError(t, f.set("a", cut))
			_, err = out.WriteTo([]byte("hello"), to)
			require.NoError(t, err)
			require.NoError(t, in.SetDeadline(time.Now().Add(300*time.Millisecond)))
			_, _, err := in.ReadFrom(buffer)
			require.Equal(t, cut, err != nil, "%v", err)
		}
		require.NoError(t, in.Close())
		require.NoError(t, out.Close())
	})
	require.NoError(t, c.Close())
	require.NoError(t, f.close())
}

func TestConfig(t *testing.T) {
	good := Default()
	good.Binary, good.Dir = "sagasu", t.TempDir()
	require.NoError(t, good.Validate())
	for name, change := range map[string]func(*Config){
		"no binary":          func(c *Config) { c.Binary = "" },
		"two coordinators":   func(c *Config) { c.Coordinators = 2 },
		"less than no shard": func(c *Config) { c.Shards = -1 },
		"too many nodes":     func(c *Config) { c.Gateways = maxNodes },
		"no time":            func(c *Config) { c.ReadyTimeout = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			require.Error(t, c.Validate())
		})
	}
}
