// Package milvustest gives tests a real Milvus server, started by deploy/scripts/milvus.sh.
//
// A test package that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(milvustest.Main(m)) }
//
// and its tests call Start: the first call starts the server, Main stops it at the end.
package milvustest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTimeout bounds the first start, which may install the server.
const startTimeout = 5 * time.Minute

// Server is a running server.
type Server struct {
	// Address is "host:port" of the gRPC port; a restarted server has another.
	Address string
	dir     string
	script  string
	env     []string
}

// shared is the process's server.
var shared struct {
	mu     sync.Mutex
	server *Server
	err    error
}

// Main runs the tests and then stops the server, if one was started. It returns the exit code.
func Main(m *testing.M) int {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		if err := shared.server.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return max(code, 1)
		}
	}
	return code
}

// Start gives the address of the process's server, starting it if need be. TestMain must call Main.
func Start(tb testing.TB) string {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = New("")
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server.Address
}

// New starts a server of its own, with its data in dir or, if that is empty, in a temporary directory.
// The caller stops it with Remove. Variables of env, "NAME=value", change its configuration: NAME is a key of
// milvus.yaml in capitals, with underscores for dots.
func New(dir string, env ...string) (*Server, error) {
	script, err := scriptPath()
	if err != nil {
		return nil, err
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "sagasu-milvus-*"); err != nil {
			return nil, fmt.Errorf("make directory for Milvus: %w", err)
		}
	}
	s := &Server{dir: dir, script: script, env: env}
	return s, s.Start()
}

// Start starts the server again after Stop, on the same data.
func (s *Server) Start() error {
	out, err := s.run("start", s.dir)
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "address="); ok {
			s.Address = address
			return nil
		}
	}
	return fmt.Errorf("start Milvus: no address in %q", out)
}

// Stop ends the server; its data stays.
func (s *Server) Stop() error {
	_, err := s.run("stop", s.dir)
	return err
}

// Remove ends the server and removes its data.
func (s *Server) Remove() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.dir))
}

func (s *Server) run(args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.script, args...)
	cmd.Env = append(os.Environ(), s.env...)
	// The server outlives the script, so its output must not hang on a pipe of ours.
	var stderr bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &stderr, time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("milvus.sh %s: %w: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

// scriptPath finds the script from this file's place in the repository.
func scriptPath() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("find milvus.sh: no caller information")
	}
	path := filepath.Join(filepath.Dir(file), "../../../../deploy/scripts/milvus.sh")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find milvus.sh: %w", err)
	}
	return path, nil
}
