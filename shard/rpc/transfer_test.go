package rpc

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckPath(t *testing.T) {
	for _, path := range []string{"MANIFEST", "sparse/000001.seg", "a/b/c", "...", "地図", ".hidden"} {
		require.NoError(t, CheckPath(path), path)
	}
	for _, path := range []string{
		"", ".", "..", "../a", "a/..", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a/.", `a\b`, `..\a`, "C:a", "a\x00b",
		"a\xff", strings.Repeat("x", maxNameBytes+1),
	} {
		require.ErrorIs(t, CheckPath(path), ErrPath, "%q", path)
	}
}

func TestTransfer(t *testing.T) {
	ctx := t.Context()
	data := make([]byte, 5*MaxPiece/2)
	random := rand.NewChaCha8([32]byte{7})
	_, err := random.Read(data)
	require.NoError(t, err)
	fake := &fakeTransfers{files: map[string][]byte{"sparse/1.seg": data, "empty": {}}}
	net := newCluster(&fakeReplica{}, fake)
	client := NewClient(net)
	checkpoint, err := client.OpenCheckpoint(ctx, "n1", "s")
	require.NoError(t, err)
	require.Equal(t, "s-1", checkpoint.Session)
	require.Equal(t, uint64(990), checkpoint.Durable)
	file := func(path string) File {
		for _, f := range checkpoint.Files {
			if f.Path == path {
				return f
			}
		}
		return File{Path: path}
	}

	t.Run("files come whole", func(t *testing.T) {
		require.Len(t, checkpoint.Files, 2)
		for _, f := range checkpoint.Files {
			var out bytes.Buffer
			require.NoError(t, client.CopyFile(ctx, "n1", "s-1", f, &out))
			require.True(t, bytes.Equal(fake.files[f.Path], out.Bytes()))
		}
	})
	t.Run("a piece in the middle, one over the end, and one behind it", func(t *testing.T) {
		for _, c := range []struct{ offset, length, want int }{
			{100, 50, 50}, {len(data) - 10, 50, 10}, {len(data), 50, 0}, {math.MaxInt64 - 1, 50, 0}, {0, 0, 0},
		} {
			piece, err := client.ReadFile(ctx, "n1", "s-1", "sparse/1.seg", int64(c.offset), c.length)
			require.NoError(t, err)
			require.Len(t, piece, c.want)
			if c.want > 0 {
				require.Equal(t, data[c.offset:c.offset+c.want], piece)
			}
		}
	})
	t.Run("damage on the way is found", func(t *testing.T) {
		net.damage = func(answer []byte) []byte { answer[len(answer)/2] ^= 1; return answer }
		t.Cleanup(func() { net.damage = nil })
		require.ErrorIs(t, client.CopyFile(ctx, "n1", "s-1", file("sparse/1.seg"), &bytes.Buffer{}), ErrChecksum)
	})
	t.Run("a file that has changed, or is shorter, is found", func(t *testing.T) {
		changed := file("sparse/1.seg")
		changed.SHA256[0] ^= 1
		require.ErrorIs(t, client.CopyFile(ctx, "n1", "s-1", changed, &bytes.Buffer{}), ErrChecksum)
		longer := file("sparse/1.seg")
		longer.Size++
		require.ErrorIs(t, client.CopyFile(ctx, "n1", "s-1", longer, &bytes.Buffer{}), ErrChecksum)
	})
	t.Run("the writer's error is given", func(t *testing.T) {
		err := client.CopyFile(ctx, "n1", "s-1", file("sparse/1.seg"), brokenWriter{})
		require.ErrorIs(t, err, errBroken)
	})
	t.Run("a path out of the checkpoint is refused on both sides", func(t *testing.T) {
		_, err := client.ReadFile(ctx, "n1", "s-1", "../secret", 0, 10)
		require.ErrorIs(t, err, ErrPath)
		e := newEncoder(0)
		e.str("s-1")
		e.str("../secret")
		e.len(0)
		e.len(10)
		_, err = net.handlers[MethodReadFile](ctx, e.buf, nil)
		require.ErrorIs(t, fromFailure(err), ErrPath)
	})
	t.Run("a listing with a path out of it, or one twice, is refused on both sides", func(t *testing.T) {
		for _, files := range [][]File{{{Path: "a/../../b"}}, {{Path: "a"}, {Path: "a"}}} {
			_, err := encodeMessage(&openAnswer{Checkpoint{Files: files}})
			require.ErrorIs(t, err, ErrPath)
			e := newEncoder(0)
			e.str("s")
			e.uint(1)
			e.len(len(files))
			for _, f := range files {
				e.str(f.Path)
				e.len(0)
				e.buf = append(e.buf, f.SHA256[:]...)
			}
			require.ErrorIs(t, (&openAnswer{}).decode(newDecoder(e.buf)), ErrPath)
		}
	})
	t.Run("sizes that make no sum are refused", func(t *testing.T) {
		_, err := encodeMessage(&openAnswer{Checkpoint{Files: []File{{Path: "a", Size: -1}}}})
		require.ErrorIs(t, err, ErrMessage)
		_, err = encodeMessage(&openAnswer{Checkpoint{Files: []File{
			{Path: "a", Size: math.MaxInt64}, {Path: "b", Size: math.MaxInt64},
		}}})
		require.ErrorIs(t, err, ErrMessage)
	})
	t.Run("errors of the other side", func(t *testing.T) {
		_, err := client.ReadFile(ctx, "n1", "s-2", "empty", 0, 10)
		require.ErrorIs(t, err, ErrNoSession)
		_, err = client.OpenCheckpoint(ctx, "n1", "other")
		var none *NoShardError
		require.ErrorAs(t, err, &none)
	})
	t.Run("close", func(t *testing.T) {
		require.NoError(t, client.CloseCheckpoint(ctx, "n1", "s-1"))
		require.Equal(t, []string{"s-1"}, fake.closed)
	})
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
