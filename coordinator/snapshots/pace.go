package snapshots

import (
	"context"
	"io"
	"sync"
	"time"

	"sagasu/internal/blob"
)

// defaultRate is how many bytes per second a node sends and fetches where a repository does not say.
const defaultRate = 64 << 20

// paceChunk is what passes at a time: little enough that a store never takes waiting for hanging.
const paceChunk = 64 << 10

// pace lets a number of bytes pass per second; a tenth of a second's worth may come at once.
type pace struct {
	now   func() time.Time
	after func(time.Duration) <-chan time.Time

	// mu guards next, when what was let pass is paid for.
	mu   sync.Mutex
	next time.Time
}

// take waits until n bytes may pass at a rate.
func (p *pace) take(ctx context.Context, n int, rate int64) error {
	p.mu.Lock()
	now := p.now()
	if earliest := now.Add(-time.Second / 10); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	wait := p.next.Sub(now)
	p.mu.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	select {
	case <-p.after(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// paced reads at a rate, and tells how much was read.
type paced struct {
	io.ReadCloser
	ctx  context.Context
	pace *pace
	rate int64
	note func(n int)
}

// Read implements io.Reader.
func (r paced) Read(p []byte) (int, error) {
	if len(p) > paceChunk {
		p = p[:paceChunk]
	}
	n, err := r.ReadCloser.Read(p)
	if n > 0 {
		if waited := r.pace.take(r.ctx, n, r.rate); waited != nil {
			return 0, waited
		}
		r.note(n)
	}
	return n, err
}

// slowly gives a body that is read at a rate.
func (p *pace) slowly(ctx context.Context, body blob.Body, rate int64, note func(n int)) blob.Body {
	return func() (io.ReadCloser, error) {
		from, err := body()
		if err != nil {
			return nil, err
		}
		return paced{from, ctx, p, rate, note}, nil
	}
}

// slowWriter writes at a rate.
type slowWriter struct {
	io.Writer
	ctx  context.Context
	pace *pace
	rate int64
	note func(n int)
}

// Write implements io.Writer.
func (w slowWriter) Write(p []byte) (int, error) {
	if err := w.pace.take(w.ctx, len(p), w.rate); err != nil {
		return 0, err
	}
	n, err := w.Writer.Write(p)
	w.note(n)
	return n, err
}

func rateOf(bytesPerSecond int64) int64 {
	if bytesPerSecond <= 0 {
		return defaultRate
	}
	return max(bytesPerSecond, paceChunk)
}
