package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"syscall"

	"sagasu/internal/vfs"
)

// Receive keeps a body, of JSON lines, as a new job: on return it is on stable storage. The job waits for Accept; it is
// as good as not there after a restart that comes before. Errors, after which nothing is left: ErrTooLarge, ErrNoRoom,
// ErrTooMany, ErrBody, ErrClosed, and those of the file system.
func (m *Manager) Receive(ctx context.Context, id string, target Target, requestID string, body io.Reader) (
	Status, error,
) {
	if err := checkID(id); err != nil {
		return Status{}, err
	}
	if err := m.admit(); err != nil {
		return Status{}, err
	}
	defer m.received()
	j := &job{
		description: description{
			Format: format, ID: id, Target: target, RequestID: requestID, CreatedMillis: m.cfg.Now().UnixMilli(),
			Block: blockBytes,
		},
		progress: progress{State: StateReceived},
	}
	j.Millis = j.CreatedMillis
	err := vfs.NewDir(m.cfg.FS, m.dir(id), func(temp string) error {
		if err := m.receive(ctx, &j.description, temp, body); err != nil {
			return err
		}
		data, err := appendRecord(nil, j.description)
		if err != nil {
			return err
		}
		return m.writeFile(filepath.Join(temp, jobFile), data)
	})
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	if err != nil {
		return Status{}, fmt.Errorf("receive job: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs[id] = j
	return j.status(), nil
}

// admit takes a place for a job that comes.
func (m *Manager) admit() error {
	if err := m.cfg.Room(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	open := m.receiving
	for _, j := range m.jobs {
		if !j.State.Ended() {
			open++
		}
	}
	if open >= m.cfg.MaxJobs {
		return fmt.Errorf("%w: %d wait or run", ErrTooMany, open)
	}
	m.receiving++
	return nil
}

func (m *Manager) received() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.receiving--
}

// receive writes the body and completes the description.
func (m *Manager) receive(ctx context.Context, d *description, dir string, body io.Reader) error {
	file, err := m.cfg.FS.Create(filepath.Join(dir, bodyFile))
	if err != nil {
		return fmt.Errorf("create body: %w", err)
	}
	s := &spool{description: d, out: file, room: m.cfg.Room, limit: m.cfg.MaxBytes}
	err = s.copy(ctx, body)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// spool copies a body and counts its lines.
type spool struct {
	*description
	out   io.Writer
	room  func() error
	limit int64
	// sum and filled are of the block that has begun.
	sum    uint32
	filled int
	// text says that the line that has begun is not empty.
	text bool
}

func (s *spool) copy(ctx context.Context, body io.Reader) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if err := s.write(buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			if s.filled > 0 {
				s.Sums = append(s.Sums, s.sum)
			}
			if s.text {
				s.Lines++
			}
			return nil
		case err != nil:
			return fmt.Errorf("%w after %d bytes: %w", ErrBody, s.Bytes, err)
		}
	}
}

func (s *spool) write(data []byte) error {
	if s.Bytes += int64(len(data)); s.Bytes > s.limit {
		return fmt.Errorf("%w: it has more than the %d bytes allowed", ErrTooLarge, s.limit)
	}
	if _, err := s.out.Write(data); err != nil {
		return fmt.Errorf("write body: %w", err)
	}
	s.count(data)
	for len(data) > 0 {
		part := data[:min(len(data), s.Block-s.filled)]
		s.sum = crc32.Update(s.sum, castagnoli(), part)
		s.filled += len(part)
		data = data[len(part):]
		if s.filled < s.Block {
			continue
		}
		s.Sums = append(s.Sums, s.sum)
		s.sum, s.filled = 0, 0
		if err := s.room(); err != nil {
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
	}
	return nil
}

// count counts the lines that have more than space.
func (s *spool) count(data []byte) {
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte{'\n'})
		s.text = s.text || len(bytes.TrimSpace(line)) > 0
		if ended && s.text {
			s.Lines++
		}
		s.text = s.text && !ended
		data = rest
	}
}

// writeFile writes a new file to stable storage.
func (m *Manager) writeFile(path string, data []byte) error {
	file, err := m.cfg.FS.Create(path)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
