package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/vfs/vfstest"
)

// copyState is how the only copy of the only shard of an index is, and why.
func (n *node) copyState(index string) (state, why string) {
	n.t.Helper()
	_, answer := n.call("GET", "/v1/cluster/shards?index="+index, "")
	shards, _ := answer["shards"].([]any)
	if len(shards) == 0 {
		return "none", ""
	}
	only := shards[0].(map[string]any)["replicas"].([]any)[0].(map[string]any)
	why, _ = only["error"].(string)
	return only["state"].(string), why
}

// awaitState waits until a copy is as wanted, and gives why.
func (n *node) awaitState(index, want string) (why string) {
	n.t.Helper()
	state := ""
	require.Eventually(n.t, func() bool {
		state, why = n.copyState(index)
		return state == want
	}, startTimeout, 20*time.Millisecond, "the copy is not %s", want)
	return why
}

// awaitFailure waits until a copy is failed for a reason; before it was opened for the first time it has another one.
func (n *node) awaitFailure(index, reason string) {
	n.t.Helper()
	state, why := "", ""
	require.Eventually(n.t, func() bool {
		state, why = n.copyState(index)
		return state == "failed" && strings.Contains(why, reason)
	}, startTimeout, 20*time.Millisecond, "the copy has not failed by %s", reason)
}

// A node of a cluster has the only copy of a shard, and a bit of it flips: while it serves, and while it is away.
func TestDamagedCopy(t *testing.T) {
	dir := t.TempDir()
	args := []string{
		"--rpc-addr", freeAddress(t), "--gossip-addr", freeAddress(t), "--scrub-every", "100ms", "--scrub-rate", "1000",
	}
	n := start(t, dir, args...)
	n.mustCLI(textSchema, "index", "create", "papers", "--schema", "-")
	n.mustCLI(longLines(), "bulk", "-", "--index", "papers")
	n.stop()
	n = start(t, dir, args...)
	segments, err := filepath.Glob(filepath.Join(dir, "indexes", "*", "sparse", "*.seg"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	said := segments[0] + ": corrupt segment: checksum of "
	found := func(n *node) string { return n.mustCLI("", "search", "papers", "number2499", "-o", "json") }

	n.awaitState("papers", "leader")
	require.Contains(t, found(n), `"d2499"`)
	vfstest.Flip(t, segments[0])
	n.awaitFailure("papers", said)
	require.FileExists(t, segments[0])
	status, answer := n.call("POST", "/v1/indexes/papers/search", `{"query":"number2499"}`)
	t.Log(status, answer)
	require.Equal(t, 503, status, "%v", answer)
	vfstest.Flip(t, segments[0])
	n.awaitState("papers", "leader")
	require.Contains(t, found(n), `"d2499"`, "it opens by itself once the file is as it was")
	n.stop()
	require.Contains(t, n.log.String(), said)

	vfstest.Flip(t, segments[0])
	rotten, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	n = launch(t, dir, args...)
	require.Eventually(t, func() bool { return n.answers("/v1/cluster/shards") }, startTimeout, 20*time.Millisecond)
	n.awaitFailure("papers", said)
	require.False(t, n.answers("/health/ready"))
	n.stop()
	log := n.log.String()
	require.Contains(t, log, said)
	require.NotContains(t, log, "panic")
	kept, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	require.Equal(t, rotten, kept)

	vfstest.Flip(t, segments[0])
	n = start(t, dir, args...)
	n.awaitState("papers", "leader")
	require.Contains(t, found(n), `"d2499"`)
	n.stop()
}
