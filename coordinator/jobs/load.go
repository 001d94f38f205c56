package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sagasu/internal/vfs"
)

// load reads what is in the directory, and removes what was only begun.
func (m *Manager) load() error {
	if err := m.cfg.FS.MkdirAll(m.cfg.Dir); err != nil {
		return err
	}
	names, err := m.cfg.FS.List(m.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, newSuffix) {
			if err := vfs.RemoveTree(m.cfg.FS, filepath.Join(m.cfg.Dir, name)); err != nil {
				return fmt.Errorf("remove %s: %w", name, err)
			}
			continue
		}
		if checkID(name) != nil {
			return fmt.Errorf("%s holds %q, which is no job: %w", m.cfg.Dir, name, ErrDamaged)
		}
		j, err := m.loadJob(name)
		if errors.Is(err, ErrNewerFormat) {
			return fmt.Errorf("job %s: %w", name, err)
		}
		if err != nil {
			m.cfg.Logger.Error("a job can't be read, it ends as failed", "job", name, "error", err)
			j.ID, j.State, j.Error = name, StateFailed, err.Error()
		}
		if j.State.Ended() {
			m.dropBody(name)
		}
		m.jobs[name] = j
	}
	return nil
}

// dropBody removes what a stop left of the body of a job that has ended.
func (m *Manager) dropBody(id string) {
	err := m.cfg.FS.Remove(filepath.Join(m.dir(id), bodyFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.cfg.Logger.Warn("remove the body of a job that has ended", "job", id, "error", err)
	}
}

// loadJob reads one job; with an error it gives as much as could be read.
func (m *Manager) loadJob(id string) (*job, error) {
	j := &job{progress: progress{State: StateReceived}, loaded: true}
	data, err := m.cfg.FS.ReadFile(filepath.Join(m.dir(id), jobFile))
	if err != nil {
		return j, fmt.Errorf("read description: %w", err)
	}
	if j.description, err = decodeDescription(data); err != nil {
		return j, err
	}
	if j.ID != id {
		return j, fmt.Errorf("description is of job %s: %w", j.ID, ErrDamaged)
	}
	j.Millis = j.CreatedMillis
	journals, err := m.journals(id)
	if err != nil {
		return j, err
	}
	for _, n := range journals {
		data, err := m.cfg.FS.ReadFile(filepath.Join(m.dir(id), journalName(n)))
		if err != nil {
			return j, fmt.Errorf("read journal: %w", err)
		}
		if err := decodeJournal(data, j.replay); err != nil {
			return j, fmt.Errorf("%s: %w", journalName(n), err)
		}
	}
	return j, nil
}

// replay takes one record. A record that could not be told to be written is in the next journal again.
func (j *job) replay(p progress) error {
	if p.Offset < j.Offset || p.Offset > j.Bytes || p.Line < j.Line || p.State == "" {
		return fmt.Errorf("record goes back from byte %d to %d of %d: %w", j.Offset, p.Offset, j.Bytes, ErrDamaged)
	}
	for _, e := range p.Errors {
		if n := len(j.errors); n == 0 || j.errors[n-1].Line < e.Line {
			j.errors = append(j.errors, e)
		}
	}
	p.Errors = nil
	j.progress = p
	return nil
}

// journals gives the numbers of a job's journals, ascending.
func (m *Manager) journals(id string) ([]int, error) {
	names, err := m.cfg.FS.List(m.dir(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list job: %w", err)
	}
	var numbers []int
	for _, name := range names {
		text, ok := strings.CutPrefix(name, journalPrefix)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || journalName(n) != name {
			return nil, fmt.Errorf("%s is no name of a journal: %w", name, ErrDamaged)
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, nil
}
