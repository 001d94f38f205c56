package wire

import (
	"context"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// sender writes the frames of many goroutines to one connection. One of them, or a goroutine started for it, writes
// at a time; what comes meanwhile is queued, and becomes the next write.
type sender struct {
	conn    net.Conn
	try     *tryWriter // nil where writing without waiting is not possible
	buffers *buffers
	wrote   func(n int)  // told of bytes written
	broken  func(error)  // told, without mu, why nothing more can be written
	crowded *atomic.Bool // whether several goroutines will send in a moment
	apart   bool         // a write for each frame; to measure what joining is worth

	progress atomic.Uint64 // counts writes
	flushers sync.WaitGroup

	mu      sync.Mutex
	queue   []*buffer     // not yet written; each a frame or several
	pending int           // their bytes
	busy    bool          // someone writes
	room    chan struct{} // closed when there is room again; nil while nobody waits for it
	err     error
	spare   []*buffer // the queue before, owned by who writes
	vector  net.Buffers
}

// send queues a frame of a beginning and a body, of which it keeps neither. While too much is queued it waits, until
// ctx is done: then, and with an error of the connection, nothing of the frame was or will be sent.
func (s *sender) send(ctx context.Context, head, body []byte) error {
	size := len(head) + len(body)
	if size > joinLimit {
		// Copied here, where nobody waits for it.
		whole := s.buffers.get(size)
		whole.b = append(append(whole.b, head...), body...)
		return s.sendWhole(ctx, whole)
	}
	s.mu.Lock()
	if err := s.awaitRoom(ctx); err != nil {
		return err
	}
	s.push(head, body)
	s.start(size)
	return nil
}

// sendWhole is send for a frame in a buffer, which it takes over.
func (s *sender) sendWhole(ctx context.Context, whole *buffer) error {
	size := len(whole.b)
	s.mu.Lock()
	if err := s.awaitRoom(ctx); err != nil {
		s.buffers.put(whole)
		return err
	}
	if size > joinLimit || s.apart {
		s.pending += size
		s.queue = append(s.queue, whole)
	} else {
		s.push(whole.b, nil)
		s.buffers.put(whole)
	}
	s.start(size)
	return nil
}

// sendNow queues a small frame without waiting for room. Where there is none the frame is dropped, unless it must go.
// An error of the connection is told to all by broken.
func (s *sender) sendNow(head []byte, must bool) {
	s.mu.Lock()
	if s.err != nil || s.pending >= maxPending && !must {
		s.mu.Unlock()
		return
	}
	s.push(head, nil)
	s.start(len(head))
}

// awaitRoom waits until there is room in the queue. It is called with mu, and unlocks it if it gives an error.
func (s *sender) awaitRoom(ctx context.Context) error {
	for s.err == nil && s.pending >= maxPending {
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.mu.Lock()
	}
	if err := s.err; err != nil {
		s.mu.Unlock()
		return err
	}
	return nil
}

// makeRoom wakes those who wait for room. It is called with mu.
func (s *sender) makeRoom() {
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
}

// push adds a frame's bytes to the queue, beside the frame before where there is room.
func (s *sender) push(head, body []byte) {
	size := len(head) + len(body)
	s.pending += size
	var tail *buffer
	if n := len(s.queue); n > 0 && !s.apart {
		tail = s.queue[n-1]
	}
	if tail == nil || cap(tail.b)-len(tail.b) < size {
		// Twice the limit, so that a tail that is too full for a small frame is at least half full.
		want := 2 * joinLimit
		if s.apart || len(s.queue) == 0 && !s.crowded.Load() {
			want = size // probably alone
		}
		tail = s.buffers.get(want)
		s.queue = append(s.queue, tail)
	}
	tail.b = append(append(tail.b, head...), body...)
}

// start sees to it that someone writes what was queued, of which the last is a frame of the given size. It is called
// with mu, and unlocks it.
func (s *sender) start(size int) {
	switch {
	case s.busy:
		s.mu.Unlock()
	case s.try != nil && size <= joinLimit && (s.apart || !s.crowded.Load()):
		s.busy = true
		s.writeNow()
	default:
		s.busy = true
		s.flushers.Add(1)
		s.mu.Unlock()
		go s.flush()
	}
}

// writeNow writes the only frame of the queue from here, as far as the connection takes it at once. It is called with
// mu and busy, and unlocks mu.
func (s *sender) writeNow() {
	b := s.queue[0]
	s.queue = s.queue[:0]
	s.pending = 0
	s.mu.Unlock()
	n, err := s.try.try(b.b)
	if err != nil {
		s.buffers.put(b)
		s.stop(err)
		return
	}
	s.progress.Add(1)
	s.wrote(n)
	s.mu.Lock()
	if n < len(b.b) {
		b.b = b.b[:copy(b.b, b.b[n:])]
		s.queue = slices.Insert(s.queue, 0, b)
		s.pending += len(b.b)
	} else {
		s.buffers.put(b)
	}
	if s.rest() {
		return
	}
	s.flushers.Add(1)
	s.mu.Unlock()
	go s.flush()
}

// rest ends the writer's turn if nothing is queued, or nothing can be written any more. It is called with mu, and
// unlocks it if it gives true.
func (s *sender) rest() bool {
	if len(s.queue) > 0 && s.err == nil {
		return false
	}
	s.busy = false
	s.mu.Unlock()
	return true
}

// flush writes until the queue is empty.
func (s *sender) flush() {
	defer s.flushers.Done()
	for {
		if !s.apart && s.crowded.Load() {
			// Who is about to send does so first, and is part of the write.
			runtime.Gosched()
		}
		s.mu.Lock()
		if s.rest() {
			return
		}
		batch := s.queue
		s.queue = s.spare[:0]
		s.pending = 0
		s.makeRoom()
		s.mu.Unlock()
		err := s.write(batch)
		for i, b := range batch {
			s.buffers.put(b)
			batch[i] = nil
		}
		s.spare = batch
		if err != nil {
			s.stop(err)
			return
		}
	}
}

// write writes buffers in few system calls.
func (s *sender) write(batch []*buffer) error {
	if len(batch) == 1 || s.apart {
		for _, b := range batch {
			if err := s.writeSteps(b.b); err != nil {
				return err
			}
		}
		return nil
	}
	for len(batch) > 0 {
		s.vector = s.vector[:0]
		size := 0
		for len(batch) > 0 && (size == 0 || size+len(batch[0].b) <= writeStep) {
			s.vector = append(s.vector, batch[0].b)
			size += len(batch[0].b)
			batch = batch[1:]
		}
		if len(s.vector) == 1 {
			if err := s.writeSteps(s.vector[0]); err != nil {
				return err
			}
			continue
		}
		vector := s.vector // WriteTo eats its receiver
		n, err := vector.WriteTo(s.conn)
		s.progress.Add(1)
		s.wrote(int(n))
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) writeSteps(data []byte) error {
	for len(data) > 0 {
		n, err := s.conn.Write(data[:min(len(data), writeStep)])
		s.progress.Add(1)
		s.wrote(n)
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// stop ends the writer's turn because of an error.
func (s *sender) stop(err error) {
	s.fail(err)
	s.mu.Lock()
	s.busy = false
	s.mu.Unlock()
	s.broken(err)
}

// fail makes every send fail from now on, also those that wait for room.
func (s *sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	for _, b := range s.queue {
		s.buffers.put(b)
	}
	clear(s.queue)
	s.queue, s.pending = s.queue[:0], 0
	s.makeRoom()
}

// waiting tells how many writes there were, and whether someone waits for one to end.
func (s *sender) waiting() (writes uint64, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.progress.Load(), s.busy
}
