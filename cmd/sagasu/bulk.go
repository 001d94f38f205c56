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
	"os"

	"github.com/spf13/cobra"

	"sagasu/api"
)

const (
	// maxBulkBatch and maxBulkBytes bound one request: large enough that its cost is the documents', small
	// enough for steady progress and little to repeat.
	maxBulkBatch = 1000
	maxBulkBytes = 8 << 20
	// maxListed bounds the failed items listed; all are counted.
	maxListed = 20
)

func bulkCommand(t *terminal) *cobra.Command {
	b := &bulk{terminal: t}
	c := &cobra.Command{
		Use:   "bulk FILE|- --index NAME",
		Short: "Load documents from JSON Lines",
		Long: "Reads one document a line (or - for standard input) and writes them in order.\n" +
			"Items that fail are listed on standard error; the exit code is then 4.",
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return b.run(c, args[0]) },
	}
	c.Flags().StringVar(&b.index, "index", "", "index to write to")
	c.Flags().StringVar(&b.vectors, "vectors", "", "directory with passages.f16 and vectors.json, in the lines' order")
	c.Flags().BoolVar(&b.async, "async", false, "hand everything to the server, which writes it in the background")
	c.Flags().BoolVar(&b.waitDense, "wait-dense", false, "wait until the documents can be found by meaning")
	addServerFlag(c)
	return c
}

// bulk is one load.
type bulk struct {
	*terminal
	index, vectors string
	waitDense      bool
	async          bool

	server   *client
	progress *progress
	source   *vectorSource
	// batch is the body of the next request, holding lines documents.
	batch  bytes.Buffer
	lines  int
	result bulkResult
}

// bulkResult is what the command prints.
type bulkResult struct {
	Index  string         `json:"index"`
	Lines  int            `json:"lines"`
	Status map[string]int `json:"status"`
	Failed int            `json:"failed"`
}

func (b *bulk) run(c *cobra.Command, file string) (err error) {
	if b.index == "" {
		return usageError("--index is not set")
	}
	if b.server, err = newClient(c, b.env); err != nil {
		return err
	}
	b.result = bulkResult{Index: b.index, Status: map[string]int{}}
	if b.source, err = openVectors(b.vectors); err != nil {
		return usageError("%w", err)
	}
	in, size, closeInput, err := openInput(b.terminal, file)
	if err != nil {
		return err
	}
	b.progress = newProgress(b.err, size)
	if b.async {
		return errors.Join(b.handOver(c.Context(), in), closeInput())
	}
	err = b.load(c.Context(), in)
	err = errors.Join(err, b.progress.finish(), closeInput())
	if err != nil {
		return err
	}
	if err := b.print(); err != nil {
		return err
	}
	if b.result.Failed > 0 {
		return &exitError{code: exitPartial, err: fmt.Errorf("%d of %d items failed", b.result.Failed, b.result.Lines)}
	}
	return nil
}

// openInput gives what to read and its size in bytes, -1 if that can't be known.
func openInput(t *terminal, file string) (io.Reader, int64, func() error, error) {
	if file == "-" {
		return t.in, -1, func() error { return nil }, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, nil, usageError("%w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, nil, errors.Join(usageError("%w", err), f.Close())
	}
	return f, info.Size(), f.Close, nil
}

func (b *bulk) load(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), api.MaxBulkLine)
	number := 0
	for lines.Scan() {
		number++
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := b.add(ctx, line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w (a line may have %d bytes)", number+1, err, api.MaxBulkLine)
	}
	if err := b.send(ctx); err != nil {
		return err
	}
	return b.source.end(b.result.Lines)
}

// add puts a line into the batch, with its vector if there are any.
func (b *bulk) add(ctx context.Context, line []byte) error {
	if b.lines == maxBulkBatch || b.lines > 0 && b.batch.Len()+len(line) > maxBulkBytes {
		if err := b.send(ctx); err != nil {
			return err
		}
	}
	with, err := b.source.join(line)
	if err != nil {
		return err
	}
	b.batch.Write(with)
	b.batch.WriteByte('\n')
	b.progress.pending += len(line) + 1
	b.lines++
	return nil
}

// send writes the batch and takes note of the results.
func (b *bulk) send(ctx context.Context) error {
	if b.lines == 0 {
		return nil
	}
	path := indexPath(b.index, "documents")
	if b.waitDense {
		path += "?wait=dense"
	}
	data, err := b.server.call(ctx, http.MethodPost, path, "application/x-ndjson", b.batch.Bytes())
	if err != nil {
		return err
	}
	items, err := decodeItems(data)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := b.note(item); err != nil {
			return err
		}
	}
	if len(items) != b.lines {
		return fmt.Errorf("server gave %d results for %d documents", len(items), b.lines)
	}
	if err := b.progress.add(b.lines); err != nil {
		return err
	}
	b.batch.Reset()
	b.lines = 0
	return nil
}

// note counts one result; the first failures are listed.
func (b *bulk) note(item api.WriteResult) error {
	b.result.Lines++
	b.result.Status[item.Status]++
	if item.Error == nil {
		return nil
	}
	b.result.Failed++
	switch {
	case b.result.Failed <= maxListed:
		return b.message("line %d, id %q: %s", b.result.Lines, item.ID, item.Error.Error())
	case b.result.Failed == maxListed+1:
		return b.message("more items failed; they are only counted")
	}
	return nil
}

// decodeItems reads the results of a bulk request: one object with items, or a result a line.
func decodeItems(data []byte) ([]api.WriteResult, error) {
	var items []api.WriteResult
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		var line struct {
			Items []api.WriteResult `json:"items"`
			api.WriteResult
		}
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return nil, fmt.Errorf("understand the server's answer: %w", err)
		}
		items = append(items, line.Items...)
		if line.Status != "" {
			items = append(items, line.WriteResult)
		}
	}
}

func (b *bulk) print() error {
	if b.format == formatJSON {
		return b.printJSON(b.result)
	}
	_, err := fmt.Fprintf(b.out, "%d items: %d created, %d updated, %d deleted, %d failed\n", b.result.Lines,
		b.result.Status[api.StatusCreated], b.result.Status[api.StatusUpdated], b.result.Status[api.StatusDeleted],
		b.result.Failed)
	return err
}
