package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tally counts what happened during an outage.
type tally struct {
	mu               sync.Mutex
	written, refused int
	answered, told   int
	failed           int
	first            string
}

func (t *tally) note(what *int, detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*what++
	if detail != "" && t.first == "" {
		t.first = detail
	}
}

// outageOfMilvus stops Milvus under writes and searches, starts it again, and waits for equality.
func (s *stand) outageOfMilvus(ctx context.Context) error {
	schema := fmt.Sprintf(`{"fields": {"text": {"type": "text"}}, "dense": {"dims": %d}}`, dims)
	if err := s.must(ctx, http.MethodPut, "/v1/indexes/outage", []byte(schema), nil); err != nil {
		return err
	}
	dir := filepath.Join(s.dir, "milvus")
	if _, err := runScript(ctx, "milvus.sh", "stop", dir); err != nil {
		return err
	}
	counts := &tally{}
	load, end := context.WithTimeout(ctx, s.outage)
	defer end()
	var running sync.WaitGroup
	running.Go(func() { s.searchOn(load, counts) })
	s.writeOn(load, counts)
	running.Wait()
	answer, err := runScript(ctx, "milvus.sh", "start", dir)
	if err != nil {
		return err
	}
	for line := range strings.Lines(answer) {
		if address, ok := strings.CutPrefix(strings.TrimSpace(line), "address="); ok {
			s.door.lead(address)
		}
	}
	took, err := s.untilEqual(ctx, "outage", counts.written, time.Now())
	if err != nil {
		return err
	}
	s.told.Printf("outage of %s: %d writes, %d refused; %d searches answered, %d of them told, %d failed; "+
		"equal %.1f s after Milvus was back\n", s.outage, counts.written, counts.refused, counts.answered, counts.told,
		counts.failed, took.Seconds())
	if counts.refused+counts.failed > 0 || counts.told < counts.answered {
		return fmt.Errorf("not all went well, first: %s", counts.first)
	}
	return nil
}

// writeOn writes documents at the wanted rate until ctx ends.
func (s *stand) writeOn(ctx context.Context, counts *tally) {
	ticker := time.NewTicker(time.Second / time.Duration(s.writes))
	defer ticker.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	random := rand.New(rand.NewPCG(3, 4))
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		d := s.documents[i%len(s.documents)]
		vector := make([]float32, dims)
		for j := range vector {
			vector[j] = float32(random.NormFloat64())
		}
		body, err := json.Marshal(map[string]any{"text": d.Text, "vector": vector})
		if err != nil {
			counts.note(&counts.refused, err.Error())
			return
		}
		running.Go(func() {
			path := fmt.Sprintf("/v1/indexes/outage/documents/d%d", i)
			status, answer, err := s.call(context.WithoutCancel(ctx), http.MethodPut, path, body)
			if err != nil || status/100 != 2 {
				counts.note(&counts.refused, fmt.Sprintf("write: %v, status %d: %.200s", err, status, answer))
				return
			}
			counts.note(&counts.written, "")
		})
	}
}

// searchOn searches ten times a second; each answer has to tell that the dense leg is away.
func (s *stand) searchOn(ctx context.Context, counts *tally) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	vector := make([]float32, dims)
	vector[0] = 1
	body, err := json.Marshal(map[string]any{"query": "cell growth", "mode": "hybrid", "vector": vector})
	if err != nil {
		counts.note(&counts.failed, err.Error())
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		status, answer, err := s.call(context.WithoutCancel(ctx), http.MethodPost, "/v1/indexes/outage/search", body)
		var found struct {
			Degraded []struct{ Leg, Reason string }
		}
		if err != nil || status != http.StatusOK || json.Unmarshal(answer, &found) != nil {
			counts.note(&counts.failed, fmt.Sprintf("search: %v, status %d: %.200s", err, status, answer))
			continue
		}
		counts.note(&counts.answered, "")
		if len(found.Degraded) > 0 {
			counts.note(&counts.told, "")
		} else {
			counts.note(new(int), fmt.Sprintf("an answer told nothing: %.300s", answer))
		}
	}
}
