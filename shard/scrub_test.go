package shard

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs/vfstest"
	"sagasu/shard/rpc"
	"sagasu/sparse"
)

// metric reads a counter of a registry by its name; 0 if there is none.
func metric(t testing.TB, registry prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

// flip changes a bit in the middle of the only segment of a replica, in place; a second time undoes it.
func flip(t testing.TB, dir string) (path string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "sparse", "*.seg"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	vfstest.Flip(t, files[0])
	return files[0]
}

// A node has one copy of a shard, there is no other. Whether a bit of it flips while the node is away or while it
// serves, the copy fails with file and section told, nothing is removed, and it works once the file is as it was.
func TestDamagedSegment(t *testing.T) {
	registry, rested := prometheus.NewRegistry(), make(chan time.Time)
	c := newClusterWith(t, func(cfg *Config) {
		cfg.Registry, cfg.ScrubEvery = registry, time.Hour
		after := cfg.After
		cfg.After = func(d time.Duration) <-chan time.Time {
			if d == time.Hour {
				return rested
			}
			return after(d)
		}
	}, "n0")
	c.place(papers, "n0")
	applied := c.writeMany(papers, "a", 30)
	c.compact("n0", papers)
	documents := c.count("n0", papers, applied)
	require.Positive(t, documents)
	failed := func() string {
		info, _, err := c.at("n0", papers).Info(testContext(t), rpc.Call{Shard: papers})
		require.NoError(t, err)
		return info.Failed
	}
	requireNamed := func(path, message string) {
		require.Contains(t, failed(), path)
		require.Contains(t, failed(), ": corrupt segment: checksum of ")
		attributes, n := c.members["n0"].log.find(message)
		require.Positive(t, n)
		require.Contains(t, attributes["error"].(error).Error(), path+": corrupt segment: checksum of ")
	}

	dir := c.stop("n0")
	path := flip(t, filepath.Join(dir, papers))
	c.start("n0", dir)
	await(t, "the damage is found at the start", func() bool { return sparse.Damaged(c.troubleOf("n0")) })
	requireNamed(path, "replica can't be opened, it is tried again")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	await(t, "it is tried again", func() bool {
		_, n := c.members["n0"].log.find("replica can't be opened, it is tried again")
		return n > 2
	})
	require.InDelta(t, 1, metric(t, registry, "sagasu_damaged_segments_total"), 0, "a finding is counted once")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)

	c.stop("n0")
	require.Equal(t, path, flip(t, filepath.Join(dir, papers)))
	c.start("n0", dir)
	require.Equal(t, documents, c.count("n0", papers, applied))
	require.Empty(t, failed())

	rested <- time.Now()
	rested <- time.Now() // is taken when the first turn is over
	require.Positive(t, metric(t, registry, "sagasu_scrubbed_bytes_total"))
	require.Zero(t, metric(t, registry, "sagasu_damaged_segments_total"))
	path = flip(t, filepath.Join(dir, papers))
	await(t, "the damage is found in use", func() bool {
		select {
		case rested <- time.Now():
		default: // a turn is under way, or was the last
		}
		return sparse.Damaged(c.troubleOf("n0"))
	})
	requireNamed(path, "replica failed, it is opened again")
	require.InDelta(t, 1, metric(t, registry, "sagasu_damaged_segments_total"), 0)
	flip(t, filepath.Join(dir, papers))
	require.Equal(t, documents, c.count("n0", papers, applied), "it opens by itself once the file is as it was")
}

// troubleOf is why a node's replica of papers is not open.
func (c *cluster) troubleOf(node string) error {
	_, _, trouble := c.hosted(node, papers).lease()
	if trouble == nil {
		return errors.New("none")
	}
	return trouble
}
