package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// pump reads an object that may hang, in a goroutine of its own.
type pump struct {
	ctx    context.Context
	cancel context.CancelFunc
	cfg    GuardConfig
	chunks chan []byte
	// ended has why the goroutine ended, io.EOF at the end of the object.
	ended chan error

	// rest is what was not asked for yet, err what is to be told after it.
	rest []byte
	err  error
}

func newPump(ctx context.Context, cancel context.CancelFunc, body io.ReadCloser, cfg GuardConfig) *pump {
	p := &pump{ctx: ctx, cancel: cancel, cfg: cfg, chunks: make(chan []byte), ended: make(chan error, 1)}
	go p.read(body)
	return p
}

// read passes on what the body gives, and closes it.
func (p *pump) read(body io.ReadCloser) {
	err := func() error {
		for {
			chunk := make([]byte, chunkBytes)
			n, err := body.Read(chunk)
			if n > 0 {
				select {
				case p.chunks <- chunk[:n]:
				case <-p.ctx.Done():
					return p.ctx.Err()
				}
			}
			if err != nil {
				return err
			}
		}
	}()
	if closing := body.Close(); closing != nil && errors.Is(err, io.EOF) {
		err = closing
	}
	p.ended <- err
}

// Read implements io.Reader.
func (p *pump) Read(into []byte) (int, error) {
	if len(p.rest) == 0 && p.err == nil {
		select {
		case p.rest = <-p.chunks:
		case p.err = <-p.ended:
		case <-p.ctx.Done():
			p.err = fmt.Errorf("read object: %w", p.ctx.Err())
		case <-p.cfg.After(p.cfg.Stall):
			p.cancel()
			p.err = fmt.Errorf("read object: %w: nothing came in %s", ErrUnavailable, p.cfg.Stall)
		}
	}
	if len(p.rest) == 0 {
		return 0, p.err
	}
	n := copy(into, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Close lets go of the object; its goroutine ends as soon as the store lets it.
func (p *pump) Close() error {
	p.cancel()
	p.rest, p.err = nil, io.ErrClosedPipe
	return nil
}
