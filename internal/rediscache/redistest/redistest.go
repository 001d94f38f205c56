// Package redistest gives tests a real Redis server, installed and started by deploy/scripts/redis.sh on a free port
// of the loopback interface.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds a start; the first one may install the server.
const startTimeout = 3 * time.Minute

// Server is a Redis server of its own.
type Server struct {
	// Address is "host:port"; it stays the same when the server is started again.
	Address string
	dir     string
	options []string
	pid     int
}

// Start starts a server, which ends with the test. options are those of redis-server, such as "--maxmemory", "2mb".
func Start(tb testing.TB, options ...string) *Server {
	tb.Helper()
	s := &Server{dir: tb.TempDir(), options: options}
	if err := s.start("0"); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := script("stop", s.dir); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Restart starts the server again, empty, on the same port, after Kill. Other options take the place of the first
// ones if any are given.
func (s *Server) Restart(options ...string) error {
	if len(options) > 0 {
		s.options = options
	}
	_, port, _ := strings.Cut(s.Address, ":")
	return s.start(port)
}

// Kill ends the server by SIGKILL and waits until it is gone.
func (s *Server) Kill() error {
	if err := syscall.Kill(s.pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill redis-server %d: %w", s.pid, err)
	}
	_, err := script("stop", s.dir)
	return err
}

// Freeze stops the process by SIGSTOP: connections stay, and nothing answers.
func (s *Server) Freeze() error { return s.signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) error {
	if err := syscall.Kill(s.pid, signal); err != nil {
		return fmt.Errorf("signal redis-server %d: %w", s.pid, err)
	}
	return nil
}

func (s *Server) start(port string) error {
	out, err := script(append([]string{"start", s.dir, port}, s.options...)...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "address="); ok {
			s.Address = address
		}
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		return fmt.Errorf("read pid of redis-server: %w", err)
	}
	if s.pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil || s.pid < 2 {
		return fmt.Errorf("read pid of redis-server: %q", text)
	}
	return nil
}

// script runs redis.sh and gives what it prints.
func script(args ...string) (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("find redis.sh: no caller information")
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(file), "../../../deploy/scripts/redis.sh"), args...)
	cmd.Env = append(os.Environ(), fmt.Sprint("REDIS_OWNER_PID=", os.Getpid()))
	// The server outlives the script, so its output must not hang on a pipe of ours.
	var stderr bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &stderr, time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("redis.sh %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
