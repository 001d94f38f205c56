package jobs

import (
	"errors"
	"fmt"
	"path/filepath"

	"sagasu/internal/vfs"
)

// journalWriter appends records to a new journal of a job.
type journalWriter struct {
	m    *Manager
	id   string
	file vfs.File
	buf  []byte
}

// note makes a record durable. After an error the next one goes to another file: this one's end may be torn.
func (w *journalWriter) note(p progress) error {
	var err error
	if w.buf, err = appendRecord(w.buf[:0], p); err != nil {
		return err
	}
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	_, err = w.file.Write(w.buf)
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write journal: %w", err), w.close())
	}
	return nil
}

func (w *journalWriter) open() error {
	numbers, err := w.m.journals(w.id)
	if err != nil {
		return err
	}
	next := 1
	if n := len(numbers); n > 0 {
		next = numbers[n-1] + 1
	}
	file, err := w.m.cfg.FS.Create(filepath.Join(w.m.dir(w.id), journalName(next)))
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	w.file = file
	if err := w.m.cfg.FS.SyncDir(w.m.dir(w.id)); err != nil {
		return errors.Join(fmt.Errorf("sync directory of the job: %w", err), w.close())
	}
	return nil
}

func (w *journalWriter) close() error {
	file := w.file
	if w.file = nil; file == nil {
		return nil
	}
	return file.Close()
}
