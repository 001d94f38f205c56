package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// corpusIndex is an index that nobody writes to, so that every search has one answer; with rot there is one.
const corpusIndex = "corpus"

const corpusSchema = `{"fields":{"text":{"type":"text"}}}`

// ranked is a hit with its score, which must not differ by a bit.
type ranked struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
}

// corpus is what is asked of it, and the answers.
type corpus struct {
	queries []string
	answers [][]ranked
}

// makeCorpus fills the index, and notes the answers. Documents that can be found are followed by large ones that push
// them out of memory: an index that has no files has none to rot.
func (s *session) makeCorpus(ctx context.Context) error {
	url := s.gateways[0].URL()
	if err := s.client.CreateIndex(ctx, url, corpusIndex, corpusSchema, s.cfg.indexShards, s.cfg.replicas); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(s.cfg.seed, 3))
	word := func() string { return fmt.Sprintf("w%d", int(random.ExpFloat64()*200)) }
	filler := strings.Repeat("filler ", corpusFiller)
	for from := 0; from < corpusDocuments; from += corpusBatch {
		documents := make([]string, corpusBatch)
		for i := range documents {
			text := filler
			if from < corpusFound {
				text = ""
				for range 20 {
					text += word() + " "
				}
			}
			documents[i] = fmt.Sprintf("{\"id\":\"c%d\",\"text\":%q}", from+i, text)
		}
		status, body, err := s.client.Do(ctx, http.MethodPost, url+"/v1/indexes/"+corpusIndex+"/documents",
			[]byte("["+strings.Join(documents, ",")+"]"))
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("fill the corpus: status %d: %.300s: %w", status, body, err)
		}
	}
	for range corpusQueries {
		s.corpus.queries = append(s.corpus.queries, word()+" "+word()+" "+word())
	}
	for i := range s.corpus.queries {
		got, err := s.askCorpus(ctx, i, corpusTop)
		if err != nil {
			return err
		}
		s.corpus.answers = append(s.corpus.answers, got)
	}
	s.say("the corpus has %d documents", corpusDocuments)
	return nil
}

// askCorpus makes a search of a size, of which it gives the first corpusTop hits: gateways remember answers by size.
func (s *session) askCorpus(ctx context.Context, query, size int) ([]ranked, error) {
	body, err := json.Marshal(request{Query: match(s.corpus.queries[query]), Size: size})
	if err != nil {
		return nil, err
	}
	_, status, data, err := s.ask(ctx, http.MethodPost, "/v1/indexes/"+corpusIndex+"/search", body)
	if _, err := readAnswer(status, data, err); err != nil {
		return nil, err
	}
	var answer struct {
		Hits []ranked `json:"hits"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return answer.Hits[:min(len(answer.Hits), corpusTop)], nil
}

// searchCorpus is a search of the load whose answer is known.
func (s *session) searchCorpus(ctx context.Context, due time.Time) {
	query, size := s.intn(len(s.corpus.queries)), corpusTop+s.intn(corpusSizes)
	got, err := s.askCorpus(ctx, query, size)
	if ctx.Err() != nil {
		return
	}
	s.tally.searched(time.Since(due), err)
	if err == nil {
		s.judgeCorpus(query, got, "some copy")
	}
}

func (s *session) judgeCorpus(query int, got []ranked, whose string) {
	if want := s.corpus.answers[query]; !reflect.DeepEqual(want, got) {
		s.tally.violation("%s answers %q by %v, before it was %v", whose, s.corpus.queries[query], got, want)
	}
}

// compareAnswers asks each node's copies by themselves: the other shard nodes are paused meanwhile.
func (s *session) compareAnswers(ctx context.Context) error {
	nodes := s.cluster.Nodes()
	for i, alone := range nodes {
		if alone.Roles() != "shard" {
			continue
		}
		for _, n := range nodes {
			if n != alone && n.Roles() == "shard" {
				if err := n.Pause(); err != nil {
					return err
				}
			}
		}
		for query := range s.corpus.queries {
			got, err := s.askCorpus(ctx, query, corpusTop+corpusSizes+i)
			if err != nil {
				s.tally.violation("search at the copies of %s: %v", alone.ID(), err)
				continue
			}
			s.judgeCorpus(query, got, "the copy of "+alone.ID())
		}
		for _, n := range nodes {
			if n != alone && n.Roles() == "shard" {
				if err := n.Resume(); err != nil {
					return err
				}
			}
		}
		if err := s.cluster.WaitGreen(ctx, s.gateways[s.inUse()].URL(), greenTimeout); err != nil {
			return err
		}
	}
	return nil
}
