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

// rate embeds texts by the service alone and by the outbox, in turn, each text once.
func (s *stand) rate(ctx context.Context) error {
	schema := fmt.Sprintf(`{"fields": {"text": {"type": "text"}}, "dense": {"dims": %d, "fields": ["text"]}}`, dims)
	if err := s.must(ctx, http.MethodPut, "/v1/indexes/rate", []byte(schema), nil); err != nil {
		return err
	}
	next := 0
	take := func() []document {
		out := s.documents[next : next+s.texts]
		next += s.texts
		return out
	}
	if need := 2 * s.texts * s.rounds; need > len(s.documents) {
		return fmt.Errorf("%d texts are needed, the corpus has %d", need, len(s.documents))
	}
	var alone, outbox float64
	for round := range s.rounds {
		a, err := s.embedAlone(ctx, take())
		if err != nil {
			return err
		}
		b, err := s.embedByOutbox(ctx, take())
		if err != nil {
			return err
		}
		fmt.Printf("rate %d: alone %.2f, outbox %.2f characters/s, %.0f %%\n", round+1, a, b, 100*b/a)
		alone, outbox = alone+a, outbox+b
	}
	fmt.Printf("rate: the outbox embeds at %.0f %% of the service's own rate\n", 100*outbox/alone)
	return nil
}

func characters(docs []document) float64 {
	n := 0
	for _, d := range docs {
		n += len(d.Text)
	}
	return float64(n)
}

func (s *stand) embedAlone(ctx context.Context, docs []document) (float64, error) {
	start := time.Now()
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
	err := group.Wait()
	return characters(docs) / time.Since(start).Seconds(), err
}

// embedByOutbox writes documents and waits for the vectors.
func (s *stand) embedByOutbox(ctx context.Context, docs []document) (float64, error) {
	var body bytes.Buffer
	for _, d := range docs {
		line, err := json.Marshal(map[string]string{"id": d.ID, "text": d.Text})
		if err != nil {
			return 0, err
		}
		body.Write(append(line, '\n'))
	}
	start := time.Now()
	if err := s.bulk(ctx, "rate", body.Bytes()); err != nil {
		return 0, err
	}
	err := s.await(ctx, 10*time.Minute, "documents still wait for their vectors", func() (bool, error) {
		var info struct {
			DenseLag int `json:"dense_lag_documents"`
		}
		err := s.must(ctx, http.MethodGet, "/v1/indexes/rate", nil, &info)
		return err == nil && info.DenseLag == 0, err
	})
	return characters(docs) / time.Since(start).Seconds(), err
}
