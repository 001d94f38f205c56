// Package e2e tests sagasu from outside: the built binary as real processes, over HTTP and the command
// line, beside a real embedding service.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startTimeout bounds how long a process may take to become ready, or to end.
const startTimeout = 30 * time.Second

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sagasu-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "sagasu")
	build := exec.Command("go", "build", "-o", binary, "sagasu/cmd/sagasu")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build sagasu:", err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// node is a running process of sagasu serve.
type node struct {
	t       *testing.T
	url     string
	command *exec.Cmd
	log     *bytes.Buffer
}

// freeAddress gives an address of loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// start starts a node and waits until it is ready.
func start(t *testing.T, dataDir string, args ...string) *node {
	t.Helper()
	n := launch(t, dataDir, args...)
	require.Eventually(t, func() bool { return n.answers("/health/ready") }, startTimeout, 20*time.Millisecond,
		"the node is not ready")
	return n
}

// launch starts a node and waits for nothing.
func launch(t *testing.T, dataDir string, args ...string) *node {
	t.Helper()
	addr := freeAddress(t)
	n := &node{t: t, url: "http://" + addr, log: &bytes.Buffer{}}
	if !slices.Contains(args, "--admin-key-file") {
		args = append(args, "--insecure")
	}
	args = append([]string{"serve", "--data-dir", dataDir, "--http-addr", addr, "--ops-addr", freeAddress(t)}, args...)
	n.command = exec.Command(binary, args...)
	n.command.Stderr = n.log
	require.NoError(t, n.command.Start())
	t.Cleanup(func() {
		if n.command.ProcessState == nil {
			require.NoError(t, n.command.Process.Kill())
			require.Error(t, n.command.Wait())
		}
	})
	return n
}

// answers tells whether the node answers a path with 200.
func (n *node) answers(path string) bool {
	resp, err := http.Get(n.url + path)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// kill ends the node as kill -9 does.
func (n *node) kill() {
	n.t.Helper()
	require.NoError(n.t, n.command.Process.Kill())
	require.Error(n.t, n.command.Wait())
}

// stop ends the node in order.
func (n *node) stop() {
	n.t.Helper()
	require.NoError(n.t, n.command.Process.Signal(syscall.SIGTERM))
	require.NoError(n.t, n.command.Wait(), n.log)
}

// failToStart runs a node that must end by itself, and gives its messages.
func failToStart(t *testing.T, dataDir string) string {
	t.Helper()
	code, _, messages := cli(t, "", "serve", "--data-dir", dataDir, "--http-addr", freeAddress(t),
		"--ops-addr", freeAddress(t))
	require.Equal(t, 1, code, messages)
	require.NotContains(t, messages, "panic")
	return messages
}

// cli runs a command to its end.
func cli(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*startTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, binary, args...)
	var out, messages bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &messages
	if err := command.Run(); err != nil {
		require.NotNil(t, command.ProcessState, "%v", err)
	}
	return command.ProcessState.ExitCode(), out.String(), messages.String()
}

// mustCLI runs a command that must succeed, against the node.
func (n *node) mustCLI(stdin string, args ...string) string {
	n.t.Helper()
	code, stdout, stderr := cli(n.t, stdin, append(args, "--server", n.url)...)
	require.Equal(n.t, 0, code, stderr)
	return stdout
}

// call sends a request and gives the status and the answer.
func (n *node) call(method, path, body string) (int, map[string]any) {
	n.t.Helper()
	req, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	require.NoError(n.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.t, err)
	data, err := io.ReadAll(resp.Body)
	require.NoError(n.t, err)
	require.NoError(n.t, resp.Body.Close())
	answer := map[string]any{}
	if len(data) > 0 {
		require.NoError(n.t, json.Unmarshal(data, &answer), "%s", data)
	}
	return resp.StatusCode, answer
}

// search gives the ids of the hits, best first.
func (n *node) search(index, text, mode string) []string {
	n.t.Helper()
	out := n.mustCLI("", "search", index, text, "--mode", mode, "-o", "json")
	var answer struct {
		Hits []struct {
			ID string `json:"id"`
		} `json:"hits"`
		Degraded []any `json:"degraded"`
	}
	require.NoError(n.t, json.Unmarshal([]byte(out), &answer))
	require.Empty(n.t, answer.Degraded)
	ids := []string{}
	for _, h := range answer.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}
