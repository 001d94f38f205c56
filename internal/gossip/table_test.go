package gossip

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// clock is a time that is set.
type clock struct{ now time.Time }

func newTestTable(own Meta) (*table, *clock) {
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	cfg := Config{ID: "self", Meta: own, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return c.now }}
	return newTable(cfg, "10.0.0.1:7946", prometheus.NewCounter(prometheus.CounterOpts{Name: "test"})), c
}

// node is what memberlist tells of one.
func node(t *testing.T, id, addr string, m Meta) *memberlist.Node {
	t.Helper()
	data, err := encodeMeta(m, false)
	require.NoError(t, err)
	return &memberlist.Node{Name: id, Addr: net.ParseIP(addr), Port: 7946, Meta: data}
}

func TestTableForgets(t *testing.T) {
	table, clock := newTestTable(Meta{})
	gone := func(id string) {
		n := node(t, id, "10.0.0.2", Meta{})
		table.join(id, n.Address(), n.Meta)
		table.leave(id)
	}
	gone("old")
	clock.now = clock.now.Add(goneRetention)
	_, ok := table.get("old")
	require.True(t, ok)
	for i := range maxGone {
		gone(fmt.Sprintf("n%d", i))
		clock.now = clock.now.Add(time.Millisecond)
	}
	require.Len(t, table.list(), maxGone)
	_, ok = table.get("old")
	require.False(t, ok, "it is too old")
	gone("one more")
	require.Len(t, table.list(), maxGone)
	_, ok = table.get("n0")
	require.False(t, ok, "it is the oldest")
	_, ok = table.get("n1")
	require.True(t, ok)
	table.leave("nobody")

	clock.now = clock.now.Add(goneRetention + time.Second)
	require.Empty(t, table.list())
}

func TestTableIsBounded(t *testing.T) {
	t.Run("in members", func(t *testing.T) {
		table, _ := newTestTable(Meta{})
		for i := range maxMembers {
			n := node(t, fmt.Sprintf("n%d", i), "10.0.0.2", Meta{})
			require.NoError(t, table.admit(n))
			table.join(n.Name, n.Address(), n.Meta)
		}
		require.ErrorIs(t, table.admit(node(t, "more", "10.0.0.2", Meta{})), ErrTooManyMembers)
		require.NoError(t, table.admit(node(t, "n0", "10.0.0.3", Meta{})), "who is known may change")
	})
	t.Run("in conflicts", func(t *testing.T) {
		table, clock := newTestTable(Meta{Cluster: "c1"})
		for i := range maxConflicts + 1 {
			require.ErrorIs(t, table.admit(node(t, fmt.Sprintf("n%d", i), "10.0.0.2", Meta{Cluster: "c2"})), ErrForeignCluster)
			require.ErrorIs(t, table.admit(node(t, "n0", "10.0.0.2", Meta{Cluster: "c2"})), ErrForeignCluster)
			clock.now = clock.now.Add(time.Second)
		}
		all := table.allConflicts()
		require.Len(t, all, maxConflicts)
		last := all[maxConflicts-1]
		require.Equal(t, "n0", last.ID, "what is seen again is kept")
		require.Equal(t, maxConflicts+2, last.Count)
		require.Equal(t, time.Duration(maxConflicts)*time.Second, last.Last.Sub(last.First))
	})
	t.Run("in claims", func(t *testing.T) {
		table, clock := newTestTable(Meta{})
		for i := range maxClaims + 10 {
			table.contest(node(t, "n1", "10.0.0.2", Meta{}), node(t, "n1", fmt.Sprintf("10.1.%d.%d", i/256, i%256), Meta{}))
		}
		require.Len(t, table.claims, maxClaims)
		clock.now = clock.now.Add(claimMemory + 1)
		table.contest(node(t, "n1", "10.0.0.2", Meta{}), node(t, "n1", "10.2.0.0", Meta{}))
		require.Len(t, table.claims, 1)
		require.Empty(t, table.allConflicts())
	})
}

func TestTableAdmits(t *testing.T) {
	table, _ := newTestTable(Meta{Cluster: "c1", Instance: "i1"})
	for name, c := range map[string]struct {
		node *memberlist.Node
		want error
	}{
		"one without a cluster":        {node(t, "n", "10.0.0.2", Meta{}), nil},
		"one of ours":                  {node(t, "n", "10.0.0.2", Meta{Cluster: "c1"}), nil},
		"one of another":               {node(t, "n", "10.0.0.2", Meta{Cluster: "c2"}), ErrForeignCluster},
		"one that tells nothing":       {&memberlist.Node{Name: "n"}, ErrInvalidMeta},
		"our earlier life":             {node(t, "self", "10.0.0.1", Meta{Instance: "i0"}), nil},
		"our earlier life, elsewhere":  {node(t, "self", "10.0.0.2", Meta{Instance: "i1"}), nil},
		"another by our id, elsewhere": {node(t, "self", "10.0.0.2", Meta{Instance: "i2"}), ErrDuplicateID},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, table.admit(c.node), c.want)
		})
	}
}

func TestTableMerges(t *testing.T) {
	dead := node(t, "d", "10.0.0.4", Meta{Cluster: "c2"})
	dead.State = memberlist.StateDead
	ours, theirs := node(t, "o", "10.0.0.2", Meta{Cluster: "c1"}), node(t, "t", "10.0.0.3", Meta{Cluster: "c2"})
	for name, c := range map[string]struct {
		peers []*memberlist.Node
		want  error
	}{
		"nobody":                    {nil, nil},
		"ours":                      {[]*memberlist.Node{ours}, nil},
		"theirs":                    {[]*memberlist.Node{theirs, dead}, ErrForeignCluster},
		"a mixture, for one by one": {[]*memberlist.Node{theirs, ours}, nil},
		"the dead of others":        {[]*memberlist.Node{dead}, nil},
		"what is no member":         {[]*memberlist.Node{{Name: "x"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			table, _ := newTestTable(Meta{Cluster: "c1"})
			require.ErrorIs(t, table.merge(c.peers), c.want)
			require.False(t, table.elsewhere())
		})
	}
	t.Run("us at another address", func(t *testing.T) {
		table, _ := newTestTable(Meta{Cluster: "c1"})
		require.NoError(t, table.merge([]*memberlist.Node{node(t, "self", "10.0.0.9", Meta{Cluster: "c1"})}))
		require.True(t, table.elsewhere())
		require.False(t, table.elsewhere(), "it is asked once")
	})
}

func TestTableIsDeafWhenClosed(t *testing.T) {
	table, _ := newTestTable(Meta{Cluster: "c1"})
	n := node(t, "n", "10.0.0.2", Meta{Cluster: "c1"})
	table.join(n.Name, n.Address(), n.Meta)
	table.close()
	table.leave("n")
	table.join("m", "10.0.0.3:7946", n.Meta)
	require.Error(t, table.admit(node(t, "x", "10.0.0.4", Meta{Cluster: "c2"})))
	require.Empty(t, table.allConflicts())
	require.Len(t, table.list(), 1)
	require.Equal(t, Alive, table.list()[0].Status)
}

func TestParseLine(t *testing.T) {
	for line, want := range map[string]struct {
		level slog.Level
		text  string
	}{
		"[DEBUG] memberlist: x\n":                  {slog.LevelDebug, "memberlist: x"},
		"[INFO] memberlist: x\n":                   {slog.LevelInfo, "memberlist: x"},
		"[WARN] memberlist: x":                     {slog.LevelWarn, "memberlist: x"},
		"[ERR] memberlist: x\n":                    {slog.LevelWarn, "memberlist: x"},
		"[ERROR] memberlist: x\n":                  {slog.LevelWarn, "memberlist: x"},
		"[WARN] memberlist: Conflicting address x": {slog.LevelDebug, "memberlist: Conflicting address x"},
		"Err: x": {slog.LevelInfo, "Err: x"},
	} {
		level, text := parseLine(line)
		require.Equal(t, want.level, level, line)
		require.Equal(t, want.text, text)
	}
}

func TestPause(t *testing.T) {
	for failed := range 80 {
		for _, urgent := range []bool{true, false} {
			p := pause(failed, urgent)
			require.GreaterOrEqual(t, p, joinAgain/2)
			require.LessOrEqual(t, p, joinMax)
			if urgent {
				require.LessOrEqual(t, p, joinAloneMax)
			}
		}
	}
	require.LessOrEqual(t, pause(1, false), joinAgain)
	require.GreaterOrEqual(t, pause(0, false), joinMax/2)
}
