package httpapi

import "sync"

// spool holds the results that a client has not taken yet. Clients may send everything before they
// read anything; without it they and the server would wait for each other.
type spool struct {
	mu        sync.Mutex
	changed   sync.Cond
	data      []byte
	limit     int
	closed    bool
	abandoned bool
}

func newSpool(limit int) *spool {
	s := &spool{limit: limit}
	s.changed.L = &s.mu
	return s
}

// put appends data; while more than the limit is held it waits. After abandon, it drops the data.
func (s *spool) put(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.data) > s.limit && !s.abandoned {
		s.changed.Wait()
	}
	if !s.abandoned {
		s.data = append(s.data, data...)
	}
	s.changed.Broadcast()
}

// close says that nothing comes after.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
}

// abandon says that nobody reads.
func (s *spool) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned, s.data = true, nil
	s.changed.Broadcast()
}

// take waits for data and gives it; none means the end. reuse is a buffer that the spool may have.
func (s *spool) take(reuse []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.data) == 0 && !s.closed && !s.abandoned {
		s.changed.Wait()
	}
	data := s.data
	s.data = reuse[:0]
	s.changed.Broadcast()
	return data
}
