package gossip

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// runNode is a process that is a member until it is killed, or its parent is gone.
func runNode(id string) {
	cfg := Default()
	cfg.ID, cfg.BindAddr, cfg.Logger = id, "127.0.0.1:0", slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg.Join = func() ([]string, error) { return []string{os.Getenv("GOSSIP_TEST_JOIN")}, nil }
	g, err := Open(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = g.Close()
}

// spawn starts a process that is a member.
func spawn(t *testing.T, id, join string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GOSSIP_TEST_NODE="+id, "GOSSIP_TEST_JOIN="+join)
	_, err := cmd.StdinPipe() // ends with this process
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// TestProcesses uses the settings of production.
func TestProcesses(t *testing.T) {
	cfg := quick("watcher")
	d := Default()
	cfg.ProbeInterval, cfg.ProbeTimeout, cfg.GossipInterval = d.ProbeInterval, d.ProbeTimeout, d.GossipInterval
	g := start(t, cfg)
	killed, stopped := spawn(t, "killed", g.Addr()), spawn(t, "stopped", g.Addr())
	spawn(t, "well", g.Addr())
	for _, id := range []string{"killed", "stopped", "well"} {
		sees(t, g, id, Alive)
	}
	began := time.Now()
	require.NoError(t, killed.Process.Signal(syscall.SIGKILL))
	require.NoError(t, stopped.Process.Signal(syscall.SIGSTOP))
	sees(t, g, "killed", Dead)
	t.Logf("killed seen after %v", time.Since(began))
	sees(t, g, "stopped", Dead)
	t.Logf("stopped seen after %v", time.Since(began))
	require.Equal(t, Alive, sees(t, g, "well", Alive).Status)
	require.NoError(t, stopped.Process.Signal(syscall.SIGCONT))
	sees(t, g, "stopped", Alive)
}
