package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"sagasu/api"
	"sagasu/internal/vfs"
)

// Manager has the jobs of a node. Its methods may be called concurrently.
type Manager struct {
	cfg     Config
	metrics *metrics

	// mu guards the jobs and what follows. No file is touched under it.
	mu   sync.Mutex
	jobs map[string]*job
	// receiving is the number of bodies that come in, active that of jobs that run.
	receiving, active int
	started, closed   bool
	// changed is closed and made anew when the state of a job changes.
	changed chan struct{}

	// ctx ends when the manager is closed, which ends the goroutines that running counts.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Open reads the jobs of a directory; Start runs them. A job that is damaged is there as a failed one. Errors:
// ErrConfig, ErrNewerFormat, and those of the file system.
func Open(cfg Config) (*Manager, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Manager{cfg: cfg, jobs: map[string]*job{}, changed: make(chan struct{})}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("open jobs in %s: %w", cfg.Dir, err)
	}
	var err error
	if m.metrics, err = newMetrics(cfg.Registry, m.counts); err != nil {
		return nil, fmt.Errorf("register metrics of jobs: %w", err)
	}
	return m, nil
}

// Start runs what waits.
func (m *Manager) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = true
	m.dispatch()
}

// Close stops all jobs where they are; they go on at the next Open and Start.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.running.Wait()
	m.metrics.close()
}

// Accept lets a received job run when its turn comes. Of one that is accepted already it does nothing. ErrNotFound.
func (m *Manager) Accept(id string) error {
	m.mu.Lock()
	j := m.jobs[id]
	switch {
	case j == nil:
		m.mu.Unlock()
		return fmt.Errorf("accept %.100q: %w", id, ErrNotFound)
	case j.State != StateReceived || j.stop != nil:
		m.mu.Unlock()
		return nil
	}
	next := progress{State: StatePending, Millis: m.cfg.Now().UnixMilli()}
	if err := m.change(j, next); err != nil {
		return fmt.Errorf("accept job %s: %w", id, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dispatch()
	return nil
}

// Cancel makes a job end between two batches; reason tells why. What is written stays. ErrNotFound, ErrEnded.
func (m *Manager) Cancel(id, reason string) error {
	m.mu.Lock()
	j := m.jobs[id]
	switch {
	case j == nil:
		m.mu.Unlock()
		return fmt.Errorf("cancel %.100q: %w", id, ErrNotFound)
	case j.State.Ended():
		m.mu.Unlock()
		return fmt.Errorf("cancel %s, which is %s: %w", id, j.State, ErrEnded)
	}
	if j.cancel == "" {
		j.cancel = reason
	}
	if stop := j.stop; stop != nil {
		m.mu.Unlock()
		stop()
		return nil
	}
	if err := m.change(j, m.ended(j, StateCancelled, j.cancel)); err != nil {
		return fmt.Errorf("cancel job %s: %w", id, err)
	}
	m.metrics.ended.WithLabelValues(string(StateCancelled)).Inc()
	m.removeBody(j)
	return nil
}

// change brings a job that does not run to another state. mu is held, and given back: nobody else changes the job
// meanwhile, for it looks as if it ran.
func (m *Manager) change(j *job, next progress) error {
	j.stop = func() {}
	m.mu.Unlock()
	w := &journalWriter{m: m, id: j.ID}
	err := errors.Join(w.note(next), w.close())
	m.mu.Lock()
	defer m.mu.Unlock()
	if j.stop = nil; err == nil {
		j.progress = next
		m.tell()
	}
	return err
}

// ended gives the last record of a job. mu is held.
func (m *Manager) ended(j *job, state State, reason string) progress {
	next := j.progress
	next.State, next.Error, next.Millis, next.Errors = state, reason, m.cfg.Now().UnixMilli(), nil
	return next
}

// Forget removes a job that does not run, with its files. One that is not there is no error.
func (m *Manager) Forget(id string) error {
	m.mu.Lock()
	j := m.jobs[id]
	if j == nil || j.stop != nil {
		m.mu.Unlock()
		return nil
	}
	delete(m.jobs, id)
	m.tell()
	m.mu.Unlock()
	if err := vfs.RemoveTree(m.cfg.FS, m.dir(id)); err != nil {
		return fmt.Errorf("remove job %s: %w", id, err)
	}
	if err := m.cfg.FS.SyncDir(m.cfg.Dir); err != nil {
		return fmt.Errorf("remove job %s: %w", id, err)
	}
	return nil
}

// Status gives how a job is; false if there is none of that id.
func (m *Manager) Status(id string) (Status, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.jobs[id]
	if j == nil {
		return Status{}, false
	}
	return j.status(), true
}

// List gives how all jobs are, the oldest first.
func (m *Manager) List() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Status, 0, len(m.jobs))
	for _, j := range m.jobs {
		out = append(out, j.status())
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.CreatedMillis, b.CreatedMillis), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Errors gives at most limit of the items of a job that failed, from the line behind after on. ErrNotFound.
func (m *Manager) Errors(id string, after int64, limit int) (api.JobErrors, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.jobs[id]
	if j == nil {
		return api.JobErrors{}, fmt.Errorf("errors of %.100q: %w", id, ErrNotFound)
	}
	first, _ := slices.BinarySearchFunc(j.errors, after+1, func(e api.JobError, line int64) int {
		return cmp.Compare(e.Line, line)
	})
	list := j.errors[first:]
	out := api.JobErrors{Errors: slices.Clone(list[:min(limit, len(list))]), Dropped: j.Dropped, From: api.FromNode}
	if len(out.Errors) < len(list) && len(out.Errors) > 0 {
		out.Next = out.Errors[len(out.Errors)-1].Line
	}
	return out, nil
}

// Changed gives a channel that is closed when the state of any job changes; its progress is none.
func (m *Manager) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// tell wakes those who wait for a change. mu is held.
func (m *Manager) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// dispatch starts the oldest jobs that wait, as many as there is place for. mu is held.
func (m *Manager) dispatch() {
	for m.started && !m.closed && m.active < m.cfg.Running {
		var next *job
		for _, j := range m.jobs {
			waits := j.stop == nil && (j.State == StatePending || j.State == StateRunning)
			if waits && (next == nil || j.before(next)) {
				next = j
			}
		}
		if next == nil {
			return
		}
		r := newRunner(m, next)
		next.stop = r.stop
		m.active++
		m.running.Go(func() {
			r.run()
			m.mu.Lock()
			defer m.mu.Unlock()
			next.stop, next.samples, next.trouble = nil, nil, ""
			m.active--
			m.tell()
			m.dispatch()
		})
	}
}

func (j *job) before(other *job) bool {
	return cmp.Or(cmp.Compare(j.CreatedMillis, other.CreatedMillis), cmp.Compare(j.ID, other.ID)) < 0
}

// counts gives how many jobs wait and run, and the bytes of their bodies.
func (m *Manager) counts() (waiting, active int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		if j.State.Ended() {
			continue
		}
		if bytes += j.Bytes; j.stop == nil {
			waiting++
		}
	}
	return waiting, m.active, bytes
}

func (m *Manager) dir(id string) string { return filepath.Join(m.cfg.Dir, id) }

// removeBody removes the body of a job that has ended; one that stays goes with the job.
func (m *Manager) removeBody(j *job) {
	err := m.cfg.FS.Remove(filepath.Join(m.dir(j.ID), bodyFile))
	if err = errors.Join(err, m.cfg.FS.SyncDir(m.dir(j.ID))); err != nil {
		m.cfg.Logger.Warn("remove the body of a job that has ended", "job", j.ID, "error", err)
	}
}
