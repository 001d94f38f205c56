package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"sagasu/tests/cluster"
)

// verify looks for every document that was acknowledged, in its version, and for any that is there twice.
func (s *session) verify(ctx context.Context) error {
	if err := s.cluster.WaitGreen(ctx, s.url(), s.cfg.limit); err != nil {
		return err
	}
	var mu sync.Mutex
	var lost []string
	var looking sync.WaitGroup
	places := make(chan struct{}, 16)
	for id, version := range s.book.documents {
		places <- struct{}{}
		looking.Go(func() {
			defer func() { <-places }()
			var stored struct{ Version uint64 }
			status, data, err := s.client.Do(ctx, http.MethodGet, cluster.DocumentURL(s.url(), index, id), nil)
			if err == nil {
				err = json.Unmarshal(data, &stored)
			}
			if err != nil || status != http.StatusOK || stored.Version != version {
				mu.Lock()
				defer mu.Unlock()
				lost = append(lost, fmt.Sprintf("%s of version %d: %d %.200s %v", id, version, status, data, err))
			}
		})
	}
	looking.Wait()
	if len(lost) > 0 {
		return fmt.Errorf("%d of %d acknowledged documents are lost: %v", len(lost), len(s.book.documents), lost[:min(len(lost), 5)])
	}
	var count struct{ Count int }
	if err := s.ask(ctx, http.MethodPost, "/v1/indexes/"+index+"/count", map[string]any{}, http.StatusOK, &count); err != nil {
		return err
	}
	s.say("%d acknowledged documents are there, %d counted, %d without an answer", len(s.book.documents), count.Count,
		len(s.book.unknown))
	if count.Count < len(s.book.documents) || count.Count > len(s.book.documents)+len(s.book.unknown) {
		return fmt.Errorf("%d documents are counted, %d were acknowledged, %d may be there", count.Count,
			len(s.book.documents), len(s.book.unknown))
	}
	return s.same(ctx)
}

// same compares the copies of each shard: all have as many documents.
func (s *session) same(ctx context.Context) error {
	return until(ctx, time.Minute, 200*time.Millisecond, "all copies are alike", func(ctx context.Context) (bool, error) {
		shards, err := s.client.Shards(ctx, s.url(), index)
		if err != nil {
			return false, err
		}
		for _, shard := range shards {
			if len(shard.Replicas) != s.cfg.replicas {
				return false, fmt.Errorf("shard %s has %d copies", shard.Shard, len(shard.Replicas))
			}
			for _, r := range shard.Replicas {
				if r.Documents != shard.Replicas[0].Documents {
					return false, fmt.Errorf("shard %s: %+v", shard.Shard, shard.Replicas)
				}
			}
		}
		return true, nil
	})
}

// report prints the figures; an error if anything failed.
func (s *session) report() error {
	for _, what := range slices.Sorted(maps.Keys(s.hit)) {
		s.say("%3d x %s", s.hit[what], what)
	}
	for _, c := range s.copies {
		if s.cfg.throttle > 0 {
			rate := float64(c.bytes) / c.seconds
			s.say("copied at %.0f bytes/s of %d: %+.1f %%", rate, s.cfg.throttle, 100*(rate/float64(s.cfg.throttle)-1))
		}
	}
	failed := 0
	for _, p := range s.tally.phases {
		s.say("%-20s %6.0f s  %6d searches (%.0f/s, %d failed) p50 %s p95 %s p99 %s   %6d writes (%.0f/s, %d failed) p99 %s",
			p.name, p.lasted.Seconds(), len(p.searches), float64(len(p.searches))/p.lasted.Seconds(), p.failed,
			percentile(p.searches, 50), percentile(p.searches, 95), percentile(p.searches, 99), len(p.writes),
			float64(len(p.writes))/p.lasted.Seconds(), p.unwritten, percentile(p.writes, 99))
		failed += p.failed
	}
	for _, f := range s.tally.failures[:min(len(s.tally.failures), 20)] {
		s.say("failure at %s", f)
	}
	if failed > 0 {
		return errors.New("searches failed")
	}
	return nil
}

func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)*p+99)/100-1].Round(100 * time.Microsecond)
}
