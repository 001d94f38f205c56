package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"sagasu/api"
	"sagasu/tests/cluster"
)

// hit is a document that a search found.
type hit struct {
	ID     string `json:"id"`
	Source source `json:"source"`
}

// answered is what a search gave.
type answered struct {
	hits    []hit
	total   int
	gateway int
}

const searchPath = "/v1/indexes/" + index + "/search"

// request is the body of a search.
type request struct {
	Query    map[string]any `json:"query"`
	Filter   map[string]any `json:"filter,omitempty"`
	Size     int            `json:"size"`
	Sequence []string       `json:"sequence,omitempty"`
	Timeout  string         `json:"timeout,omitempty"`
}

func term(field string, value any) map[string]any {
	return map[string]any{"term": map[string]any{field: value}}
}

// search asks the gateway. Anything but a whole answer is a failed search, counted with the time since it was due.
func (s *session) search(ctx context.Context, r request, due time.Time) (answered, bool) {
	body := encode(r)
	gateway, status, data, err := s.ask(ctx, http.MethodPost, searchPath, body)
	if ctx.Err() != nil {
		return answered{}, false // the run is over
	}
	got, err := readAnswer(status, data, err)
	s.tally.searched(time.Since(due), err)
	got.gateway = gateway
	return got, err == nil
}

// searchAt asks some node. A node that suffers a fault meanwhile may fail to answer.
func (s *session) searchAt(ctx context.Context, n *cluster.Node, r request) (answered, bool) {
	limited, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	began := time.Now()
	status, data, err := s.client.Do(limited, http.MethodPost, n.URL()+searchPath, encode(r))
	if ctx.Err() != nil {
		return answered{}, false
	}
	got, err := readAnswer(status, data, err)
	if err != nil && s.faults.touched(n.ID(), began) {
		return answered{}, false
	}
	if err != nil {
		err = fmt.Errorf("at %s: %w", n.ID(), err)
	}
	s.tally.searched(time.Since(began), err)
	return got, err == nil
}

func encode(r request) []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	return body
}

// readAnswer gives an error for all but an answer that lacks nothing.
func readAnswer(status int, data []byte, err error) (answered, error) {
	if err != nil {
		return answered{}, err
	}
	if status != http.StatusOK {
		return answered{}, fmt.Errorf("status %d: %.300s", status, data)
	}
	var body struct {
		Total    api.Total      `json:"total"`
		Hits     []hit          `json:"hits"`
		Degraded []api.Degraded `json:"degraded"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return answered{}, fmt.Errorf("decode answer: %w", err)
	}
	if len(body.Degraded) > 0 || body.Total.Relation != api.RelationExact {
		return answered{}, fmt.Errorf("degraded: %+v, total %s", body.Degraded, body.Total.Relation)
	}
	return answered{hits: body.Hits, total: body.Total.Value}, nil
}

// searchOnce makes a search of the load and judges what it finds.
func (s *session) searchOnce(ctx context.Context, due time.Time) {
	switch n := s.intn(10); {
	case n < 4:
		k := s.keys.anchored(s.intn(anchors))
		s.mustFind(ctx, request{Query: term("text", uniqueWord(k.present().serial)), Size: 10}, k, due)
		return
	case n < 8:
		s.judgeSearch(ctx, request{Query: match(s.word() + " " + s.word()), Size: 10}, due)
	default:
		filter := term("owner", fmt.Sprintf("o%d", s.intn(owners)))
		s.judgeSearch(ctx, request{Query: match(s.word()), Filter: filter, Size: 20}, due)
	}
}

func match(text string) map[string]any {
	return map[string]any{"match": map[string]any{"query": text, "fields": []string{"text"}}}
}

// judgeSearch holds every hit to what was written.
func (s *session) judgeSearch(ctx context.Context, r request, due time.Time) {
	began := time.Now()
	got, ok := s.search(ctx, r, due)
	if !ok {
		return
	}
	for _, h := range got.hits {
		if err := s.judgeHit(h, began, got.gateway); err != nil {
			s.tally.violation("search %s: %v", encode(r), err)
		}
	}
}

func (s *session) judgeHit(h hit, began time.Time, gateway int) error {
	if k := s.keys.get(h.ID); k != nil {
		return k.judgeHit(h.Source.Serial, began, gateway)
	}
	if s.hot.has(h.ID) {
		return nil // its history is judged
	}
	return fmt.Errorf("found %q, which nobody wrote", h.ID)
}

// mustFind searches for a key's text and must find it alone.
func (s *session) mustFind(ctx context.Context, r request, k *key, due time.Time) {
	if got, ok := s.search(ctx, r, due); ok {
		s.judgeFound(got, r, k, true)
	}
}

// judgeFound holds an answer to a search for a key's unique word against whether it is there.
func (s *session) judgeFound(got answered, r request, k *key, there bool) {
	if there && got.total == 1 && len(got.hits) == 1 && got.hits[0].ID == k.id || !there && got.total == 0 {
		return
	}
	s.tally.violation("search %s of %s found %d of %v, must it be there: %t", encode(r), k.id, got.total, got.hits, there)
}

// checkVisible searches for the text of a locked key right after its write was acknowledged: through the gateway that
// did it, or with the write's sequence through another node. After a delete the text before must be gone.
func (s *session) checkVisible(ctx context.Context, k *key, r answer, before seen) {
	q := request{Size: 10}
	after := k.present()
	switch {
	case after.exists:
		q.Query = term("text", uniqueWord(after.serial))
	case before.exists:
		q.Query = term("text", uniqueWord(before.serial))
	default:
		return
	}
	if s.intn(2) == 0 {
		got, ok := s.search(ctx, q, time.Now())
		if ok && got.gateway == r.gateway && !k.uncertain() {
			s.judgeFound(got, q, k, after.exists)
		}
		return
	}
	if n := s.healthyNode(); n != nil && r.result.Sequence != "" {
		q.Sequence = []string{r.result.Sequence}
		if got, ok := s.searchAt(ctx, n, q); ok && !k.uncertain() {
			s.judgeFound(got, q, k, after.exists)
		}
	}
}

// healthyNode gives a node that suffers nothing at the moment.
func (s *session) healthyNode() *cluster.Node {
	nodes := s.cluster.Nodes()
	n := nodes[s.intn(len(nodes))]
	if s.faults.touched(n.ID(), time.Now()) {
		return nil
	}
	return n
}
