package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sagasu/api"
	"sagasu/tests/cluster"
)

// book has what was acknowledged: the version of each document.
type book struct {
	mu        sync.Mutex
	documents map[string]uint64
	// unknown are writes without an answer, which may have been done.
	unknown map[string]string
	next    atomic.Int64
}

// tally has what became of the load, by phase.
type tally struct {
	mu       sync.Mutex
	name     string
	phases   []*phase
	failures []string
}

// phase is a part of the run.
type phase struct {
	name              string
	began             time.Time
	lasted            time.Duration
	searches, writes  []time.Duration
	failed, unwritten int
}

// phase begins one, or ends the last with "".
func (s *session) phase(name string) {
	t := &s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.name == name {
		return
	}
	if p := t.present(); p != nil {
		p.lasted += time.Since(p.began)
	}
	t.name = name
	if name == "" {
		return
	}
	if p := t.present(); p != nil {
		p.began = time.Now()
		return
	}
	t.phases = append(t.phases, &phase{name: name, began: time.Now()})
}

// present is the phase that runs; nil for none. mu is held.
func (t *tally) present() *phase {
	at := slices.IndexFunc(t.phases, func(p *phase) bool { return p.name == t.name })
	if at < 0 {
		return nil
	}
	return t.phases[at]
}

func (t *tally) searched(took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.present()
	if p == nil {
		return
	}
	p.searches = append(p.searches, took)
	if err != nil {
		p.failed++
		t.failures = append(t.failures, fmt.Sprintf("%s, in %s: %v", time.Now().Format("15:04:05.000"), p.name, err))
	}
}

func (t *tally) wrote(took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.present()
	if p == nil {
		return
	}
	p.writes = append(p.writes, took)
	if err != nil {
		p.unwritten++
		t.failures = append(t.failures, fmt.Sprintf("%s, in %s, a write: %v", time.Now().Format("15:04:05.000"), p.name, err))
	}
}

// fill writes the documents that are there at first, as lines.
func (s *session) fill(ctx context.Context) error {
	for n := 0; n < s.cfg.documents; n += 500 {
		var lines bytes.Buffer
		for range min(500, s.cfg.documents-n) {
			id, body := s.document()
			lines.WriteString(`{"id":"` + id + `",` + string(body[1:]) + "\n")
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url()+"/v1/indexes/"+index+"/documents", &lines)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		decoder := json.NewDecoder(resp.Body)
		for decoder.More() {
			var r api.WriteResult
			if err := decoder.Decode(&r); err != nil {
				return fmt.Errorf("read results: %w", err)
			}
			if r.Status == api.StatusCreated {
				s.book.acknowledge(r.ID, r.Version)
			}
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
	}
	if len(s.book.documents) != s.cfg.documents {
		return fmt.Errorf("%d of %d documents were written", len(s.book.documents), s.cfg.documents)
	}
	s.say("%d documents written", s.cfg.documents)
	return nil
}

func (b *book) acknowledge(id string, version uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.documents[id] = version
}

// document gives a new one: its own word, and a text of words that many have.
func (s *session) document() (id string, body []byte) {
	n := s.book.next.Add(1)
	id = "d" + strconv.FormatInt(n, 10)
	text := make([]byte, 0, 600)
	for i := range 60 {
		text = fmt.Appendf(text, "word%d ", (n*31+int64(i*i)*17)%997)
	}
	return id, fmt.Appendf(nil, `{"text":"%s unique%d","word":"w%d"}`, text, n, n%50)
}

// load searches and writes at the rates of the run until ctx ends; what is due while much is under way waits its turn.
func (s *session) load(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { s.every(ctx, s.cfg.searches, 64, s.search) })
	running.Go(func() { s.every(ctx, s.cfg.writes, 64, s.write) })
	running.Wait()
}

// every calls do so often a second, at most so many at once.
func (s *session) every(ctx context.Context, rate, most int, do func(ctx context.Context, due time.Time)) {
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, most)
	gap := time.Second / time.Duration(rate)
	ticker := time.NewTicker(gap)
	defer ticker.Stop()
	for {
		select {
		case due := <-ticker.C:
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				defer func() { <-places }()
				do(ctx, due)
			})
		case <-ctx.Done():
			return
		}
	}
}

// search asks for a document that is known to be there, or for words that many have; a failure is anything but an
// answer that lacks nothing.
func (s *session) search(ctx context.Context, due time.Time) {
	n := s.book.next.Load()
	unique := n%2 == 0
	of := int64(1 + time.Now().UnixNano()%int64(max(s.cfg.documents, 1)))
	query := fmt.Sprintf(`{"query":"word%d word%d","size":10}`, due.UnixNano()%997, due.UnixNano()/7%997)
	if unique {
		query = fmt.Sprintf(`{"query":"unique%d","size":3}`, of)
	}
	began := time.Now()
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	status, data, err := s.client.Do(call, http.MethodPost, s.url()+"/v1/indexes/"+index+"/search", []byte(query))
	took := time.Since(began)
	var answer struct {
		Hits     []struct{ ID string }
		Degraded []api.Degraded
	}
	switch {
	case err != nil:
	case status != http.StatusOK:
		err = fmt.Errorf("status %d: %.300s", status, data)
	default:
		if err = json.Unmarshal(data, &answer); err == nil && len(answer.Degraded) > 0 {
			err = fmt.Errorf("degraded: %+v", answer.Degraded)
		}
		if err == nil && unique && (len(answer.Hits) != 1 || answer.Hits[0].ID != fmt.Sprintf("d%d", of)) {
			err = fmt.Errorf("%s found %+v", query, answer.Hits)
		}
	}
	s.tally.searched(took, err)
}

// write writes a new document once.
func (s *session) write(ctx context.Context, _ time.Time) {
	id, body := s.document()
	began := time.Now()
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	status, data, err := s.client.Do(call, http.MethodPut, cluster.DocumentURL(s.url(), index, id), body)
	took := time.Since(began)
	var r api.WriteResult
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("status %d: %.300s", status, data)
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil {
		s.book.acknowledge(id, r.Version)
	} else {
		s.book.doubt(id, err)
	}
	s.tally.wrote(took, err)
}

func (b *book) doubt(id string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unknown == nil {
		b.unknown = map[string]string{}
	}
	b.unknown[id] = err.Error()
}
