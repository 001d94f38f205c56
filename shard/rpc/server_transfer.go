package rpc

import (
	"context"
	"fmt"
)

func (s *server) openCheckpoint(ctx context.Context, d *decoder, e *encoder) error {
	var q openCall
	if err := q.decode(d); err != nil {
		return fmt.Errorf("read call: %w", err)
	}
	c, err := s.transfers.OpenCheckpoint(ctx, q.group)
	if err != nil {
		return err
	}
	a := openAnswer{checkpoint: c}
	a.encode(e)
	return nil
}

// readFile lets the piece be appended where it belongs, and fills its checksum in afterwards.
func (s *server) readFile(ctx context.Context, d *decoder, e *encoder) error {
	var q readCall
	if err := q.decode(d); err != nil {
		return fmt.Errorf("read call: %w", err)
	}
	start := len(e.buf) - 1 // of the version
	e.buf = append(e.buf, 0, 0, 0, 0)
	head := e.buf
	out, err := s.transfers.ReadFile(ctx, q.session, q.path, q.offset, q.length, head)
	if err != nil {
		return err
	}
	if n := len(out) - len(head); n < 0 || n > q.length {
		return fmt.Errorf("%w: %d bytes of %d", ErrMessage, n, q.length)
	}
	e.buf = out
	sealPiece(out[start:])
	return nil
}

func (s *server) closeCheckpoint(ctx context.Context, d *decoder, _ *encoder) error {
	var q closeCall
	if err := q.decode(d); err != nil {
		return fmt.Errorf("read call: %w", err)
	}
	return s.transfers.CloseCheckpoint(ctx, q.session)
}
