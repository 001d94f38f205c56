// Package vfstest damages files for tests.
package vfstest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Flip changes a bit in the middle of a file, in place, as a failing disk does; a second time undoes it.
func Flip(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	one := make([]byte, 1)
	_, err = f.ReadAt(one, info.Size()/2)
	require.NoError(t, err)
	one[0] ^= 1
	_, err = f.WriteAt(one, info.Size()/2)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
