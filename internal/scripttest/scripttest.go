// Package scripttest runs the scripts of deploy/scripts that start real servers, for the packages that give these to
// tests.
package scripttest

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
	"time"
)

// Script is one of deploy/scripts.
type Script struct {
	// Name is the file's.
	Name string
	// Owner is the variable that tells the script with which process the server is to end.
	Owner string
	// Timeout bounds a run; the first one may install or build the server.
	Timeout time.Duration
}

// Run runs the script and gives what it prints. Errors have what it says on standard error.
func (s Script) Run(args ...string) (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("find " + s.Name + ": no caller information")
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(file), "../../deploy/scripts", s.Name), args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", s.Owner, os.Getpid()))
	// The server outlives the script, so its output must not hang on a pipe of ours.
	var stderr bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &stderr, time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", s.Name, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// Started is what a script says of the server it has started.
type Started struct {
	// PID is the server's process.
	PID    int
	output string
}

// Start runs the script to start a server of a directory.
func (s Script) Start(dir string, args ...string) (Started, error) {
	out, err := s.Run(args...)
	if err != nil {
		return Started{}, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return Started{}, fmt.Errorf("%s: read pid of the server: %w", s.Name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 2 {
		return Started{}, fmt.Errorf("%s: read pid of the server: %q", s.Name, text)
	}
	return Started{PID: pid, output: out}, nil
}

// Value gives what was printed behind "key=", "" if nothing was.
func (s Started) Value(key string) string {
	for line := range strings.Lines(s.output) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return value
		}
	}
	return ""
}
