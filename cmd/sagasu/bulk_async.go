package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"sagasu/api"
)

// hand sends everything in one request, to be written in the background, and gives the operation that does.
func (b *bulk) hand(ctx context.Context, in io.Reader) (*api.Operation, error) {
	if b.waitDense {
		return nil, usageError("--wait-dense can't be given with --async")
	}
	reader, writer := io.Pipe()
	joined := make(chan error, 1)
	go func() {
		err := b.join(in, writer)
		joined <- errors.Join(err, writer.CloseWithError(err))
	}()
	data, err := b.server.send(ctx, http.MethodPost, indexPath(b.index, "documents")+"?async=1", "application/x-ndjson",
		reader)
	// A server that refuses, or is not there, does not read to the end.
	_ = reader.CloseWithError(errAnswered)
	wrong := <-joined
	if wrong != nil && !errors.Is(wrong, errAnswered) && !errors.Is(wrong, io.ErrClosedPipe) {
		return nil, wrong
	}
	if err != nil {
		return nil, err
	}
	var o api.Operation
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fmt.Errorf("understand the server's answer: %w", err)
	}
	return &o, nil
}

// errAnswered ends reading the input when the server has answered.
var errAnswered = errors.New("the server has answered")

// join copies the lines, with their vectors if there are any.
func (b *bulk) join(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), api.MaxBulkLine)
	buffered := bufio.NewWriterSize(out, 1<<20)
	number := 0
	for lines.Scan() {
		number++
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) > 0 {
			b.result.Lines++
			with, err := b.source.join(line)
			if err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
			line = with
		}
		// Empty lines are sent too, so that the server counts lines as the file does.
		if _, err := buffered.Write(line); err != nil {
			return err
		}
		if err := buffered.WriteByte('\n'); err != nil {
			return err
		}
		b.progress.pending += len(line) + 1
		if number%maxBulkBatch == 0 {
			if err := b.progress.add(maxBulkBatch); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w (a line may have %d bytes)", number+1, err, api.MaxBulkLine)
	}
	if err := b.source.end(b.result.Lines); err != nil {
		return err
	}
	if err := b.progress.add(number % maxBulkBatch); err != nil {
		return err
	}
	return buffered.Flush()
}

// handOver is the whole of bulk --async.
func (b *bulk) handOver(ctx context.Context, in io.Reader) error {
	o, err := b.hand(ctx, in)
	if err = errors.Join(err, b.progress.finish()); err != nil {
		return err
	}
	if b.format == formatJSON {
		return b.printJSON(o)
	}
	_, err = fmt.Fprintf(b.out, "%s takes %d lines; see sagasu jobs %s\n", o.ID, o.Total, o.ID)
	return err
}
