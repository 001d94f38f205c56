package main

import (
	"fmt"
	"math"
	"strings"
)

// tolerance is how far scores may be from the reference, relative to it: engines add in single precision.
const tolerance = 1e-3

// hold returns an error that names the question unless the engine's answers are those of the reference: the
// counts, and the scores place by place. Which of several documents with one score is where does not matter.
func hold(e *engine, questions []question, got, want []answer) error {
	for i := range questions {
		q := &questions[i]
		where := fmt.Sprintf("%s: %s %q top-%d", e.name, q.kind, strings.Join(q.terms, " "), q.k)
		if got[i].count >= 0 && got[i].count != want[i].count {
			return fmt.Errorf("%s: it counts %d, the reference %d", where, got[i].count, want[i].count)
		}
		if len(got[i].hits) != len(want[i].hits) {
			return fmt.Errorf("%s: it gives %d hits, the reference %d", where, len(got[i].hits), len(want[i].hits))
		}
		if e.unscored {
			continue
		}
		for at, hit := range want[i].hits {
			score := got[i].hits[at].score / e.factor
			if math.Abs(score-hit.score) > tolerance*math.Max(1, hit.score) {
				return fmt.Errorf("%s: hit %d has the score %g, in the reference %g", where, at+1, score, hit.score)
			}
		}
	}
	return nil
}
