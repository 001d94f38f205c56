package shard

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs/vfstest"
	"sagasu/shard/replica"
	"sagasu/shard/rpc"
)

// scrubbed is a cluster whose nodes verify their files when the test says so.
type scrubbed struct {
	*cluster
	mu         sync.Mutex
	rested     map[string]chan time.Time
	registries map[string]*prometheus.Registry
}

func newScrubbed(t *testing.T, nodes ...string) *scrubbed {
	x := &scrubbed{rested: map[string]chan time.Time{}, registries: map[string]*prometheus.Registry{}}
	x.cluster = newClusterWith(t, func(cfg *Config) {
		rested, registry, after := make(chan time.Time), prometheus.NewRegistry(), cfg.After
		x.mu.Lock()
		x.rested[cfg.Node], x.registries[cfg.Node] = rested, registry
		x.mu.Unlock()
		cfg.Registry, cfg.ScrubEvery = registry, time.Hour
		cfg.After = func(d time.Duration) <-chan time.Time {
			if d == time.Hour {
				return rested
			}
			return after(d)
		}
	}, nodes...)
	return x
}

// damage flips a bit of a segment of a node's replica.
func (x *scrubbed) damage(dir string) (path string) {
	x.t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, papers, "sparse", "*.seg"))
	require.NoError(x.t, err)
	require.NotEmpty(x.t, files)
	vfstest.Flip(x.t, files[0])
	return files[0]
}

// scrub has a node verify its files until its replica is not what it was.
func (x *scrubbed) scrub(node string) {
	x.t.Helper()
	before, _, _ := x.hosted(node, papers).lease()
	require.NotNil(x.t, before)
	await(x.t, "the damage is found in use", func() bool {
		select {
		case x.rested[node] <- time.Now():
		default: // a turn is under way, or was the last
		}
		return before.replica.Err() != nil
	})
}

func (x *scrubbed) repairs(node, outcome string) float64 {
	x.t.Helper()
	families, err := x.registries[node].Gather()
	require.NoError(x.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "sagasu_repairs_total" && m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	x.t.Fatalf("no repairs of outcome %s", outcome)
	return 0
}

func (x *scrubbed) awaitRepairs(node, outcome string, want float64) {
	x.t.Helper()
	await(x.t, outcome, func() bool { return x.repairs(node, outcome) >= want })
}

func (x *scrubbed) info(node string) rpc.ShardInfo {
	x.t.Helper()
	info, _, err := x.at(node, papers).Info(testContext(x.t), rpc.Call{Shard: papers})
	require.NoError(x.t, err)
	return info
}

func TestRepair(t *testing.T) {
	x := newScrubbed(t, "n0", "n1", "n2")
	x.place(papers, "n0", "n1", "n2")
	at := x.writeMany(papers, "early", 60)
	for _, id := range []string{"n0", "n1", "n2"} {
		x.count(id, papers, at)
		x.compact(id, papers)
	}
	x.lead(papers, "n0")

	t.Run("a follower, damaged while it was away", func(t *testing.T) {
		dir := x.stop("n2")
		at := x.writeMany(papers, "second", 30)
		path := x.damage(dir)
		x.start("n2", dir)
		x.awaitRepairs("n2", outcomeRepaired, 1)
		x.requireAlike("n2", "n0", at, "early", "second")
		record, n := x.members["n2"].log.find("replica repaired")
		require.Equal(t, 1, n)
		require.Equal(t, filepath.Join(dir, papers, replica.DamagedDir), record["damaged_files"])
		require.FileExists(t, filepath.Join(dir, papers, replica.DamagedDir, "sparse", filepath.Base(path)))
		record, n = x.members["n2"].log.find("replica can't be opened, it is tried again")
		require.Equal(t, 1, n)
		require.ErrorContains(t, record["error"].(error), path+": corrupt segment: checksum of ")
		require.Empty(t, x.info("n2").Failed)
	})
	t.Run("a follower, damaged in use", func(t *testing.T) {
		x.compact("n1", papers)
		path := x.damage(x.members["n1"].dir)
		x.scrub("n1")
		x.awaitRepairs("n1", outcomeRepaired, 1)
		x.requireAlike("n1", "n0", x.write(papers, put("third", "third warning")), "early", "third")
		require.InDelta(t, 1, metric(t, x.registries["n1"], "sagasu_damaged_segments_total"), 0)
		require.FileExists(t, filepath.Join(x.dirOf("n1", papers), replica.DamagedDir, "sparse", filepath.Base(path)))
	})
	t.Run("the leader, which hands over first", func(t *testing.T) {
		x.lead(papers, "n0")
		x.damage(x.members["n0"].dir)
		term := x.info("n0").Term
		x.scrub("n0")
		at := x.writeMany(papers, "fourth", 10)
		x.awaitRepairs("n0", outcomeRepaired, 1)
		x.requireAlike("n0", x.leader(papers), at, "early", "fourth")
		require.Equal(t, term+1, x.info(x.leader(papers)).Term, "one election, by a handover")
	})
	t.Run("damaged, and so is the first that is asked", func(t *testing.T) {
		x.lead(papers, "n2")
		at := x.write(papers, put("fifth", "fifth warning"))
		for _, id := range []string{"n0", "n1"} {
			x.count(id, papers, at)
			x.compact(id, papers)
		}
		x.damage(x.members["n1"].dir) // and nobody knows
		dir := x.stop("n0")
		x.damage(dir)
		x.start("n0", dir)
		x.awaitRepairs("n0", outcomeRepaired, 1)
		x.awaitRepairs("n1", outcomeRepaired, 2)
		at = x.write(papers, put("sixth", "sixth warning"))
		x.requireAlike("n0", "n2", at, "early", "sixth")
		x.requireAlike("n1", "n2", at, "early", "sixth")
	})
	t.Run("it shows how far it is, and a deleted index ends it", func(t *testing.T) {
		x.compact("n1", papers)
		asked, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		for _, id := range []string{"n0", "n2"} {
			read := x.members[id].handlers[rpc.MethodReadFile]
			x.members[id].handlers[rpc.MethodReadFile] = func(ctx context.Context, body, dst []byte) ([]byte, error) {
				once.Do(func() { close(asked) })
				select {
				case <-goOn:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				return read(ctx, body, dst)
			}
		}
		path := x.damage(x.members["n1"].dir)
		x.scrub("n1")
		<-asked
		info := x.info("n1")
		require.Contains(t, info.Failed, path)
		require.Contains(t, info.Repair.Reason, path)
		require.Contains(t, []string{"n0", "n2"}, info.Repair.From)
		require.Positive(t, info.Repair.Total)
		_, _, err := x.at("n1", papers).Count(testContext(t), rpc.Call{Shard: papers}, nil)
		require.ErrorContains(t, err, "it is being repaired from node")
		require.ErrorContains(t, x.host("n1").Ready(testContext(t)), "it is being repaired from node")
		x.drop(papers)
		require.NoError(t, x.host("n1").Gone(testContext(t), papers))
		require.NoDirExists(t, filepath.Join(x.members["n1"].dir, papers))
		close(goOn)
	})
}

// Without a copy that can be asked a damaged replica says so and waits; with one it is repaired.
func TestRepairWaits(t *testing.T) {
	x := newScrubbed(t, "n0", "n1", "n2")
	x.place(papers, "n0", "n1", "n2")
	at := x.writeMany(papers, "early", 60)
	for _, id := range []string{"n0", "n1", "n2"} {
		x.count(id, papers, at)
		x.compact(id, papers)
	}
	away, other := x.stop("n1"), x.stop("n2")
	dir := x.stop("n0")
	path := x.damage(dir)
	x.damage(away)
	x.start("n0", dir)
	x.awaitRepairs("n0", outcomeNoSource, 2)
	x.start("n1", away)
	x.awaitRepairs("n1", outcomeNoSource, 1)
	await(t, "each says what is wrong with the other", func() bool {
		info := x.info("n0")
		return info.Repair.Reason != "" && info.Repair.From == "" && strings.Contains(info.Failed, path) &&
			strings.Contains(info.Failed, "it can't be repaired") &&
			strings.Contains(info.Failed, "node n1 has none that works")
	})
	x.start("n2", other)
	x.awaitRepairs("n0", outcomeRepaired, 1)
	x.awaitRepairs("n1", outcomeRepaired, 1)
	at = x.write(papers, put("late", "late warning"))
	x.requireAlike("n0", "n2", at, "early", "late")
	x.requireAlike("n1", "n2", at, "early", "late")
}

// Of two copies the other one answers searches while there is no majority to write, and gives its files.
func TestRepairOfTwo(t *testing.T) {
	x := newScrubbed(t, "n0", "n1")
	x.place(papers, "n0", "n1")
	at := x.writeMany(papers, "early", 60)
	for _, id := range []string{"n0", "n1"} {
		x.count(id, papers, at)
		x.compact(id, papers)
	}
	x.lead(papers, "n0")
	asked, goOn := make(chan struct{}), make(chan struct{})
	open := x.members["n1"].handlers[rpc.MethodOpenCheckpoint]
	var once sync.Once
	x.members["n1"].handlers[rpc.MethodOpenCheckpoint] = func(ctx context.Context, body, dst []byte) ([]byte, error) {
		once.Do(func() { close(asked) })
		<-goOn
		return open(ctx, body, dst)
	}
	x.damage(x.members["n0"].dir)
	x.scrub("n0")
	<-asked
	require.Positive(t, x.count("n1", papers, at))
	close(goOn)
	x.awaitRepairs("n0", outcomeRepaired, 1)
	at = x.writeMany(papers, "late", 10)
	x.requireAlike("n0", "n1", at, "early", "late")
}

func TestPatience(t *testing.T) {
	p := patience{}
	require.Equal(t, reopenPause, p.next(0))
	require.Equal(t, 2*reopenPause, p.next(0))
	require.Equal(t, openShare*time.Second, p.next(time.Second), "what takes long is not done often")
	for range 100 {
		require.LessOrEqual(t, p.next(0), maxReopenPause)
	}
	require.Equal(t, maxReopenPause, p.next(0))
}
