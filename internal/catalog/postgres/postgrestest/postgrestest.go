// Package postgrestest gives tests a real PostgreSQL server, installed and started by deploy/scripts/postgres.sh on a
// free port of the loopback interface.
package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sagasu/internal/scripttest"
)

// script starts the servers; the first start may install it.
var script = scripttest.Script{Name: "postgres.sh", Owner: "POSTGRES_OWNER_PID", Timeout: 5 * time.Minute}

// Server is a PostgreSQL server of its own.
type Server struct {
	// Address is "host:port"; it stays the same when the server is started again.
	Address string
	// Dir holds the data, in "data", and the log, "server.log".
	Dir     string
	options []string
	pid     int
}

// Start starts a server, which ends with the test. options are lines of postgresql.conf, such as "max_connections=5".
func Start(tb testing.TB, options ...string) *Server {
	tb.Helper()
	return begin(tb, options, "start")
}

// Standby starts a server that follows this one, and ends with the test.
func (s *Server) Standby(tb testing.TB, options ...string) *Server {
	tb.Helper()
	return begin(tb, options, "standby", s.Dir)
}

func begin(tb testing.TB, options []string, command ...string) *Server {
	tb.Helper()
	// Not the test's own directory: the server's user can't get there.
	dir, err := os.MkdirTemp("", "sagasu-postgres") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Dir: dir, options: options}
	tb.Cleanup(func() {
		if _, err := script.Run("stop", dir); err != nil {
			tb.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	if err := s.run("0", command...); err != nil {
		tb.Fatal(err)
	}
	return s
}

// Database makes an empty database and gives its connection string.
func (s *Server) Database(tb testing.TB, name string) string {
	tb.Helper()
	s.SQL(tb, "postgres", "CREATE DATABASE "+name)
	return s.DSN(name)
}

// DSN gives the connection string of a database.
func (s *Server) DSN(database string) string {
	return "postgres://sagasu:sagasu@" + s.Address + "/" + database + "?sslmode=disable"
}

// SQL runs statements, each in a transaction of its own, as the superuser, and gives what they print: columns parted
// by "|", without headings.
func (s *Server) SQL(tb testing.TB, database string, statements ...string) string {
	tb.Helper()
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", s.DSN(database)}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	out, err := exec.Command("psql", args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("psql: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// Kill ends the server by SIGKILL and waits until it is gone.
func (s *Server) Kill() error {
	if err := s.signal(syscall.SIGKILL); err != nil {
		return err
	}
	return s.Stop()
}

// Stop ends the server without waiting for its clients; its data stays.
func (s *Server) Stop() error {
	_, err := script.Run("stop", s.Dir)
	return err
}

// Restart starts the server again on the same port, after Kill or Stop. Other options take the place of the first ones
// if any are given.
func (s *Server) Restart(options ...string) error {
	if len(options) > 0 {
		s.options = options
	}
	_, port, _ := strings.Cut(s.Address, ":")
	return s.run(port, "start")
}

// Promote makes a standby take writes.
func (s *Server) Promote() error {
	_, err := script.Run("promote", s.Dir)
	return err
}

// signal sends a signal to the parent of the server's processes.
func (s *Server) signal(signal syscall.Signal) error {
	if err := syscall.Kill(s.pid, signal); err != nil {
		return fmt.Errorf("signal postgres %d: %w", s.pid, err)
	}
	return nil
}

func (s *Server) run(port string, command ...string) error {
	started, err := script.Start(s.Dir, append(append(command, s.Dir, port), s.options...)...)
	if err != nil {
		return err
	}
	s.Address, s.pid = started.Value("address"), started.PID
	return nil
}
