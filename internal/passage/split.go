package passage

import "sagasu/api"

// Passage is a part of a text.
type Passage struct {
	// Start and End are in bytes.
	Start, End int
	// Heading is the path of headings above it, as "Methods > Data"; "" if there is none, or it was not asked for.
	Heading string
}

// Split cuts a text, which must be valid UTF-8, by a configuration that Validate lets pass. There is always a passage,
// also of an empty text. Passages ascend by both ends; each starts at or before the end of the one before, and none is
// longer than Config.Size.
func Split(text string, cfg Config) []Passage {
	r := newRuler(text, cfg.Tokens)
	s := &splitter{cutter: cutter{ruler: r, size: cfg.Size, overlap: cfg.Overlap}}
	switch {
	case len(text) == 0:
		return []Passage{{}}
	case cfg.By == api.PassageByLength:
		return s.cut(nil, 0, len(text), "")
	case cfg.By == api.PassageBySentences:
		s.pack(section{to: len(text)})
		return s.passages
	}
	for _, part := range sections(text) {
		s.pack(part)
	}
	return s.passages
}

// splitter packs sentences into passages.
type splitter struct {
	cutter
	passages []Passage
	// ends are where the sentences of a section end.
	ends []int
}

// pack makes the passages of a section, each of as many sentences as fit.
func (s *splitter) pack(part section) {
	s.ends = sentences(s.ends[:0], s.text, part.from, part.to)
	// The passage under way is from start to end; up to given, all is in passages.
	start, end, given := part.from, part.from, part.from
	limit := s.reach(start, s.size, 1)
	give := func() {
		s.passages = append(s.passages, Passage{Start: start, End: end, Heading: part.heading})
		given = end
	}
	for i, next := range s.ends {
		if next > limit && end > given {
			give()
			start = s.repeat(part, start, i)
			limit = s.reach(start, s.size, 1)
		}
		if next > limit {
			// The last piece is the start of the passage that follows.
			s.passages = s.cut(s.passages, end, next, part.heading)
			last := s.passages[len(s.passages)-1]
			s.passages = s.passages[:len(s.passages)-1]
			start, given = last.Start, end
			if last.Start > end {
				given = s.passages[len(s.passages)-1].End
			}
			limit = s.reach(start, s.size, 1)
		}
		end = next
	}
	if end > given {
		give()
	}
}

// startOf is where sentence i starts.
func (s *splitter) startOf(part section, i int) int {
	if i == 0 {
		return part.from
	}
	return s.ends[i-1]
}

// repeat gives where a passage starts whose first new sentence is next: at the first sentence that is within the
// overlap, is not the first of the passage before, which starts at start, and leaves room for the new one.
func (s *splitter) repeat(part section, start, next int) int {
	end := s.startOf(part, next)
	if s.overlap == 0 {
		return end
	}
	first := max(s.back(end, s.overlap, 2), s.back(s.ends[next], s.size, 1), start+1)
	at := end
	for i := next - 1; i > 0 && s.ends[i-1] >= first; i-- {
		at = s.ends[i-1]
	}
	return at
}
