package vault

import (
	"errors"

	"sagasu/internal/vfs"
)

var errBroken = errors.New("broken on purpose")

// brokenFS fails at one kind of call, and calls back at each one that changes something.
type brokenFS struct {
	vfs.FS
	step string
	call func(step string)
}

func (b *brokenFS) at(step string) error {
	if b.call != nil {
		b.call(step)
	}
	if b.step == step {
		return errBroken
	}
	return nil
}

func (b *brokenFS) Create(path string) (vfs.File, error) {
	if err := b.at("create"); err != nil {
		return nil, err
	}
	f, err := b.FS.Create(path)
	return brokenFile{f, b}, err
}

func (b *brokenFS) Rename(from, to string) error {
	if err := b.at("rename"); err != nil {
		return err
	}
	return b.FS.Rename(from, to)
}

func (b *brokenFS) SyncDir(dir string) error {
	if err := b.at("sync"); err != nil {
		return err
	}
	return b.FS.SyncDir(dir)
}

func (b *brokenFS) Map(path string) (vfs.Mapping, error) {
	if err := b.at("map"); err != nil {
		return nil, err
	}
	return b.FS.Map(path)
}

func (b *brokenFS) Remove(path string) error {
	if err := b.at("remove"); err != nil {
		return err
	}
	return b.FS.Remove(path)
}

type brokenFile struct {
	vfs.File
	fs *brokenFS
}

func (f brokenFile) Write(data []byte) (int, error) {
	if err := f.fs.at("write"); err != nil {
		return 0, err
	}
	return f.File.Write(data)
}
