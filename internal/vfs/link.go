package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// linkOrCopy links, or copies where the file system refuses links as such.
func linkOrCopy(link func(from, to string) error, from, to string) error {
	err := link(from, to)
	if err == nil || !refusesLinks(err) {
		return err
	}
	return copyFile(from, to)
}

// refusesLinks reports whether an error says that these two names can't be linked, while a copy may do: other
// devices, no links at all, too many, or a kernel that protects the files of others.
func refusesLinks(err error) bool {
	for _, code := range []syscall.Errno{
		syscall.EXDEV, syscall.EPERM, syscall.EMLINK, syscall.ENOTSUP, syscall.ENOSYS,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// copyFile writes a copy to stable storage under a name that must not be taken; on an error there is none.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(fmt.Errorf("copy %s to %s: %w", from, to, err), os.Remove(to))
	}
	return nil
}
