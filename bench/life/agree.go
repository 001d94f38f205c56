package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// dims is the length of the vectors, that of the embedding service.
const dims = 384

// agree writes documents with vectors and waits until all stores have the same.
func (s *stand) agree(ctx context.Context) error {
	schema := fmt.Sprintf(`{"fields": {"title": {"type": "text"}, "text": {"type": "text"}}, "dense": {"dims": %d}}`, dims)
	if err := s.must(ctx, http.MethodPut, "/v1/indexes/agree", []byte(schema), nil); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	docs := s.documents[:min(s.docs, len(s.documents))]
	const batch = 500
	start := time.Now()
	for at := 0; at < len(docs); at += batch {
		var body bytes.Buffer
		for _, d := range docs[at:min(at+batch, len(docs))] {
			vector := make([]float32, dims)
			for i := range vector {
				vector[i] = float32(random.NormFloat64())
			}
			line, err := json.Marshal(map[string]any{"id": d.ID, "title": d.Title, "text": d.Text, "vector": vector})
			if err != nil {
				return err
			}
			body.Write(append(line, '\n'))
		}
		if err := s.bulk(ctx, "agree", body.Bytes()); err != nil {
			return err
		}
	}
	last := time.Now()
	took, err := s.untilEqual(ctx, "agree", len(docs), last)
	if err != nil {
		return err
	}
	s.told.Printf("agree: %d documents written in %.2f s, equal %.2f s after the last acknowledgement\n", len(docs),
		last.Sub(start).Seconds(), took.Seconds())
	return nil
}

// bulk writes lines and returns an error unless all are created.
func (s *stand) bulk(ctx context.Context, index string, lines []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/indexes/"+index+"/documents",
		bytes.NewReader(lines))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // what matters is read
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 || bytes.Contains(answer.Bytes(), []byte(`"error"`)) {
		return fmt.Errorf("bulk: status %d: %.500s", resp.StatusCode, answer.String())
	}
	return nil
}
