package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sagasu/api"
	"sagasu/internal/source"
)

const (
	// ingestTries is how often what a busy server refuses is sent, with pauses that double from ingestPause.
	ingestTries = 8
	ingestPause = 100 * time.Millisecond
)

// loading is a load under way: one goroutine reads, some send.
type loading struct {
	*ingest
	seen    *idSet
	batches chan *ingestBatch
	// batch is the one being filled.
	batch *ingestBatch

	mu       sync.Mutex
	progress *progress
}

// loadingFile is a file under way; its fields but the first are guarded by loading.mu.
type loadingFile struct {
	*source.File
	sum             source.Checksum
	ids             []string
	pending, failed int
	read, finished  bool
}

// ingestBatch is the body of one request.
type ingestBatch struct {
	body  bytes.Buffer
	items []ingestItem
}

// ingestItem is a line of a batch; file is nil for the deletion of what is gone.
type ingestItem struct {
	file      *loadingFile
	id, place string
	bytes     int64
	line      []byte
}

// load sends the files that are to be sent, and deletes what is gone.
func (g *ingest) load(ctx context.Context, files []*source.File) (err error) {
	defer func() { err = errors.Join(err, g.state.close()) }()
	todo, size, err := g.todo(ctx, files)
	if err != nil {
		return err
	}
	l := &loading{
		ingest: g, seen: newIDSet(), batches: make(chan *ingestBatch), batch: &ingestBatch{},
		progress: newProgress(g.err, size),
	}
	err = l.run(ctx, func(ctx context.Context) error { return l.readAll(ctx, todo) })
	if err == nil && g.deleteMissing {
		err = l.sweep(ctx, files)
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted; --resume goes on with what is left")
	}
	return errors.Join(err, l.progress.finish())
}

// todo gives the files to send and their size in bytes.
func (g *ingest) todo(ctx context.Context, files []*source.File) (todo []*source.File, size int64, err error) {
	for _, f := range files {
		same, err := g.unchanged(ctx, f)
		switch {
		case ctx.Err() != nil:
			return nil, 0, ctx.Err()
		case err != nil:
			g.report.fault(f.Path, err)
		case same:
			g.report.Unchanged++
		default:
			todo = append(todo, f)
			size += f.Size
		}
	}
	return todo, size, nil
}

// run lets fill make batches and the workers send them, until both are done or one fails.
func (l *loading) run(ctx context.Context, fill func(ctx context.Context) error) error {
	l.batches = make(chan *ingestBatch)
	group, ctx := errgroup.WithContext(ctx)
	for range l.workers {
		group.Go(func() error {
			for batch := range l.batches {
				if err := l.send(ctx, batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(l.batches)
		if err := fill(ctx); err != nil {
			return err
		}
		return l.hand(ctx)
	})
	return group.Wait()
}

// readAll reads the files, one after the other.
func (l *loading) readAll(ctx context.Context, files []*source.File) error {
	for _, file := range files {
		f := &loadingFile{File: file}
		var stop error
		sum, err := file.Each(ctx, l.opts, func(item source.Item) error {
			stop = l.take(ctx, f, item)
			return stop
		})
		switch {
		case stop != nil:
			return stop
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			l.report.fault(file.Path, err)
		}
		l.mu.Lock()
		f.sum, f.read = sum, true
		if err != nil {
			f.failed++
		}
		err = l.finish(f)
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// take puts a document into the batch.
func (l *loading) take(ctx context.Context, f *loadingFile, item source.Item) error {
	if item.Err == nil {
		item.Err = l.seen.add(item.ID, f.Path)
	}
	l.report.read(f.File, item)
	if !l.count(f, item) {
		return nil
	}
	return l.add(ctx, ingestItem{file: f, id: item.ID, place: item.Place, bytes: item.Bytes, line: item.JSON})
}

// count takes note of a document of a file; false for one that failed.
func (l *loading) count(f *loadingFile, item source.Item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if item.Err != nil {
		f.failed++
		return false
	}
	f.pending++
	f.ids = append(f.ids, item.ID)
	return true
}

// add appends a line to the batch, after handing on a full one.
func (l *loading) add(ctx context.Context, item ingestItem) error {
	if n := len(l.batch.items); n == maxBulkBatch || n > 0 && l.batch.body.Len()+len(item.line) > maxBulkBytes {
		if err := l.hand(ctx); err != nil {
			return err
		}
	}
	l.batch.body.Write(item.line)
	l.batch.body.WriteByte('\n')
	l.batch.items = append(l.batch.items, item)
	return nil
}

// hand gives the batch to a worker.
func (l *loading) hand(ctx context.Context) error {
	if len(l.batch.items) == 0 {
		return nil
	}
	select {
	case l.batches <- l.batch:
		l.batch = &ingestBatch{}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send writes a batch. What a busy server refuses is sent again after a pause: a document is the same however often
// it is written.
func (l *loading) send(ctx context.Context, batch *ingestBatch) error {
	path := indexPath(l.index, "documents")
	if l.waitDense {
		path += "?wait=dense"
	}
	for try := 1; ; try++ {
		var results []api.WriteResult
		data, err := l.server.call(ctx, http.MethodPost, path, "application/x-ndjson", batch.body.Bytes())
		if err == nil {
			results, err = decodeItems(data)
		}
		switch {
		case err == nil && len(results) != len(batch.items):
			return fmt.Errorf("server gave %d results for %d documents", len(results), len(batch.items))
		case err != nil && (!busyError(err) || try == ingestTries):
			return err
		case err == nil:
			left, err := l.settle(batch, results, try == ingestTries)
			if err != nil || left == nil {
				return err
			}
			batch = left
		}
		pause := ingestPause << (try - 1)
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// busyError reports whether a refused request may be taken later.
func busyError(err error) bool {
	var refused *serverError
	return errors.As(err, &refused) && busy(refused.problem)
}

func busy(p *api.Problem) bool {
	return p != nil && (p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable)
}

// settle takes note of results, and gives a batch of what is worth sending again; nil if nothing is.
func (l *loading) settle(batch *ingestBatch, results []api.WriteResult, last bool) (*ingestBatch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left *ingestBatch
	for i, item := range batch.items {
		if busy(results[i].Error) && !last {
			if left == nil {
				left = &ingestBatch{}
			}
			left.body.Write(item.line)
			left.body.WriteByte('\n')
			left.items = append(left.items, item)
			continue
		}
		l.progress.pending += int(item.bytes)
		if item.file == nil {
			l.report.settle(item.place, results[i])
			continue
		}
		if !l.report.settle(place(item.file.File, item.id, item.place), results[i]) {
			item.file.failed++
		}
		item.file.pending--
		if err := l.finish(item.file); err != nil {
			return nil, err
		}
	}
	done := len(batch.items)
	if left != nil {
		done -= len(left.items)
	}
	return left, l.progress.add(done)
}

// finish remembers what was sent of a file. mu is held.
func (l *loading) finish(f *loadingFile) error {
	if !f.read || f.pending > 0 || f.finished || l.state == nil {
		return nil
	}
	f.finished = true
	sent := sentFile{
		Path: absolute(f.Path), Size: f.Size, Modified: f.ModTime, Checksum: fmt.Sprintf("%x", f.sum),
		Options: l.fingerprint(), Failed: f.failed > 0, IDs: f.ids,
	}
	before, _ := l.state.sent(f.Path)
	held := make(map[string]bool, len(f.ids))
	for _, id := range f.ids {
		held[id] = true
	}
	for _, id := range slices.Concat(before.IDs, before.Stale) {
		switch {
		case held[id]:
		case sent.Failed:
			// It may be one of those that failed.
			sent.IDs = append(sent.IDs, id)
		default:
			sent.Stale = append(sent.Stale, id)
		}
		held[id] = true
	}
	return l.state.note(sent)
}

// sweep deletes the documents of files that are gone, and those that files no longer hold, unless another file
// holds them now. They are forgotten when all of that is done.
func (l *loading) sweep(ctx context.Context, files []*source.File) error {
	gone, err := l.state.missing(files, l.roots)
	if err != nil {
		return err
	}
	l.report.Gone = len(gone)
	less := l.state.stale(files)
	var ids []string
	for _, sent := range gone {
		ids = append(append(ids, sent.IDs...), sent.Stale...)
	}
	for _, sent := range less {
		ids = append(ids, sent.Stale...)
	}
	failed := l.report.Failed
	if err := l.run(ctx, func(ctx context.Context) error { return l.delete(ctx, ids, gone) }); err != nil {
		return err
	}
	if l.report.Failed > failed {
		return nil // the next run tries again
	}
	for _, sent := range gone {
		sent.Gone = true
		err = errors.Join(err, l.state.note(sent))
	}
	for _, sent := range less {
		sent.Stale = nil
		err = errors.Join(err, l.state.note(sent))
	}
	return err
}

// delete puts deletions into batches.
func (l *loading) delete(ctx context.Context, ids []string, gone []sentFile) error {
	kept := l.state.kept(gone)
	for _, id := range ids {
		if kept[id] || l.seen.has(id) {
			continue
		}
		line := append(api.AppendString([]byte(`{"op":"delete","id":`), id), '}')
		item := ingestItem{id: id, place: fmt.Sprintf("delete %q", id), line: line}
		if err := l.add(ctx, item); err != nil {
			return err
		}
	}
	return nil
}
