package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sagasu/tests/cluster"
)

// index is the one that is tortured.
const index = "torture"

const schema = `{"fields":{"text":{"type":"text"},"owner":{"type":"keyword"},"serial":{"type":"int"}}}`

// session is one run: a cluster, what was done to it, and what must be so.
type session struct {
	cfg      config
	cluster  *cluster.Cluster
	client   *cluster.Client
	keys     *book
	hot      *hot
	tally    *tally
	progress *log.Logger
	started  time.Time
	// faults tells which node suffers now.
	faults *suffering
	// gateway is the one that the load goes to first, in the list of gateways.
	gateways []*cluster.Node
	gateway  atomic.Int64
	corpus   corpus
	rots     rots
	serial   atomic.Int64

	mu     sync.Mutex
	random *rand.Rand // of the load
}

func newSession(cfg config, c *cluster.Cluster, t *tally, progress *log.Logger) *session {
	s := &session{
		cfg: cfg, cluster: c, client: c.Client(), keys: newBook(), tally: t, progress: progress, started: time.Now(),
		faults: &suffering{}, random: rand.New(rand.NewPCG(cfg.seed, 1)),
	}
	s.hot = newHot(s)
	for _, n := range c.Nodes() {
		if n.Roles() == "gateway" {
			s.gateways = append(s.gateways, n)
		}
	}
	t.now = func() (time.Duration, string) { return time.Since(s.started), s.faults.String() }
	return s
}

// say tells of progress, with the time.
func (s *session) say(format string, args ...any) {
	s.progress.Printf("%7.1fs  %s", time.Since(s.started).Seconds(), fmt.Sprintf(format, args...))
}

// prepare makes the index and the documents that nobody changes.
func (s *session) prepare(ctx context.Context) error {
	url := s.gateways[0].URL()
	if err := s.cluster.WaitGreen(ctx, url, greenTimeout); err != nil {
		return err
	}
	if err := s.client.CreateIndex(ctx, url, index, schema, s.cfg.indexShards, s.cfg.replicas); err != nil {
		return err
	}
	for i := range anchors {
		id := fmt.Sprintf("anchor%d", i)
		k := s.keys.add(id)
		answer := s.write(ctx, k, kindIndex)
		k.unlock()
		if answer.outcome != acknowledged {
			return fmt.Errorf("write %s: %s", id, answer.detail)
		}
	}
	s.keys.anchor()
	if s.cfg.rots() {
		if err := s.makeCorpus(ctx); err != nil {
			return err
		}
	}
	s.say("the cluster is green and has an index of %d shards with %d copies", s.cfg.indexShards, s.cfg.replicas)
	return s.cluster.WaitGreen(ctx, url, greenTimeout)
}

// intn gives a random number below n.
func (s *session) intn(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

// ask sends a request that changes nothing to the gateway in use, and to another one if that gives no answer and there
// is one. It tells which answered.
func (s *session) ask(ctx context.Context, method, path string, body []byte) (
	gateway, status int, answer []byte, err error,
) {
	limit := searchTimeout / time.Duration(len(s.gateways))
	for range s.gateways {
		gateway = s.inUse()
		once, cancel := context.WithTimeout(ctx, limit)
		status, answer, err = s.client.Do(once, method, s.gateways[gateway].URL()+path, body)
		cancel()
		if err == nil || ctx.Err() != nil {
			return gateway, status, answer, err
		}
		s.avoid(gateway)
	}
	return gateway, status, answer, err
}

// inUse gives the gateway that requests go to, avoid sends further ones to the next.
func (s *session) inUse() int { return int(s.gateway.Load()) }

func (s *session) avoid(gateway int) {
	s.gateway.CompareAndSwap(int64(gateway), int64((gateway+1)%len(s.gateways)))
}

// read gets a document by a linearizable read.
func (s *session) read(ctx context.Context, id string) (seen, error) {
	_, status, body, err := s.ask(ctx, http.MethodGet, cluster.DocumentURL("", index, id), nil)
	if err != nil {
		return seen{}, err
	}
	if status == http.StatusNotFound {
		return seen{}, nil
	}
	if status != http.StatusOK {
		return seen{}, fmt.Errorf("status %d: %.300s", status, body)
	}
	var document struct {
		Version uint64 `json:"version"`
		Source  source `json:"source"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return seen{}, fmt.Errorf("decode document %s: %w", id, err)
	}
	return seen{exists: true, version: document.Version, serial: document.Source.Serial}, nil
}

// source is what documents hold.
type source struct {
	Text   string `json:"text"`
	Owner  string `json:"owner"`
	Serial int64  `json:"serial"`
}
