// Package vfs is the file system seam of the index: what it needs of a file system, small enough
// to inject faults into.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"golang.org/x/sys/unix"
)

// ErrLocked is returned when another process holds a directory's lock.
var ErrLocked = errors.New("directory is in use by another process")

// File is a file being written.
type File interface {
	io.Writer
	io.Closer
	// Sync returns once the content is on stable storage.
	Sync() error
}

// Mapping is a file mapped into memory for reading.
type Mapping interface {
	// Bytes is the content; valid until Close.
	Bytes() []byte
	io.Closer
}

// FS is a file system.
type FS interface {
	// Create creates or truncates the file.
	Create(path string) (File, error)
	// ReadFile reads a small file as a whole.
	ReadFile(path string) ([]byte, error)
	// Map maps a file for reading.
	Map(path string) (Mapping, error)
	Rename(from, to string) error
	// Link gives the file from a second name, which must not be taken (fs.ErrExist); where that can't be, as
	// across devices, the second name gets a copy, on stable storage. For files that no longer change.
	Link(from, to string) error
	Remove(path string) error
	MkdirAll(path string) error
	// List gives the names in a directory, ascending.
	List(dir string) ([]string, error)
	// SyncDir makes creations, links, renames and removals in dir durable.
	SyncDir(dir string) error
	// Lock takes the exclusive lock of a directory until the Closer is closed; ErrLocked if it is taken.
	Lock(path string) (io.Closer, error)
}

// OS is the operating system's file system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(path string) (File, error)     { return os.Create(path) }
func (osFS) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }
func (osFS) Rename(from, to string) error         { return os.Rename(from, to) }
func (osFS) Link(from, to string) error           { return linkOrCopy(os.Link, from, to) }
func (osFS) Remove(path string) error             { return os.Remove(path) }
func (osFS) MkdirAll(path string) error           { return os.MkdirAll(path, 0o755) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sort.Strings(names)
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) Lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		closeErr := f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", filepath.Dir(path), ErrLocked), closeErr)
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), closeErr)
	}
	return f, nil
}

func (osFS) Map(path string) (Mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.Size() == 0 {
		return &mapping{}, f.Close()
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map %s: %w", path, err), f.Close())
	}
	return &mapping{data: data}, f.Close()
}

type mapping struct{ data []byte }

func (m *mapping) Bytes() []byte { return m.data }

func (m *mapping) Close() error {
	if m.data == nil {
		return nil
	}
	data := m.data
	m.data = nil
	return unix.Munmap(data)
}
