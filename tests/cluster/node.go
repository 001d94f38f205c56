package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Node is one process of sagasu serve, and its data directory, addresses and log over several of them.
type Node struct {
	cluster *Cluster
	spec    Spec
	log     string

	mu      sync.Mutex
	at      addresses
	process *process
}

// process is one life of a node.
type process struct {
	command *exec.Cmd
	// ended is closed when the process is gone, with err what Wait said.
	ended chan struct{}
	err   error
}

// ID gives the node's name.
func (n *Node) ID() string { return n.spec.ID }

// Roles gives what it does, as serve's --role takes it.
func (n *Node) Roles() string { return n.spec.Roles }

// DataDir gives its data directory.
func (n *Node) DataDir() string { return n.spec.DataDir }

// Log gives the file with everything it has said, of all its lives.
func (n *Node) Log() string { return n.log }

// URL gives where it serves the API now.
func (n *Node) URL() string { return "http://" + n.place().http }

func (n *Node) place() addresses {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at
}

// Running reports whether it has a process, paused or not.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process != nil && n.process.alive()
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Args gives the command line that the node is started with.
func (n *Node) Args() []string {
	join, at := n.cluster.join(), n.place()
	args := []string{
		"serve", "--data-dir", n.spec.DataDir, "--node-id", n.spec.ID, "--role", n.spec.Roles,
		"--http-addr", at.http, "--ops-addr", at.ops, "--rpc-addr", at.rpc, "--gossip-addr", at.gossip, "--join", join,
	}
	if strings.Contains(n.spec.Roles, "coordinator") {
		args = append(args, "--coordinators", strconv.Itoa(n.cluster.cfg.Coordinators))
	}
	if at.advertise != "" {
		args = append(args, "--advertise-host", at.advertise)
	}
	if !slices.Contains(n.cluster.cfg.Args, "--key-pepper-file") {
		args = append(args, "--insecure")
	}
	return slices.Concat(args, n.cluster.cfg.Args, n.spec.Args)
}

// Start starts the node's process, at the addresses it has; WaitReady says when it serves.
func (n *Node) Start() error {
	args := slices.Concat(n.cluster.network.command(n.spec.ID), []string{n.cluster.cfg.Binary}, n.Args())
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil && n.process.alive() {
		return fmt.Errorf("start %s: %w", n.spec.ID, ErrRunning)
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.spec.ID, err)
	}
	command := exec.Command(args[0], args[1:]...)
	command.Stdout, command.Stderr = log, log
	p := &process{command: command, ended: make(chan struct{})}
	// The process has a descriptor of its own.
	if err := errors.Join(n.cluster.launcher.start(command), log.Close()); err != nil {
		return fmt.Errorf("start %s: %w", n.spec.ID, err)
	}
	go func() {
		p.err = command.Wait()
		close(p.ended)
	}()
	n.process = p
	n.cluster.network.started(n.spec.ID, command.Process.Pid)
	return nil
}

// WaitReady returns when the node says that it is ready: ErrEnded if its process is gone before, ErrNotReady if it
// takes longer than the cluster's ReadyTimeout.
func (n *Node) WaitReady(ctx context.Context) error {
	n.mu.Lock()
	p := n.process
	n.mu.Unlock()
	if p == nil {
		return fmt.Errorf("wait for %s: %w", n.spec.ID, ErrNotRunning)
	}
	ctx, cancel := context.WithTimeout(ctx, n.cluster.cfg.ReadyTimeout)
	defer cancel()
	said := "nothing"
	err := look(ctx, func(ctx context.Context) bool {
		status, body, err := n.cluster.client.Do(ctx, http.MethodGet, n.URL()+"/health/ready", nil)
		said = fmt.Sprintf("%d %.300s %v", status, body, err)
		return err == nil && status == http.StatusOK || !p.alive()
	})
	if !p.alive() {
		return fmt.Errorf("wait for %s: %w: %w; its log %s ends with: %s", n.spec.ID, ErrEnded, p.err, n.log, tail(n.log))
	}
	if err != nil {
		return fmt.Errorf("wait for %s: %w; it said %s; its log is %s", n.spec.ID, err, said, n.log)
	}
	return nil
}

// WaitEnd returns when the node's process has ended, with its exit code and the end of its log.
func (n *Node) WaitEnd(ctx context.Context) (code int, log string, err error) {
	n.mu.Lock()
	p := n.process
	n.mu.Unlock()
	if p == nil {
		return 0, "", fmt.Errorf("wait for the end of %s: %w", n.spec.ID, ErrNotRunning)
	}
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode(), tail(n.log), nil
	case <-ctx.Done():
		return 0, tail(n.log), fmt.Errorf("wait for the end of %s: %w", n.spec.ID, ctx.Err())
	}
}

// Kill ends the process at once, as kill -9 does, paused or not. The node's own signals are for its pid alone.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL, closeTimeout) }

// Stop ends the process in order, and kills it if that takes longer than limit.
func (n *Node) Stop(limit time.Duration) error {
	err := n.end(syscall.SIGTERM, limit)
	if errors.Is(err, ErrNotReady) {
		return errors.Join(err, n.Kill())
	}
	return err
}

func (n *Node) end(signal syscall.Signal, limit time.Duration) error {
	p, err := n.signal(signal)
	if err != nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("end %s by %s: %w: it runs after %s; its log is %s", n.spec.ID, signal, ErrNotReady, limit, n.log)
	}
}

// Pause stops the process without its knowing, Resume lets it go on.
func (n *Node) Pause() error {
	_, err := n.signal(syscall.SIGSTOP)
	return err
}

// Resume undoes Pause.
func (n *Node) Resume() error {
	_, err := n.signal(syscall.SIGCONT)
	return err
}

func (n *Node) signal(signal syscall.Signal) (*process, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil || !n.process.alive() {
		return nil, fmt.Errorf("send %s to %s: %w", signal, n.spec.ID, ErrNotRunning)
	}
	if err := n.process.command.Process.Signal(signal); err != nil {
		return nil, fmt.Errorf("send %s to %s: %w", signal, n.spec.ID, err)
	}
	return n.process, nil
}

// Isolate cuts the node off from all others and from us, until Heal. It returns ErrNoPartitions on a network that
// was started without.
func (n *Node) Isolate() error { return n.cluster.network.isolate(n.spec.ID) }

// Heal undoes Isolate.
func (n *Node) Heal() error { return n.cluster.network.heal(n.spec.ID) }

// Move gives the node addresses that it never had; it must not run.
func (n *Node) Move() error {
	if n.Running() {
		return fmt.Errorf("move %s: %w", n.spec.ID, ErrRunning)
	}
	at, err := n.cluster.network.place(n.spec.ID)
	if err != nil {
		return fmt.Errorf("move %s: %w", n.spec.ID, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at = at
	return nil
}
