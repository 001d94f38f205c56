package query

import (
	"context"
	"fmt"

	"sagasu/api"
)

// widen looks further where hits are collapsed and those found make too few documents for the page: with a window
// twice as large or more, until there are enough, the legs hold no more, or time is up. A window that the request
// names stays as it is. Timings add up; a round that fails leaves the one before it to stand.
func (s *search) widen(ctx context.Context, lexical *sparseLeg, meaning *denseLeg) (*sparseLeg, *denseLeg, error) {
	for s.req.Collapse != nil && s.req.Size > 0 && s.req.Fusion.Window == 0 && !refused(lexical, meaning) {
		order, err := s.rank(lexical, meaning)
		if err != nil {
			return nil, nil, err
		}
		wanted, found := s.req.From+s.req.Size, len(families(order, 1))
		if found >= wanted || s.window >= maxCollapseWindow || !s.holdMore(lexical, meaning) {
			break
		}
		before := s.window
		s.window = min(max(2*before, before*wanted/max(found, 1)), maxCollapseWindow)
		wider, nearer, err := s.gather(ctx)
		if err != nil {
			return nil, nil, err
		}
		if failures(wider, nearer) > failures(lexical, meaning) || refused(wider, nearer) {
			s.window = before
			s.degraded.add(s.fetchLeg(), api.ReasonDeadline,
				fmt.Sprintf("there may be more documents than the %d found so far", found))
			break
		}
		if wider != nil {
			wider.took += lexical.took
		}
		if nearer != nil {
			nearer.took, nearer.embedTook = nearer.took+meaning.took, meaning.embedTook
		}
		lexical, meaning = wider, nearer
	}
	s.response.Fusion.Window = s.window
	return lexical, meaning, nil
}

// holdMore reports whether a leg gave as many hits as it was asked for.
func (s *search) holdMore(lexical *sparseLeg, meaning *denseLeg) bool {
	return lexical != nil && len(lexical.hits) >= s.sparseK() ||
		meaning != nil && len(meaning.hits) >= s.denseK() && s.denseK() < maxDenseCandidates
}

func refused(lexical *sparseLeg, meaning *denseLeg) bool {
	return lexical != nil && lexical.refused != nil || meaning != nil && meaning.refused != nil
}

func failures(lexical *sparseLeg, meaning *denseLeg) int {
	n := 0
	if lexical != nil {
		n += len(lexical.failures)
	}
	if meaning != nil {
		n += len(meaning.failures)
	}
	return n
}

// family is a document and the best of its passages, best first.
type family struct {
	parent string
	best   []ranked
}

// families groups ranked passages by document, by the rank of the best one; of each it keeps some.
func families(order []ranked, keep int) []family {
	var all []family
	places := make(map[string]int, len(order))
	for _, r := range order {
		parent, _, ok := api.SplitPassageID(r.id)
		if !ok {
			parent = r.id
		}
		at, known := places[parent]
		if !known {
			at = len(all)
			places[parent] = at
			all = append(all, family{parent: parent})
		}
		if len(all[at].best) < keep {
			all[at].best = append(all[at].best, r)
		}
	}
	return all
}

// pageFamilies is page where hits are collapsed. A document of which no passage is there any more is passed over.
func (s *search) pageFamilies(ctx context.Context, order []ranked) error {
	start := s.cfg.Now()
	all := families(order, s.req.Collapse.Passages)
	all = all[min(s.req.From, len(all)):]
	failed := 0
	for range maxRefills {
		want := s.req.Size - len(s.response.Hits) - failed
		next := all[:min(max(want, 0), len(all))]
		all = all[len(next):]
		if len(next) == 0 {
			break
		}
		documents, lost := s.fetchIDs(ctx, s.familyIDs(next))
		for i := range next {
			hit, ok := s.familyHit(&next[i], documents)
			switch {
			case ok:
				s.response.Hits = append(s.response.Hits, hit)
			case lost[s.owners[next[i].best[0].id]]:
				failed++
			}
		}
	}
	took := s.cfg.Now().Sub(start)
	s.response.TimingsMS.Fetch = milliseconds(took)
	s.metrics.observe("fetch", took)
	if failed > 0 && len(s.response.Hits) == 0 {
		return s.degraded.refusal("no document could be fetched")
	}
	return nil
}

// familyIDs gives, by shard, the passages to be shown and their neighbours, each once.
func (s *search) familyIDs(next []family) [][]string {
	ids := make([][]string, len(s.target.Shards))
	seen := map[string]bool{}
	for _, f := range next {
		shard := s.owners[f.best[0].id]
		for _, r := range f.best {
			_, position, _ := api.SplitPassageID(r.id)
			for at := max(position-s.req.Collapse.Neighbours, 0); at <= position+s.req.Collapse.Neighbours; at++ {
				id := r.id
				if at != position {
					id = api.PassageID(f.parent, at)
				}
				if !seen[id] {
					seen[id] = true
					ids[shard] = append(ids[shard], id)
				}
			}
		}
	}
	return ids
}

// familyHit makes the hit of a document from what was fetched; false if none of its passages were.
func (s *search) familyHit(f *family, documents map[string]api.RawJSON) (api.SearchHit, bool) {
	hit := api.SearchHit{ID: f.parent}
	for i := range f.best {
		r := &f.best[i]
		source, ok := documents[r.id]
		if !ok {
			continue
		}
		p := api.PassageHit{ID: r.id, Score: r.score}
		p.Source, p.Passage = api.TakePassage(source)
		_, p.Position, _ = api.SplitPassageID(r.id)
		if s.req.Explain {
			p.Legs = &r.legs
		}
		if s.req.Collapse.Neighbours > 0 {
			p.Before, p.After = s.around(&p, f.parent, documents)
		}
		if len(hit.Passages) == 0 {
			hit.Score, hit.Source, hit.Legs = p.Score, p.Source, p.Legs
		}
		hit.Passages = append(hit.Passages, p)
	}
	return hit, len(hit.Passages) > 0
}

// around gives the text of a passage's neighbours. Those that another write has left are not joined to it.
func (s *search) around(hit *api.PassageHit, parent string, documents map[string]api.RawJSON) (before, after *string) {
	before, after = new(string), new(string)
	own, err := api.ReadPassage(hit.Passage)
	if err != nil {
		return before, after
	}
	neighbour := func(position int) (p api.Passage, text string, ok bool) {
		rest, raw := api.TakePassage(documents[api.PassageID(parent, position)])
		p, err := api.ReadPassage(raw)
		if err != nil || p.Count != own.Count || p.Value != own.Value {
			return p, "", false
		}
		text, err = api.PassageText(rest, s.target.Schema.Passages.Field)
		return p, text, err == nil && len(text) == p.End-p.Start
	}
	start, end := own.Start, own.End
	for i := 1; i <= min(s.req.Collapse.Neighbours, hit.Position); i++ {
		p, text, ok := neighbour(hit.Position - i)
		if !ok || p.Start > start || p.End < start {
			break
		}
		*before = text[:start-p.Start] + *before
		start = p.Start
	}
	for i := 1; i <= s.req.Collapse.Neighbours; i++ {
		p, text, ok := neighbour(hit.Position + i)
		if !ok || p.Start > end || p.End < end {
			break
		}
		*after += text[end-p.Start:]
		end = p.End
	}
	return before, after
}
