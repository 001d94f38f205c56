package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sagasu/api"
)

// errCancelled ends a job that was asked to end.
var errCancelled = errors.New("job was cancelled")

// runner runs one job. It reads and parses batches and notes them in their order, while others are written.
type runner struct {
	m       *Manager
	j       *job
	body    *body
	journal *journalWriter
	// flying are the batches that are being written, oldest first.
	flying []*batch
	// again is the number of batches to come that may have been written before the process was stopped.
	again int
	// cancelled is closed by stop.
	cancelled chan struct{}
	once      sync.Once
}

func newRunner(m *Manager, j *job) *runner {
	return &runner{
		m: m, j: j, journal: &journalWriter{m: m, id: j.ID}, cancelled: make(chan struct{}),
	}
}

// stop makes the job end between two batches.
func (r *runner) stop() { r.once.Do(func() { close(r.cancelled) }) }

// run works until the job has ended or the manager is closed.
func (r *runner) run() {
	err := r.open()
	if err == nil {
		err = r.work()
		if late := r.drain(); err == nil {
			err = late
		}
		err = errors.Join(err, r.body.close())
	}
	state, reason := StateDone, ""
	switch {
	case r.m.ctx.Err() != nil:
		if err := r.journal.close(); err != nil {
			r.m.cfg.Logger.Warn("close journal", "job", r.j.ID, "error", err)
		}
		return
	case errors.Is(err, errCancelled):
		r.m.mu.Lock()
		state, reason = StateCancelled, r.j.cancel
		r.m.mu.Unlock()
	case err != nil:
		state, reason = StateFailed, err.Error()
	}
	r.end(state, reason)
}

// open opens the body and notes that the job runs.
func (r *runner) open() error {
	r.m.mu.Lock()
	next := r.j.progress
	r.m.mu.Unlock()
	if next.State == StateRunning {
		r.again = r.m.cfg.InFlight
	}
	next.State, next.Millis = StateRunning, r.m.cfg.Now().UnixMilli()
	if err := r.note(next); err != nil {
		return err
	}
	var err error
	r.body, err = openBody(r.m.cfg.FS, r.m.dir(r.j.ID), &r.j.description, next.Offset, next.Line)
	return err
}

// work starts batches until the body is read.
func (r *runner) work() error {
	for !r.body.ended() {
		if err := r.stopped(); err != nil {
			return err
		}
		b, err := r.read()
		if err != nil {
			return err
		}
		for len(r.flying) > 0 && (len(r.flying) >= r.m.cfg.InFlight || r.meets(b)) {
			if err := r.settle(); err != nil {
				return err
			}
		}
		r.flying = append(r.flying, b)
		go r.write(b)
	}
	return nil
}

// meets reports whether a batch writes a document that one under way writes too: lines about one document take effect
// in their order.
func (r *runner) meets(b *batch) bool {
	for _, earlier := range r.flying {
		if b.meets(earlier) {
			return true
		}
	}
	return false
}

// drain settles what is under way. Batches behind one that could not be written are not noted, and so come again if
// the job does.
func (r *runner) drain() error {
	for len(r.flying) > 0 {
		if err := r.settle(); err != nil {
			for _, b := range r.flying {
				<-b.done
			}
			return err
		}
	}
	return nil
}

// stopped gives why the job does not go on, nil if it does.
func (r *runner) stopped() error {
	select {
	case <-r.cancelled:
		return errCancelled
	case <-r.m.ctx.Done():
		return ErrClosed
	default:
		return nil
	}
}

// read makes the next batch. Where it ends is told by the body alone, so that it is the same at each try.
func (r *runner) read() (*batch, error) {
	schema, err := r.schema()
	if err != nil {
		return nil, err
	}
	b := newBatch(r.j.ID, r.body.offset)
	if r.again > 0 {
		r.again--
		b.try.Again = true
	}
	for bytes := 0; !r.body.ended() && b.items < r.m.cfg.BatchItems && bytes < r.m.cfg.BatchBytes; {
		line, err := r.body.next()
		switch {
		case errors.Is(err, errLineTooLong):
			b.refuse("", api.NewProblem(api.ProblemTooLarge, 413, "", "has more than the %d bytes allowed in a line",
				api.MaxBulkLine), r.body.line)
		case err != nil:
			return nil, err
		case len(line) > 0:
			bytes += len(line)
			write, err := api.ParseDocument(schema, line)
			if err != nil {
				b.refuse("", r.m.cfg.Problem(err), r.body.line)
			} else {
				b.add(write, r.body.line)
			}
		}
	}
	b.end, b.line = r.body.offset, r.body.line
	return b, nil
}

// schema waits for the index's schema.
func (r *runner) schema() (*api.Schema, error) {
	for attempt := 0; ; attempt++ {
		ctx, cancel := context.WithTimeout(r.m.ctx, writeTimeout)
		schema, err := r.m.cfg.Writer.Schema(ctx, r.j.Target)
		cancel()
		if err == nil || !passing(err) {
			return schema, err
		}
		if err := r.pause(attempt, err); err != nil {
			return nil, err
		}
	}
}

// write writes a batch, as often as it takes.
func (r *runner) write(b *batch) {
	defer close(b.done)
	defer func() {
		if p := recover(); p != nil {
			r.m.cfg.Logger.Error("write of a job panicked", "job", r.j.ID, "panic", fmt.Sprint(p))
			b.fail(r.m.cfg.Problem(fmt.Errorf("panic: %v", p)))
		}
	}()
	for attempt := 0; len(b.writes) > 0; attempt++ {
		ctx, cancel := context.WithTimeout(r.m.ctx, writeTimeout)
		results, err := r.m.cfg.Writer.Write(ctx, r.j.Target, b.try, b.writes)
		cancel()
		switch {
		case err == nil:
			b.settle(results)
			return
		case errors.Is(err, api.ErrIndexNotFound):
			b.err = err
			return
		case !passing(err):
			b.fail(r.m.cfg.Problem(err))
			return
		}
		b.try.Again = true
		r.m.metrics.retries.Inc()
		if b.err = r.pause(attempt, err); b.err != nil {
			return
		}
	}
	b.order()
}

// passing reports whether an error may be gone at another try.
func passing(err error) bool {
	for _, kind := range []error{
		api.ErrUnavailable, api.ErrOverloaded, api.ErrUnknownOutcome, context.DeadlineExceeded, context.Canceled,
	} {
		if errors.Is(err, kind) {
			return !errors.Is(err, api.ErrIndexNotFound)
		}
	}
	return false
}

// pause waits before another try, longer each time; an error says that there is to be none.
func (r *runner) pause(attempt int, trouble error) error {
	r.troubled(trouble.Error())
	pause := min(minPause<<min(attempt, 10), maxPause)
	select {
	case <-r.m.cfg.After(pause/2 + rand.N(pause)):
		return nil
	case <-r.cancelled:
		return errCancelled
	case <-r.m.ctx.Done():
		return ErrClosed
	}
}

// troubled tells what the job waits for.
func (r *runner) troubled(why string) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if why != r.j.trouble && why != "" {
		r.m.cfg.Logger.Warn("a job waits", "job", r.j.ID, "error", why)
	}
	r.j.trouble = why
}

// settle waits for the oldest batch and notes it.
func (r *runner) settle() error {
	b := r.flying[0]
	<-b.done
	if b.err != nil {
		return b.err
	}
	r.flying = r.flying[1:]
	r.m.mu.Lock()
	next := r.j.progress
	kept := len(r.j.errors)
	r.m.mu.Unlock()
	next.Offset, next.Line, next.Millis = b.end, b.line, r.m.cfg.Now().UnixMilli()
	next.Done += int64(b.items - len(b.errors))
	next.Failed += int64(len(b.errors))
	next.Errors = b.errors[:min(len(b.errors), MaxErrors-kept)]
	next.Dropped += int64(len(b.errors) - len(next.Errors))
	if err := r.note(next); err != nil {
		return err
	}
	r.m.metrics.written.Add(float64(b.items - len(b.errors)))
	r.m.metrics.wrong.Add(float64(len(b.errors)))
	return nil
}

// note makes how far the job is durable, and shows it. It tries until that works or the manager is closed: a disk that
// is full now may have room later.
func (r *runner) note(next progress) error {
	for attempt := 0; ; attempt++ {
		err := r.journal.note(next)
		if err == nil {
			break
		}
		r.troubled(err.Error())
		pause := min(minPause<<min(attempt, 10), maxPause)
		select {
		case <-r.m.cfg.After(pause):
		case <-r.m.ctx.Done():
			return ErrClosed
		}
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	state := r.j.State
	r.j.errors = append(r.j.errors, next.Errors...)
	next.Errors = nil
	r.j.progress, r.j.trouble = next, ""
	r.j.samples = r.j.samples.add(sample{
		at: time.UnixMilli(next.Millis), items: next.Done + next.Failed, bytes: next.Offset,
	})
	if state != next.State {
		r.m.tell()
	}
	return nil
}

// end notes the last state and lets go of the body.
func (r *runner) end(state State, reason string) {
	r.m.mu.Lock()
	next := r.m.ended(r.j, state, reason)
	r.m.mu.Unlock()
	err := r.note(next)
	if err = errors.Join(err, r.journal.close()); err != nil {
		r.m.cfg.Logger.Warn("note the end of a job", "job", r.j.ID, "error", err)
		return
	}
	r.m.metrics.ended.WithLabelValues(string(state)).Inc()
	r.m.cfg.Logger.Info("job ended", "job", r.j.ID, "index", r.j.Index, "state", string(state), "done", next.Done,
		"failed", next.Failed, "reason", reason)
	r.m.removeBody(r.j)
}
