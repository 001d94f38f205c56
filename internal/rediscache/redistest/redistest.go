// Package redistest gives tests a real Redis server, installed and started by deploy/scripts/redis.sh on a free port
// of the loopback interface.
package redistest

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"sagasu/internal/scripttest"
)

// script starts the servers; the first start may install it.
var script = scripttest.Script{Name: "redis.sh", Owner: "REDIS_OWNER_PID", Timeout: 3 * time.Minute}

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
		if _, err := script.Run("stop", s.dir); err != nil {
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
	_, err := script.Run("stop", s.dir)
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
	started, err := script.Start(s.dir, append([]string{"start", s.dir, port}, s.options...)...)
	if err != nil {
		return err
	}
	s.Address, s.pid = started.Value("address"), started.PID
	return nil
}
