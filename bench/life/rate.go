package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// alone is how the embedding service is asked by itself: in batches, two at a time, so that it never waits.
const (
	aloneBatch    = 16
	aloneInFlight = 2
)

// rate embeds texts by the service alone and by the outbox, in turn: the same texts, for how long one takes depends on
// it. Which of the two is first changes from round to round.
func (s *stand) rate(ctx context.Context) error {
	schema := fmt.Sprintf(`{"fields": {"text": {"type": "text"}}, "dense": {"dims": %d, "fields": ["text"]}}`, dims)
	if err := s.must(ctx, http.MethodPut, "/v1/indexes/rate", []byte(schema), nil); err != nil {
		return err
	}
	if need := s.texts * s.rounds; need > len(s.documents) {
		return fmt.Errorf("%d texts are needed, the corpus has %d", need, len(s.documents))
	}
	var alone, outbox time.Duration
	for round := range s.rounds {
		docs := s.documents[round*s.texts : (round+1)*s.texts]
		var took [2]time.Duration
		for turn := range took {
			side := (round + turn) % 2
			start := time.Now()
			embed := s.embedAlone
			if side == 1 {
				embed = s.embedByOutbox
			}
			if err := embed(ctx, docs); err != nil {
				return err
			}
			took[side] = time.Since(start)
		}
		s.told.Printf("rate %d: %d texts, alone %.1f s, outbox %.1f s", round+1, len(docs), took[0].Seconds(),
			took[1].Seconds())
		alone, outbox = alone+took[0], outbox+took[1]
	}
	s.told.Printf("rate: the outbox embeds at %.0f %% of the service's own rate\n", 100*alone.Seconds()/outbox.Seconds())
	return nil
}

// embedAlone asks the service itself.
func (s *stand) embedAlone(ctx context.Context, docs []document) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(aloneInFlight)
	for at := 0; at < len(docs); at += aloneBatch {
		var texts []string
		for _, d := range docs[at:min(at+aloneBatch, len(docs))] {
			texts = append(texts, d.Text)
		}
		group.Go(func() error {
			body, err := json.Marshal(map[string]any{"input": texts, "input_type": "passage", "model": "e5-passage"})
			if err != nil {
				return err
			}
			status, answer, err := send(ctx, http.MethodPost, s.embedURL+"/v1/embeddings", body)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("embed: status %d: %.200s", status, answer)
			}
			return err
		})
	}
	return group.Wait()
}

// embedByOutbox writes documents and waits for the vectors.
func (s *stand) embedByOutbox(ctx context.Context, docs []document) error {
	var body bytes.Buffer
	for _, d := range docs {
		line, err := json.Marshal(map[string]string{"id": d.ID, "text": d.Text})
		if err != nil {
			return err
		}
		body.Write(append(line, '\n'))
	}
	if err := s.bulk(ctx, "rate", body.Bytes()); err != nil {
		return err
	}
	return s.await(ctx, 10*time.Minute, "documents still wait for their vectors", func() (bool, error) {
		var info struct {
			DenseLag int `json:"dense_lag_documents"`
		}
		err := s.must(ctx, http.MethodGet, "/v1/indexes/rate", nil, &info)
		return err == nil && info.DenseLag == 0, err
	})
}
