package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMove(t *testing.T) {
	move := `{"index":"papers","shard":"u-0","from":"a","to":"b","reason":"asked for","bytes":2097152,"estimate_seconds":2`
	server := scriptedServer(t, map[string]string{
		"POST /v1/cluster/move":   move + `,"operation":"op-1"}`,
		"GET /v1/operations/op-1": "operation",
		"end":                     `{"id":"op-1","state":"done","bytes":2,"total_bytes":2}`,
	})
	code, stdout, stderr := invoke(t, "", nil, "move", "u-0", "--from", "a", "--to", "b", "--dry-run", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "papers  u-0    a     b   2.0 MiB  2s     asked for")
	code, _, stderr = invoke(t, "", nil, "move", "u-0", "--from", "a", "--to", "b", "--yes", "--watch", "--throttle", "1MiB",
		"--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "operation op-1 has begun")
	require.Contains(t, stderr, "op-1: done 100% of 2 B")
	code, _, stderr = invoke(t, "no\n", nil, "move", "u-0", "--from", "a", "--to", "b", "--server", server)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "nothing was done")
	for _, wrong := range [][]string{
		{"move", "u-0", "--from", "a"},
		{"move", "--from", "a", "--to", "b"},
		{"move", "u-0", "--from", "a", "--to", "b", "--throttle", "fast"},
		{"move", "u-0", "--from", "a", "--to", "b", "--throttle", "9999999GiB"},
		{"rebalance", "--throttle", "-1"},
		{"rebalance", "now"},
		{"drain"},
		{"explain"},
	} {
		code, _, _ := invoke(t, "", nil, append(wrong, "--server", server)...)
		require.Equal(t, exitUsage, code, wrong)
	}
	code, _, stderr = invoke(t, "", nil, "drain", "a", "--yes", "--server", server)
	require.Equal(t, exitFailure, code)
	require.Contains(t, stderr, "POST /v1/cluster/nodes/a/drain (404)")
}

func TestRebalance(t *testing.T) {
	server := scriptedServer(t, map[string]string{
		"POST /v1/cluster/rebalance": `{"operation":"r-1","moves":[{"index":"papers","shard":"u-0","from":"a","to":"b",` +
			`"reason":"node a has more","bytes":1024,"estimate_seconds":1}],"more":true,"unmet":["disk of c is full"],` +
			`"bytes":1024,"estimate_seconds":1,"nodes":[{"node":"a","alive":true,"replicas":3,"replicas_after":2},` +
			`{"node":"b","drained":"remove"}]}`,
		"POST /v1/operations/r-1/pause":    `{"id":"r-1","state":"paused"}`,
		"POST /v1/operations/r-1/resume":   `{"id":"r-1","state":"running"}`,
		"POST /v1/operations/r-1/throttle": `{"id":"r-1","throttle_bytes_per_second":1048576}`,
		"POST /v1/operations/r-1/undo":     `{"operation":"r-2","moves":[{},{}]}`,
	})
	code, stdout, stderr := invoke(t, "", nil, "rebalance", "--dry-run", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "3 > 2")
	require.Contains(t, stdout, "away, drained to remove")
	require.Contains(t, stdout, "node a has more")
	require.Contains(t, stderr, "can't be met: disk of c is full")
	require.Contains(t, stderr, "1 moves, 1.0 KiB, about 1 s; more would follow")
	code, _, stderr = invoke(t, "yes\n", nil, "rebalance", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "operation r-1 has begun")
	for _, c := range [][]string{
		{"pause", "r-1", "operation r-1 is paused"}, {"resume", "r-1", "operation r-1 is running"},
		{"undo", "r-1", "operation r-2 has begun: 2 moves back"},
	} {
		code, _, stderr = invoke(t, "", nil, "operations", c[0], c[1], "--server", server)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stderr, c[2])
	}
	code, _, stderr = invoke(t, "", nil, "operations", "throttle", "r-1", "--throttle", "1MiB", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "copies at most 1.0 MiB/s")
}

func TestExplainAndDrain(t *testing.T) {
	server := scriptedServer(t, map[string]string{
		"GET /v1/cluster/shards/u-0/explain": `{"shard":"u-0","unassigned":"1 of 3 replicas have no node","nodes":[` +
			`{"node":"a","here":true,"reasons":["the metadata place it here","it is leader"]},` +
			`{"node":"b","reasons":["disk is too full"]},{"node":"c","possible":true,"reasons":["it might"]}]}`,
		"POST /v1/cluster/nodes/a/drain":   `{"node":"a","state":"draining","leaders_left":2}`,
		"GET /v1/cluster/nodes/a/drain":    `{"node":"a","state":"drained","mode":"restart"}`,
		"DELETE /v1/cluster/nodes/a/drain": `{"node":"a","state":"none"}`,
	})
	code, stdout, stderr := invoke(t, "", nil, "explain", "shard", "u-0", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "a     -     has one  the metadata place it here; it is leader")
	require.Contains(t, stdout, "b     -     no       disk is too full")
	require.Contains(t, stdout, "c     -     might    it might")
	require.Contains(t, stderr, "1 of 3 replicas have no node")
	code, stdout, stderr = invoke(t, "", nil, "drain", "a", "--dry-run", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "draining")
	code, stdout, stderr = invoke(t, "", nil, "drain", "a", "--yes", "--watch", "--lease", "1m", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "drained")
	code, _, stderr = invoke(t, "", nil, "undrain", "a", "--server", server)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "node a is not drained any more")
}
