package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"sagasu/tests/cluster"
)

const index = "operated"

// session is one run.
type session struct {
	cfg     config
	out     io.Writer
	dir     string
	cluster *cluster.Cluster
	client  *cluster.Client
	started time.Time
	book    book
	tally   tally

	mu sync.Mutex
	// copies are figures of copying, for the report; hit counts the faults by role and step.
	copies []copied
	hit    map[string]int
}

// copied is what a move copied, and how long it took.
type copied struct {
	bytes   uint64
	seconds float64
}

// begin starts a cluster and makes the index.
func begin(ctx context.Context, cfg config, out io.Writer) (*session, error) {
	dir, err := os.MkdirTemp("", "sagasu-operate-")
	if err != nil {
		return nil, err
	}
	s := &session{cfg: cfg, out: out, dir: dir, started: time.Now(), hit: map[string]int{}}
	if s.cfg.binary == "" {
		s.say("building")
		if s.cfg.binary, err = cluster.Build(ctx, dir); err != nil {
			return nil, err
		}
	}
	if err := os.Setenv("SAGASU_TEST_SNAPSHOT_EVERY", "200"); err != nil {
		return nil, err
	}
	c := cluster.Default()
	c.Binary, c.Dir, c.Coordinators, c.Shards, c.Gateways = s.cfg.binary, dir, 3, cfg.nodes, 1
	if s.cluster, err = cluster.Start(ctx, c); err != nil {
		return nil, err
	}
	s.client = s.cluster.Client()
	s.book.documents = map[string]uint64{}
	if err := s.cluster.WaitGreen(ctx, s.url(), time.Minute); err != nil {
		return nil, errors.Join(err, s.cluster.Close())
	}
	// The machine's disk is not what is tested.
	free := map[string]string{"disk_low_percent": "100", "disk_high_percent": "100"}
	if err := s.ask(ctx, http.MethodPut, "/v1/cluster/settings", free, http.StatusOK, nil); err != nil {
		return nil, errors.Join(err, s.cluster.Close())
	}
	const schema = `{"fields":{"text":{"type":"text","analyzer":"english"},"word":{"type":"keyword"}}}`
	if err := s.client.CreateIndex(ctx, s.url(), index, schema, cfg.shards, cfg.replicas); err != nil {
		return nil, errors.Join(err, s.cluster.Close())
	}
	return s, nil
}

// end takes the cluster away, and its files unless the run failed.
func (s *session) end(failed error) error {
	err := errors.Join(failed, s.cluster.Close())
	if err != nil {
		s.say("data and logs are kept in %s", s.dir)
		return err
	}
	return os.RemoveAll(s.dir)
}

func (s *session) url() string { return s.cluster.Node("g1").URL() }

func (s *session) say(format string, args ...any) {
	//nolint:errcheck // whoever reads it is gone
	fmt.Fprintf(s.out, "%7.1fs  %s\n", time.Since(s.started).Seconds(), fmt.Sprintf(format, args...))
}

// ask calls the gateway and decodes its answer, which must have the status.
func (s *session) ask(ctx context.Context, method, path string, body any, status int, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		data = nil
	}
	got, answer, err := s.client.Do(ctx, method, s.url()+path, data)
	if err != nil {
		return err
	}
	if got != status {
		return fmt.Errorf("%s %s: status %d: %.400s", method, path, got, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

func (s *session) get(ctx context.Context, path string, into any) error {
	return s.ask(ctx, http.MethodGet, path, nil, http.StatusOK, into)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until looks again and again until is says so, or gives an error, or limit is over.
func until(ctx context.Context, limit, every time.Duration, what string, is func(ctx context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		ok, err := is(ctx)
		if ok || errors.Is(err, errGivenUp) {
			return err
		}
		if err != nil {
			last = err
		}
		if err := pause(ctx, every); err != nil {
			return fmt.Errorf("wait %s until %s: %w: %w", limit, what, err, last)
		}
	}
}

// errGivenUp ends a wait.
var errGivenUp = errors.New("given up")
