// Package blobtest gives tests a real S3 server, stores with faults, and what every blob.Store is held to.
package blobtest

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

	"sagasu/internal/blob"
)

// startTimeout bounds a start; the first one builds the server.
const startTimeout = 10 * time.Minute

// Server is an S3 server of its own.
type Server struct {
	// Endpoint is its URL.
	Endpoint string
	// Bucket is the directory of the bucket's objects.
	Bucket string
	dir    string
	pid    int
}

// The server's credentials and bucket, as deploy/scripts/s3.sh has them.
const (
	AccessKey  = "sagasu"
	SecretKey  = "sagasu-secret"
	BucketName = "sagasu"
)

// StartS3 starts a server, which ends with the test.
func StartS3(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{dir: tb.TempDir()}
	out, err := script("start", s.dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := script("stop", s.dir); err != nil {
			tb.Error(err)
		}
	})
	for line := range strings.Lines(out) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "endpoint="); ok {
			s.Endpoint = at
		}
	}
	s.Bucket = filepath.Join(s.dir, "buckets", BucketName)
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		tb.Fatal(err)
	}
	if s.pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil || s.pid < 2 {
		tb.Fatalf("read pid of the S3 server: %q", text)
	}
	return s
}

// Config gives what a store in the server's bucket is opened with.
func (s *Server) Config() blob.S3Config {
	cfg := blob.DefaultS3()
	cfg.Endpoint, cfg.Bucket, cfg.AccessKey, cfg.SecretKey = s.Endpoint, BucketName, AccessKey, SecretKey
	return cfg
}

// Pause stops the server, which then hangs, and gives what lets it go on.
func (s *Server) Pause(tb testing.TB) (resume func()) {
	tb.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGSTOP); err != nil {
		tb.Fatal(err)
	}
	return func() {
		if err := syscall.Kill(s.pid, syscall.SIGCONT); err != nil {
			tb.Error(err)
		}
	}
}

// script runs s3.sh and gives what it prints.
func script(args ...string) (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("find s3.sh: no caller information")
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(file), "../../../deploy/scripts/s3.sh"), args...)
	cmd.Env = append(os.Environ(), fmt.Sprint("S3_OWNER_PID=", os.Getpid()))
	// The server outlives the script, so its output must not hang on a pipe of ours.
	var stderr bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &stderr, time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("s3.sh %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
