package query

import (
	"sync"
	"time"
)

// quietFor is how long after a line of the log those like it are only counted: when a shard is lost every search
// has the same to say.
const quietFor = time.Second

// maxQuiet bounds the kinds of line that are remembered.
const maxQuiet = 1024

// quiet keeps a log from saying the same hundreds of times a second.
type quiet struct {
	mu   sync.Mutex
	said map[string]*saying
}

type saying struct {
	at   time.Time
	left int
}

func newQuiet() *quiet { return &quiet{said: map[string]*saying{}} }

// say tells whether to write a line of a kind now, and how many like it were left out since the last one.
func (q *quiet) say(kind string, now time.Time) (left int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := q.said[kind]
	if last == nil {
		if len(q.said) >= maxQuiet {
			clear(q.said)
		}
		q.said[kind] = &saying{at: now}
		return 0, true
	}
	if now.Sub(last.at) < quietFor {
		last.left++
		return 0, false
	}
	left = last.left
	last.at, last.left = now, 0
	return left, true
}
