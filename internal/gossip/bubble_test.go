package gossip

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bubble is a cluster in virtual time, with the settings of production.
type bubble struct {
	t     *testing.T
	mesh  *mesh
	nodes []*Gossip
}

// inBubble runs f with n nodes n1, n2, ... at 10.0.0.1, ... that see each other; all join the first.
func inBubble(t *testing.T, n int, f func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, mesh: newMesh()}
		defer func() {
			for _, g := range b.nodes {
				require.NoError(t, g.Close())
			}
			time.Sleep(time.Minute) // for probes under way: time stops with this function
		}()
		for i := 1; i <= n; i++ {
			b.add(fmt.Sprintf("n%d", i), fmt.Sprintf("10.0.0.%d:7946", i), nil)
		}
		b.within(time.Minute, "all see all", func() bool {
			for _, g := range b.nodes {
				if len(g.Members()) != n {
					return false
				}
			}
			return true
		})
		f(b)
	})
}

func (b *bubble) add(id, addr string, change func(*Config)) *Gossip {
	cfg := Default()
	cfg.ID, cfg.Logger, cfg.Transport = id, slog.New(slog.DiscardHandler), b.mesh.plug(id, addr)
	cfg.Meta = Meta{Instance: "instance-" + id}
	cfg.Join = func() ([]string, error) { return []string{"10.0.0.1:7946"}, nil }
	if change != nil {
		change(&cfg)
	}
	g, err := Open(cfg)
	require.NoError(b.t, err)
	b.nodes = append(b.nodes, g)
	return g
}

// within waits for a condition and gives how long it took.
func (b *bubble) within(limit time.Duration, what string, ok func() bool) time.Duration {
	b.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			for _, g := range b.nodes {
				b.t.Logf("%s: %+v, conflicts %+v", g.Addr(), g.Members(), g.Conflicts())
			}
			require.FailNow(b.t, "waited in vain", "%s within %v", what, limit)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(start)
}

// all tells whether each of some nodes sees a member in a state, at an address if one is given.
func all(nodes []*Gossip, id string, status Status, addr string) func() bool {
	return func() bool {
		for _, g := range nodes {
			m, ok := g.Member(id)
			if !ok || m.Status != status || addr != "" && m.Addr != addr {
				return false
			}
		}
		return true
	}
}

func TestDeathIsNoticed(t *testing.T) {
	for _, n := range []int{2, 3, 7, 30} {
		for _, how := range []string{"killed", "stopped"} {
			t.Run(fmt.Sprintf("%s of %d", how, n), func(t *testing.T) {
				inBubble(t, n, func(b *bubble) {
					rest := b.nodes[:n-1]
					victim := fmt.Sprintf("n%d", n)
					if how == "killed" {
						require.NoError(t, b.nodes[n-1].Close())
					} else {
						b.mesh.freeze(victim, true)
					}
					took := b.within(10*time.Second, "one sees it", func() bool {
						for _, g := range rest {
							if m, _ := g.Member(victim); m.Status == Dead {
								return true
							}
						}
						return false
					})
					took2 := took + b.within(10*time.Second, "all see it", all(rest, victim, Dead, ""))
					t.Logf("of %d first %.2f all %.2f", n, took.Seconds(), took2.Seconds())
					time.Sleep(10 * time.Second)
					require.True(t, all(rest, victim, Dead, "")())
					if how == "stopped" {
						b.mesh.freeze(victim, false)
						b.within(time.Minute, "it is back", all(b.nodes, victim, Alive, ""))
					}
				})
			})
		}
	}
}

func TestHealthyStayAlive(t *testing.T) {
	inBubble(t, 5, func(b *bubble) {
		var since []time.Time
		for _, m := range b.nodes[0].Members() {
			since = append(since, m.Since)
		}
		time.Sleep(10 * time.Minute)
		for i, m := range b.nodes[0].Members() {
			require.Equal(t, Alive, m.Status)
			require.Equal(t, since[i], m.Since)
		}
	})
}

func TestPartitionHeals(t *testing.T) {
	inBubble(t, 5, func(b *bubble) {
		b.mesh.split("n1", "n2")
		b.within(20*time.Second, "n1 sees the others dead", all(b.nodes[:2], "n5", Dead, ""))
		b.within(20*time.Second, "n5 sees the others dead", all(b.nodes[2:], "n1", Dead, ""))
		time.Sleep(10 * time.Minute) // memberlist itself has forgotten them by now
		b.mesh.heal()
		took := b.within(2*time.Minute, "all see all", func() bool {
			for i := range b.nodes {
				if !all(b.nodes, fmt.Sprintf("n%d", i+1), Alive, "")() {
					return false
				}
			}
			return true
		})
		t.Logf("healed %.2f", took.Seconds())
		for _, g := range b.nodes {
			require.Empty(t, g.Conflicts())
		}
	})
}

func TestPartitionHealsWithoutSeeds(t *testing.T) {
	inBubble(t, 2, func(b *bubble) {
		first := b.nodes[0]
		g := b.add("n3", "10.0.0.3:7946", func(c *Config) { c.Join = nil })
		require.Len(t, g.Members(), 1)
		b.add("n4", "10.0.0.4:7946", func(c *Config) {
			c.Join = func() ([]string, error) { return []string{"10.0.0.3:7946"}, nil }
		})
		b.within(time.Minute, "n3 and n4", all([]*Gossip{g}, "n4", Alive, ""))
		b.mesh.split("n4")
		b.within(time.Minute, "n4 is dead", all([]*Gossip{g}, "n4", Dead, ""))
		require.NoError(t, first.Close())
		time.Sleep(10 * time.Minute)
		b.mesh.heal()
		b.within(2*time.Minute, "n4 is back", all([]*Gossip{g}, "n4", Alive, ""))
	})
}

func TestNewAddressInBubble(t *testing.T) {
	for _, n := range []int{2, 3, 7} {
		t.Run(fmt.Sprintf("of %d", n), func(t *testing.T) {
			inBubble(t, n, func(b *bubble) {
				victim := fmt.Sprintf("n%d", n)
				rest := b.nodes[:n-1]
				for range 10 { // its next life starts at a lower incarnation
					b.nodes[n-1].Update(func(m *Meta) { m.Load.Shards++ })
				}
				time.Sleep(10 * time.Second)
				require.NoError(t, b.nodes[n-1].Close())
				b.add(victim, "10.0.1.1:7946", nil)
				took := b.within(time.Minute, "the new address", all(rest, victim, Alive, "10.0.1.1:7946"))
				t.Logf("moved %d %.2f", n, took.Seconds())
				time.Sleep(20 * time.Second) // it may be found dead once more, of which it hears
				since := map[string]time.Time{}
				for _, g := range rest {
					m, _ := g.Member(victim)
					require.Equal(t, Alive, m.Status)
					since[g.Addr()] = m.Since
				}
				time.Sleep(10 * time.Minute)
				for _, g := range rest {
					m, _ := g.Member(victim)
					require.Equal(t, since[g.Addr()], m.Since, "it is not stable")
					require.Empty(t, g.Conflicts())
				}
			})
		})
	}
}

func TestCopiedDirectory(t *testing.T) {
	inBubble(t, 3, func(b *bubble) {
		twin := b.add("n3", "10.0.1.1:7946", nil)
		time.Sleep(10 * time.Second)
		require.Empty(t, b.nodes[0].Conflicts(), "a restart may look like that")
		took := b.within(2*time.Minute, "a conflict", func() bool {
			return len(b.nodes[0].Conflicts()) > 0 && len(twin.Conflicts()) > 0
		})
		t.Logf("took %.2f", took.Seconds())
		c := b.nodes[0].Conflicts()[0]
		require.Equal(t, DuplicateInstance, c.Kind)
		require.Contains(t, c.Text, "10.0.0.3:7946")
		require.Contains(t, c.Text, "10.0.1.1:7946")
		require.Equal(t, "10.0.0.3:7946", twin.Conflicts()[0].Addr)
		m, _ := b.nodes[0].Member("n3")
		require.Equal(t, "10.0.0.3:7946", m.Addr)
	})
}

func TestSeveralDeathsAreNoticed(t *testing.T) {
	inBubble(t, 5, func(b *bubble) {
		for _, g := range b.nodes[2:] {
			require.NoError(t, g.Close())
		}
		took := b.within(20*time.Second, "all are dead", func() bool {
			rest := b.nodes[:2]
			return all(rest, "n3", Dead, "")() && all(rest, "n4", Dead, "")() && all(rest, "n5", Dead, "")()
		})
		t.Logf("took %.2f", took.Seconds())
		require.True(t, all(b.nodes[:1], "n2", Alive, "")())
		require.True(t, all(b.nodes[1:2], "n1", Alive, "")())
	})
}
