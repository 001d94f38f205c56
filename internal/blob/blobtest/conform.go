package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/internal/blob"
)

// Conform holds a store that is empty to what package blob says of stores.
func Conform(t *testing.T, s blob.Store) {
	t.Helper()
	t.Run("gives what was put", func(t *testing.T) { testRoundTrip(t, s) })
	t.Run("keeps what is there", func(t *testing.T) { testExists(t, s) })
	t.Run("lets one of many put", func(t *testing.T) { testRace(t, s) })
	t.Run("refuses other content", func(t *testing.T) { testContent(t, s) })
	t.Run("does not know what is not there", func(t *testing.T) { testAbsent(t, s) })
	t.Run("lists by prefix", func(t *testing.T) { testList(t, s) })
	t.Run("refuses names", func(t *testing.T) { testNames(t, s) })
	t.Run("stops with its caller", func(t *testing.T) { testLeaving(t, s) })
}

func put(t *testing.T, s blob.Store, name string, data []byte) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), name, blob.Bytes(data), blob.ContentOf(data)))
}

func testRoundTrip(t *testing.T, s blob.Store) {
	// The last is sent in parts.
	for _, size := range []int{0, 1, 4096, 1 << 20, 35 << 20} {
		data := bytes.Repeat([]byte("sagasu 探す "), size/14+1)[:size]
		name := "trip/" + strings.Repeat("x", 1+size%97)
		put(t, s, name, data)
		info, err := s.Stat(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, name, info.Name)
		require.EqualValues(t, size, info.Size)
		require.False(t, info.Modified.IsZero())
		h := sha256.New()
		require.NoError(t, blob.Copy(t.Context(), s, name, blob.ContentOf(data), h))
		require.Equal(t, blob.ContentOf(data).SHA256, [sha256.Size]byte(h.Sum(nil)))
		require.NoError(t, s.Delete(t.Context(), name))
		_, err = s.Stat(t.Context(), name)
		require.ErrorIs(t, err, blob.ErrNotFound)
	}
}

func testExists(t *testing.T, s blob.Store) {
	put(t, s, "there", []byte("first"))
	err := s.Put(t.Context(), "there", blob.Bytes([]byte("other")), blob.ContentOf([]byte("other")))
	require.ErrorIs(t, err, blob.ErrExists)
	data, err := blob.ReadAll(t.Context(), s, "there", 100)
	require.NoError(t, err)
	require.Equal(t, "first", string(data))
	_, err = blob.ReadAll(t.Context(), s, "there", 4)
	require.ErrorIs(t, err, blob.ErrTooLarge)
	err = blob.Copy(t.Context(), s, "there", blob.ContentOf([]byte("First")), io.Discard)
	require.ErrorIs(t, err, blob.ErrContent)
	err = blob.Copy(t.Context(), s, "there", blob.ContentOf([]byte("first!")), io.Discard)
	require.ErrorIs(t, err, blob.ErrContent)
}

func testRace(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			data := []byte{byte(i)}
			errs[i] = s.Put(t.Context(), "race/one", blob.Bytes(data), blob.ContentOf(data))
		})
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, won, "two have put the object")
			won = i
			continue
		}
		require.ErrorIs(t, err, blob.ErrExists)
	}
	data, err := blob.ReadAll(t.Context(), s, "race/one", 10)
	require.NoError(t, err)
	require.Equal(t, []byte{byte(won)}, data)
}

func testContent(t *testing.T, s blob.Store) {
	data := bytes.Repeat([]byte("b"), 20<<20)
	wrong := blob.ContentOf(data)
	wrong.SHA256[3] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want blob.Content
	}{
		"checksum":       {[]byte("some"), blob.ContentOf([]byte("none"))},
		"longer":         {[]byte("longer"), blob.ContentOf([]byte("long"))},
		"shorter":        {[]byte("long"), blob.ContentOf([]byte("longer"))},
		"empty":          {nil, blob.Content{}},
		"not empty":      {[]byte("x"), blob.ContentOf(nil)},
		"sent in parts":  {data, wrong},
		"parts too few":  {data[1:], blob.ContentOf(data)},
		"parts too many": {append(bytes.Clone(data), 1), blob.ContentOf(data)},
	} {
		object := "content/" + strings.ReplaceAll(name, " ", "-")
		err := s.Put(t.Context(), object, blob.Bytes(c.data), c.want)
		if strings.Contains(name, "longer") || strings.Contains(name, "too many") {
			// What comes after the object's end need not be looked at, but it must not become a part of it.
			if err == nil {
				require.NoError(t, blob.Copy(t.Context(), s, object, c.want, io.Discard), name)
				continue
			}
		}
		require.ErrorIs(t, err, blob.ErrContent, name)
		_, err = s.Stat(t.Context(), object)
		require.ErrorIs(t, err, blob.ErrNotFound, name)
	}
}

func testAbsent(t *testing.T, s blob.Store) {
	_, _, err := s.Get(t.Context(), "absent/object")
	require.ErrorIs(t, err, blob.ErrNotFound)
	_, err = s.Stat(t.Context(), "absent/object")
	require.ErrorIs(t, err, blob.ErrNotFound)
	require.NoError(t, s.Delete(t.Context(), "absent/object"))
	require.NoError(t, s.List(t.Context(), "absent/", func(blob.Info) error { return io.EOF }))
}

func testList(t *testing.T, s blob.Store) {
	want := []string{"list/a", "list/b/1", "list/b/2", "list/bb"}
	for _, name := range want {
		put(t, s, name, []byte(name))
	}
	list := func(prefix string) (names []string) {
		require.NoError(t, s.List(t.Context(), prefix, func(info blob.Info) error {
			require.EqualValues(t, len(info.Name), info.Size)
			names = append(names, info.Name)
			return nil
		}))
		slices.Sort(names)
		return names
	}
	require.Equal(t, want, list("list/"))
	require.Equal(t, want[1:3], list("list/b/"))
	require.Equal(t, want[1:], list("list/b"))
	require.Empty(t, list("list/c"))
	require.ErrorIs(t, s.List(t.Context(), "list/", func(blob.Info) error { return io.ErrShortWrite }), io.ErrShortWrite)
}

func testNames(t *testing.T, s blob.Store) {
	for _, name := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", ".hidden", "a/.b", "A", "a b", "ä", "a\x00", "a\\b",
		strings.Repeat("a", blob.MaxNameBytes+1), strings.Repeat("a/", 9) + "a",
	} {
		require.ErrorIs(t, s.Put(t.Context(), name, blob.Bytes(nil), blob.ContentOf(nil)), blob.ErrName, name)
		_, _, err := s.Get(t.Context(), name)
		require.ErrorIs(t, err, blob.ErrName, name)
		_, err = s.Stat(t.Context(), name)
		require.ErrorIs(t, err, blob.ErrName, name)
		require.ErrorIs(t, s.Delete(t.Context(), name), blob.ErrName, name)
	}
	require.ErrorIs(t, s.List(t.Context(), "../", func(blob.Info) error { return nil }), blob.ErrName)
}

func testLeaving(t *testing.T, s blob.Store) {
	put(t, s, "leaving/there", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Put(ctx, "leaving/a", blob.Bytes(nil), blob.ContentOf(nil)), context.Canceled)
	_, _, err := s.Get(ctx, "leaving/there")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.List(ctx, "leaving/", func(blob.Info) error { return nil }), context.Canceled)
}
