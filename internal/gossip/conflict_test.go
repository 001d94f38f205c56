package gossip

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestDuplicateID(t *testing.T) {
	first := quick("n")
	first.Registry = prometheus.NewRegistry()
	a := start(t, first)
	witness := start(t, quick("w", a.Addr()))
	sees(t, witness, "n", Alive)
	cfg := quick("n", a.Addr(), witness.Addr())
	cfg.Meta.Instance = "another"
	b := start(t, cfg)

	for _, g := range []*Gossip{a, witness} {
		c := conflicted(t, g, DuplicateID)
		require.Equal(t, "n", c.ID)
		require.Equal(t, b.Addr(), c.Addr)
		require.Equal(t, "another", c.Instance)
		for _, part := range []string{"n", a.Addr(), "instance-n", b.Addr(), "another"} {
			require.Contains(t, c.Text, part)
		}
		m, _ := g.Member("n")
		require.Equal(t, a.Addr(), m.Addr)
		require.Equal(t, "instance-n", m.Meta.Instance)
	}
	require.Equal(t, a.Addr(), conflicted(t, b, DuplicateID).Addr)
	require.Positive(t, gathered(t, first.Registry.(*prometheus.Registry))["gossip_conflicts_total"])
}

func TestTwoClusters(t *testing.T) {
	inCluster := func(id, cluster string, seeds ...string) *Gossip {
		cfg := quick(id, seeds...)
		cfg.Meta.Cluster = cluster
		return start(t, cfg)
	}
	a1 := inCluster("a1", "cluster-a")
	a2 := inCluster("a2", "cluster-a", a1.Addr())
	sees(t, a1, "a2", Alive)

	t.Run("say why they do not join", func(t *testing.T) {
		alone := inCluster("alone", "cluster-z", a1.Addr())
		require.Eventually(t, func() bool { return alone.JoinError() != nil }, 10*time.Second, 5*time.Millisecond)
		require.ErrorContains(t, alone.JoinError(), "join "+a1.Addr()+": failed to join")
		require.ErrorContains(t, alone.JoinError(), ErrForeignCluster.Error())
		require.NotContains(t, alone.JoinError().Error(), "\n")
		require.ErrorContains(t, alone.JoinError(), "cluster-z")
	})
	t.Run("do not mix", func(t *testing.T) {
		b1 := inCluster("b1", "cluster-b", a1.Addr())
		b2 := inCluster("b2", "cluster-b", b1.Addr(), a2.Addr())
		sees(t, b2, "b1", Alive)
		var c Conflict
		await(t, a1, "cluster b is met", func() bool {
			all := a1.Conflicts()
			i := slices.IndexFunc(all, func(c Conflict) bool { return c.Cluster == "cluster-b" })
			if i >= 0 {
				c = all[i]
			}
			return i >= 0
		})
		require.Equal(t, ForeignCluster, c.Kind)
		require.Contains(t, c.Text, "cluster-a")
		require.Contains(t, c.Text, "cluster-b")
		require.Contains(t, c.Text, c.ID)
		require.Contains(t, c.Text, c.Addr)
		conflicted(t, b1, ForeignCluster)
		conflicted(t, b2, ForeignCluster)
		require.Len(t, a1.Members(), 2)
		require.Len(t, a2.Members(), 2)
		require.Len(t, b1.Members(), 2)
		require.Len(t, b2.Members(), 2)
	})
	t.Run("a node without a cluster joins one", func(t *testing.T) {
		b := inCluster("b3", "cluster-b")
		fresh := inCluster("fresh", "", a1.Addr(), b.Addr())
		conflicted(t, fresh, ForeignCluster)
		clusters := map[string]bool{}
		for _, m := range fresh.Members() {
			clusters[m.Meta.Cluster] = true
		}
		require.Len(t, clusters, 2, "its own, which is none, and one more: %v", clusters)
	})
	t.Run("that were founded apart part", func(t *testing.T) {
		x := start(t, quick("x"))
		y := start(t, quick("y", x.Addr()))
		sees(t, x, "y", Alive)
		sees(t, y, "x", Alive)
		x.Update(func(m *Meta) { m.Cluster = "cluster-x" })
		await(t, y, "x has a cluster", func() bool {
			m, _ := y.Member("x")
			return m.Meta.Cluster == "cluster-x"
		})
		y.Update(func(m *Meta) { m.Cluster = "cluster-y" })
		require.Equal(t, "x", conflicted(t, y, ForeignCluster).ID)
		require.Equal(t, "y", conflicted(t, x, ForeignCluster).ID)
		for _, g := range []*Gossip{x, y} {
			await(t, g, "alone", func() bool { return len(g.Members()) == 1 })
		}
	})
}
