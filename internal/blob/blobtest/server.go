// Package blobtest gives tests a real S3 server, stores with faults, and what every blob.Store is held to.
package blobtest

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sagasu/internal/blob"
	"sagasu/internal/scripttest"
)

// script starts the servers; the first start builds it.
var script = scripttest.Script{Name: "s3.sh", Owner: "S3_OWNER_PID", Timeout: 10 * time.Minute}

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
	started, err := script.Start(s.dir, "start", s.dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := script.Run("stop", s.dir); err != nil {
			tb.Error(err)
		}
	})
	s.Endpoint, s.pid = started.Value("endpoint"), started.PID
	s.Bucket = filepath.Join(s.dir, "buckets", BucketName)
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
