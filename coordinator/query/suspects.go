package query

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"sagasu/api"
)

// suspects remembers the queries that made a shard panic, so that one query can't take down shard
// after shard for as long as its client repeats it.
type suspects struct {
	seed maphash.Seed
	// any is false until the first panic, which keeps a search from hashing its query for nothing.
	any    atomic.Bool
	mu     sync.Mutex
	panics map[uint64]int
}

func newSuspects() *suspects {
	return &suspects{seed: maphash.MakeSeed(), panics: map[uint64]int{}}
}

// refused reports whether the query panicked too often.
func (s *suspects) refused(index string, req *api.SearchRequest) bool {
	if !s.any.Load() {
		return false
	}
	key := s.key(index, req)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.panics[key] >= panicsAllowed
}

// record counts a panic of the query. When too many are remembered, any of them is forgotten.
func (s *suspects) record(index string, req *api.SearchRequest) {
	key := s.key(index, req)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.any.Store(true)
	if _, known := s.panics[key]; !known && len(s.panics) >= maxSuspects {
		for old := range s.panics {
			delete(s.panics, old)
			break
		}
	}
	s.panics[key]++
}

func (s *suspects) key(index string, req *api.SearchRequest) uint64 {
	// Encoding these plain values can't fail; if it did, queries would only be told apart less well.
	text, err := json.Marshal([]any{index, req.Mode, req.Query, req.Filter, req.Only, req.Vector, req.From, req.Size})
	if err != nil {
		text = fmt.Appendf(text, "%v", err)
	}
	text = fmt.Appendf(text, "%T %T %T", req.Query, req.Filter, req.Only)
	return maphash.Bytes(s.seed, text)
}
