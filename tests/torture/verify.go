package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"sagasu/api"
)

// verify reads every key, compares the replicas, and looks for documents that nobody wrote. Nothing is written any
// more.
func (s *session) verify(ctx context.Context) error {
	url := s.gateways[s.inUse()].URL()
	if err := s.cluster.WaitGreen(ctx, url, greenTimeout); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	s.say("reading %d keys", len(s.keys.all()))
	there, err := s.readAll(ctx)
	if err != nil {
		return err
	}
	s.say("comparing replicas")
	if err := s.compareReplicas(ctx, there); err != nil {
		return err
	}
	if s.cfg.rots() {
		s.say("comparing the answers of every copy")
		if err := s.compareAnswers(ctx); err != nil {
			return err
		}
		s.say("%s", strings.TrimSpace(s.rots.String()))
	}
	s.say("scanning for documents that nobody wrote")
	if err := s.scan(ctx); err != nil {
		return err
	}
	operations, errs := s.hot.judge()
	s.tally.judged(operations)
	return errors.Join(errs...)
}

// readAll reads every key and gives how many documents there must be, hot ones included.
func (s *session) readAll(ctx context.Context) (int, error) {
	todo := make(chan *key)
	var running sync.WaitGroup
	var mu sync.Mutex
	there, unread := 0, 0
	for range verifiers {
		running.Go(func() {
			for k := range todo {
				// Nobody else has it any more.
				ok := k.lock() && s.readKey(ctx, k)
				mu.Lock()
				if !ok {
					unread++
				} else if k.present().exists {
					there++
				}
				mu.Unlock()
			}
		})
	}
	for _, k := range s.keys.all() {
		todo <- k
	}
	close(todo)
	running.Wait()
	if unread > 0 {
		return 0, fmt.Errorf("%d keys could not be read at the end", unread)
	}
	for i := range hotKeys {
		got, err := s.read(ctx, fmt.Sprintf("hot%d", i))
		if err != nil {
			return 0, fmt.Errorf("read hot key: %w", err)
		}
		if got.exists {
			there++
		}
	}
	return there, nil
}

// compareReplicas waits until all copies of each shard hold as much as each other, and all shards what they must.
func (s *session) compareReplicas(ctx context.Context, want int) error {
	deadline := time.Now().Add(settleTimeout)
	for {
		shards, err := s.client.Shards(ctx, s.gateways[s.inUse()].URL(), index)
		if err == nil {
			err = alike(shards, s.cfg.replicas, want)
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || !pause(ctx, time.Second/2) {
			return fmt.Errorf("compare replicas for %s: %w", settleTimeout, err)
		}
	}
}

// alike gives what differs between replicas, or from how many documents there must be.
func alike(shards []api.ShardStatus, replicas, want int) error {
	total := 0
	for _, shard := range shards {
		if len(shard.Replicas) != replicas {
			return fmt.Errorf("shard %d has %d replicas instead of %d", shard.Ordinal, len(shard.Replicas), replicas)
		}
		for _, r := range shard.Replicas {
			if first := shard.Replicas[0]; r.Documents != first.Documents || r.Error != "" {
				return fmt.Errorf("shard %d has %d documents on %s and %d on %s (%s, %s)", shard.Ordinal, first.Documents,
					first.Node, r.Documents, r.Node, r.State, r.Error)
			}
		}
		total += shard.Replicas[0].Documents
	}
	if total != want {
		return fmt.Errorf("the shards hold %d documents, there must be %d", total, want)
	}
	return nil
}

// scan finds all documents by search, and holds each to what its key holds.
func (s *session) scan(ctx context.Context) error {
	found := map[string]bool{}
	for from := int64(0); from <= s.serial.Load(); from += scanPage {
		r := request{Size: scanPage, Timeout: searchTimeout.String(), Query: map[string]any{
			"range": map[string]any{"serial": map[string]any{"gte": from, "lt": from + scanPage}},
		}}
		_, status, data, err := s.ask(ctx, http.MethodPost, searchPath, encode(r))
		got, err := readAnswer(status, data, err)
		if err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if got.total != len(got.hits) {
			s.tally.violation("scan from write %d: %d hits of %d", from, len(got.hits), got.total)
		}
		for _, h := range got.hits {
			if found[h.ID] {
				s.tally.violation("scan: %s was found twice", h.ID)
			}
			found[h.ID] = true
			s.judgeScanned(h)
		}
	}
	for _, k := range s.keys.all() {
		if there := k.present().exists; there != found[k.id] {
			s.tally.lose(k.id, fmt.Errorf("%s holds %s, a search of all finds it: %t", k.id, k.present(), found[k.id]))
		}
	}
	return nil
}

func (s *session) judgeScanned(h hit) {
	k := s.keys.get(h.ID)
	switch {
	case k == nil && !s.hot.has(h.ID):
		s.tally.violation("scan: found %q, which nobody wrote", h.ID)
	case k != nil && h.Source.Serial != k.present().serial:
		s.tally.violation("scan: found write %d of %s, which holds %s", h.Source.Serial, h.ID, k.present())
	}
}
