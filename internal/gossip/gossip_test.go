package gossip

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestJoin(t *testing.T) {
	a := start(t, quick("a"))
	b := start(t, quick("b", a.Addr()))
	seeds := filepath.Join(t.TempDir(), "seeds")
	require.NoError(t, os.WriteFile(seeds, []byte("# nobody yet\n"), 0o600))
	cfg := quick("c")
	var err error
	cfg.Join, err = ParseJoin([]string{"file:" + seeds})
	require.NoError(t, err)
	c := start(t, cfg)

	sees(t, a, "b", Alive)
	sees(t, b, "a", Alive)
	require.Len(t, c.Members(), 1)
	require.NoError(t, os.WriteFile(seeds, []byte(b.Addr()+" # one is enough\n"), 0o600))
	for _, g := range []*Gossip{a, b, c} {
		await(t, g, "all three", func() bool { return len(g.Members()) == 3 })
		var ids []string
		for _, m := range g.Members() {
			ids = append(ids, m.ID)
			require.Equal(t, Alive, m.Status)
			require.False(t, m.Since.IsZero())
		}
		require.Equal(t, []string{"a", "b", "c"}, ids)
	}
	m, _ := c.Member("a")
	require.Equal(t, Meta{Instance: "instance-a", Roles: []string{"shard"}}, m.Meta)
	require.Equal(t, a.Addr(), m.Addr)
	require.NoError(t, c.JoinError())
	_, ok := c.Member("d")
	require.False(t, ok)
}

func TestJoinWaitsForSeeds(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())

	a := start(t, quick("a", addr))
	require.Eventually(t, func() bool { return a.JoinError() != nil }, 10*time.Second, 5*time.Millisecond)
	cfg := quick("b")
	cfg.BindAddr = addr
	b := start(t, cfg)
	require.Equal(t, addr, b.Addr())
	sees(t, a, "b", Alive)
	sees(t, b, "a", Alive)
}

func TestUpdate(t *testing.T) {
	a := start(t, quick("a"))
	b := start(t, quick("b", a.Addr()))
	sees(t, a, "b", Alive)
	want := Meta{
		Cluster: "c1", Instance: "instance-b", Roles: []string{"coordinator", "shard"}, Zone: "z1", Version: "1.2.3",
		RPC: "10.0.0.1:7947", HTTP: "10.0.0.1:8000", Ops: "10.0.0.1:9090", Level: 3,
		Load: Load{Shards: 7, CPUPercent: 50, DiskUsedPercent: 20, DiskFreeBytes: 1 << 40}, Expect: 3,
	}
	since := sees(t, a, "b", Alive).Since

	t.Run("spreads", func(t *testing.T) {
		b.Update(func(m *Meta) { *m = want })
		m, _ := b.Member("b")
		require.Equal(t, want, m.Meta)
		await(t, a, "what b tells", func() bool {
			m, _ = a.Member("b")
			return m.Meta.Zone == "z1"
		})
		require.Equal(t, want, m.Meta)
		require.Equal(t, since, m.Since)
	})
	t.Run("gives copies", func(t *testing.T) {
		m, _ := a.Member("b")
		m.Meta.Roles[0] = "spoilt"
		b.Update(func(m *Meta) { want.Roles = m.Roles })
		want.Roles[0] = "spoilt"
		for _, g := range []*Gossip{a, b} {
			m, _ = g.Member("b")
			require.Equal(t, []string{"coordinator", "shard"}, m.Meta.Roles)
		}
	})
	t.Run("leaves out what is too large", func(t *testing.T) {
		b.Update(func(m *Meta) { m.Zone = strings.Repeat("z", 600) })
		m, _ := b.Member("b")
		require.Equal(t, "z1", m.Meta.Zone)
	})
	t.Run("is silent about nothing", func(t *testing.T) {
		changed := b.Changed()
		b.Update(func(*Meta) {})
		select {
		case <-changed:
			require.Fail(t, "there was no change")
		default:
		}
	})
}

func TestLeave(t *testing.T) {
	a := start(t, quick("a"))
	b := start(t, quick("b", a.Addr()))
	sees(t, a, "b", Alive)
	sees(t, b, "a", Alive)
	require.NoError(t, b.Leave(t.Context()))
	sees(t, a, "b", Left)
	self, ok := b.Member("b")
	require.True(t, ok)
	require.Equal(t, Left, self.Status)
	require.NoError(t, b.Leave(t.Context()), "leaving again does nothing")
	require.NoError(t, b.Close())
	require.ErrorIs(t, b.Leave(t.Context()), ErrClosed)
	b.Update(func(m *Meta) { m.Zone = "after the end" })

	again := start(t, quick("b", a.Addr()))
	await(t, a, "b is back", func() bool {
		m, _ := a.Member("b")
		return m.Status == Alive && m.Addr == again.Addr()
	})
	sees(t, again, "a", Alive)
	require.Empty(t, a.Conflicts())

	t.Run("is bounded by its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, again.Leave(ctx), context.Canceled)
		sees(t, a, "b", Left)
	})
}

func TestRestartAtNewAddress(t *testing.T) {
	a := start(t, quick("a"))
	b := start(t, quick("b", a.Addr()))
	c := start(t, quick("c", a.Addr()))
	sees(t, c, "b", Alive)
	require.NoError(t, b.Close())

	again := start(t, quick("b", a.Addr()))
	require.NotEqual(t, b.Addr(), again.Addr())
	for _, g := range []*Gossip{a, c} {
		await(t, g, "b at its new address", func() bool {
			m, _ := g.Member("b")
			return m.Status == Alive && m.Addr == again.Addr()
		})
		require.Empty(t, g.Conflicts(), "a restart is no conflict")
	}
	sees(t, again, "c", Alive)
}

func TestRestartAtSameAddress(t *testing.T) {
	a := start(t, quick("a"))
	b := start(t, quick("b", a.Addr()))
	sees(t, a, "b", Alive)
	for range 5 { // what others heard last is then newer than what a fresh start tells
		b.Update(func(m *Meta) { m.Load.Shards++ })
	}
	require.NoError(t, b.Close())
	cfg := quick("b", a.Addr())
	cfg.BindAddr, cfg.Meta.Instance = b.Addr(), "wiped"
	start(t, cfg)
	await(t, a, "the new b", func() bool {
		m, _ := a.Member("b")
		return m.Status == Alive && m.Meta.Instance == "wiped"
	})
}

func TestKey(t *testing.T) {
	keyed := func(id string, key []byte, seeds ...string) *Gossip {
		cfg := quick(id, seeds...)
		cfg.Key = key
		return start(t, cfg)
	}
	right := []byte("0123456789abcdef0123456789abcdef")
	a := keyed("a", right)
	b := keyed("b", right, a.Addr())
	sees(t, a, "b", Alive)
	sees(t, b, "a", Alive)
	for name, key := range map[string][]byte{"no key": nil, "another key": []byte("fedcba9876543210")} {
		t.Run(name, func(t *testing.T) {
			c := keyed("c", key, a.Addr())
			require.Eventually(t, func() bool { return c.JoinError() != nil }, 10*time.Second, 5*time.Millisecond)
			require.Len(t, c.Members(), 1)
			require.Len(t, a.Members(), 2)
		})
	}
}

func TestCloseDoesNotWaitForTheSilent(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	cfg := quick("a", silent.Addr().String())
	cfg.StreamTimeout = time.Hour
	g, err := Open(cfg)
	require.NoError(t, err)
	conn, err := silent.Accept()
	require.NoError(t, err)
	require.NoError(t, g.Close())
	require.NoError(t, g.Close(), "closing again does nothing")
	require.NoError(t, conn.Close())
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	cfg := quick("a")
	cfg.Registry = registry
	a := start(t, cfg)
	b := start(t, quick("b", a.Addr()))
	sees(t, a, "b", Alive)
	require.NoError(t, b.Close())
	sees(t, a, "b", Dead)
	require.Equal(t, map[string]float64{
		"gossip_conflicts_total": 0, "gossip_members alive": 1, "gossip_members dead": 1, "gossip_members left": 0,
	}, gathered(t, registry))
	_, err := Open(cfg)
	require.ErrorContains(t, err, "register gossip metrics")
	require.NoError(t, a.Close())
	require.Empty(t, gathered(t, registry), "metrics outlive Close")
}

// gathered gives the values of a registry by name and labels.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

func TestOpenRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no id":                  {func(c *Config) { c.ID = "" }, "ID"},
		"a long id":              {func(c *Config) { c.ID = strings.Repeat("x", 129) }, "ID"},
		"an id with a line end":  {func(c *Config) { c.ID = "a\nb" }, "ID"},
		"a short key":            {func(c *Config) { c.Key = []byte("short") }, "Key has 5 bytes"},
		"an empty key":           {func(c *Config) { c.Key = []byte{} }, "Key has 0 bytes"},
		"no logger":              {func(c *Config) { c.Logger = nil }, "Logger"},
		"no clock":               {func(c *Config) { c.Now = nil }, "Now"},
		"no interval":            {func(c *Config) { c.GossipInterval = 0 }, "GossipInterval"},
		"a long timeout":         {func(c *Config) { c.ProbeTimeout = time.Hour }, "ProbeTimeout"},
		"large data":             {func(c *Config) { c.Meta.Zone = strings.Repeat("z", 513) }, "536 bytes"},
		"an address of no port":  {func(c *Config) { c.BindAddr = "127.0.0.1" }, "BindAddr"},
		"a port that is none":    {func(c *Config) { c.BindAddr = "127.0.0.1:99999" }, "BindAddr"},
		"a port that is taken":   {func(c *Config) { c.BindAddr = taken.Addr().String() }, taken.Addr().String()},
		"a bad advertised one":   {func(c *Config) { c.AdvertiseAddr = "10.0.0.1" }, "AdvertiseAddr"},
		"an unreachable address": {func(c *Config) { c.AdvertiseAddr = "0.0.0.0:7946" }, "AdvertiseAddr"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := quick("a")
			c.change(&cfg)
			_, err := Open(cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct{ bind, advertise, want string }{
		"as bound":               {"127.0.0.1:0", "", "127.0.0.1:%d"},
		"by name":                {"localhost:0", "", "127.0.0.1:%d"},
		"another host":           {"127.0.0.1:0", "127.0.0.9:0", "127.0.0.9:%d"},
		"another host and port":  {"127.0.0.1:0", "127.0.0.9:4711", "127.0.0.9:4711"},
		"another port":           {"127.0.0.1:0", ":4711", "127.0.0.1:4711"},
		"every address of v4":    {":0", "127.0.0.1:0", "127.0.0.1:%d"},
		"every address of v4/v6": {"[::]:0", "127.0.0.1:0", "127.0.0.1:%d"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := quick("a")
			cfg.BindAddr, cfg.AdvertiseAddr = c.bind, c.advertise
			g := start(t, cfg)
			_, port, err := net.SplitHostPort(g.Addr())
			require.NoError(t, err)
			want := c.want
			if strings.HasSuffix(want, "%d") {
				want = strings.TrimSuffix(want, "%d") + port
			}
			require.Equal(t, want, g.Addr())
			require.NotEqual(t, "0", port, fmt.Sprint(g.Addr()))
		})
	}
}
