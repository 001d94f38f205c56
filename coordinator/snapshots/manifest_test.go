package snapshots

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/blob"
)

func testManifest() *Manifest {
	return &Manifest{
		ID: "20261125-abc", Cluster: "c1", Program: "v1", CreatedMillis: 1, CutBeganMillis: 2, CutEndedMillis: 3,
		MetadataVersion: 7, FeatureLevel: 3,
		Indexes: []IndexPart{{
			Name: "papers", UUID: "u1", CreatedMillis: 1, Replicas: 2, Aliases: []string{"p"}, Retired: []int{1},
			LastGeneration: 2,
			Schema:         api.Schema{Fields: map[string]api.Field{"text": {Type: api.TypeText, Analyzer: "english"}}},
			Shards: []ShardPart{
				{From: 0, To: 2048, Applied: 9, Documents: 5, Files: 2, Bytes: 30, List: digest(blob.ContentOf([]byte("a")))},
				{From: 2048, To: 4096, Applied: 8, Documents: 4, Files: 2, Bytes: 31, List: digest(blob.ContentOf([]byte("b")))},
			},
		}},
		Settings: map[string]string{"rebuild_parallel": "8"},
	}
}

func testList() *ShardList {
	return &ShardList{
		Index: "u1", Shard: "u1-0", Applied: 9, Catalog: &CatalogPosition{Version: 8, Deletes: 3},
		Files: []File{
			{Path: "dense-1/x.flat", Digest: digest(blob.ContentOf([]byte("x")))},
			{Path: "dense/x.flat", Digest: digest(blob.ContentOf([]byte("x")))},
			{Path: "sparse/MANIFEST", Digest: digest(blob.ContentOf([]byte("m")))},
		},
	}
}

func TestManifest(t *testing.T) {
	want := testManifest()
	data, err := want.Encode()
	require.NoError(t, err)
	got, err := DecodeManifest(want.ID, data)
	require.NoError(t, err)
	require.Equal(t, want, got)
	shards, documents, bytes := got.Sum()
	require.Equal(t, []int{2, 9, 61}, []int{shards, documents, int(bytes)})
	require.NotNil(t, got.Index("papers"))
	require.Nil(t, got.Index("other"))

	t.Run("of another snapshot is refused", func(t *testing.T) {
		_, err := DecodeManifest("other", data)
		require.ErrorIs(t, err, ErrFormat)
	})

	t.Run("of a newer version is refused by name", func(t *testing.T) {
		newer := slices.Clone(data)
		binary.LittleEndian.PutUint32(newer[8:], frameVersion+1)
		_, err := DecodeManifest(want.ID, newer)
		require.ErrorIs(t, err, ErrNewerFormat)
		require.ErrorContains(t, err, "version 2")
		require.ErrorContains(t, err, want.ID)
	})

	t.Run("with any bit flipped is refused", func(t *testing.T) {
		for i := range data {
			flipped := slices.Clone(data)
			flipped[i] ^= 1 << (i % 8)
			_, err := DecodeManifest(want.ID, flipped)
			require.Error(t, err, "byte %d", i)
		}
	})

	t.Run("that ends anywhere is refused", func(t *testing.T) {
		for n := range data {
			_, err := DecodeManifest(want.ID, data[:n])
			require.ErrorIs(t, err, ErrFormat)
		}
	})
}

// What somebody made up has good checksums.
func TestMaliciousManifest(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"slots twice":        func(m *Manifest) { m.Indexes[0].Shards[1].From = 1 },
		"slots missing":      func(m *Manifest) { m.Indexes[0].Shards = m.Indexes[0].Shards[:1] },
		"slots beyond":       func(m *Manifest) { m.Indexes[0].Shards[1].To = 5000 },
		"no shards":          func(m *Manifest) { m.Indexes[0].Shards = nil },
		"name with a slash":  func(m *Manifest) { m.Indexes[0].Name = "../x" },
		"alias":              func(m *Manifest) { m.Indexes[0].Aliases = []string{"_x"} },
		"uuid":               func(m *Manifest) { m.Indexes[0].UUID = "" },
		"size below zero":    func(m *Manifest) { m.Indexes[0].Shards[0].Bytes = -1 },
		"size beyond":        func(m *Manifest) { m.Indexes[0].Shards[0].Bytes = 1 << 60 },
		"list too large":     func(m *Manifest) { m.Indexes[0].Shards[0].List.Size = 1 << 40 },
		"digest":             func(m *Manifest) { m.Indexes[0].Shards[0].List.SHA256 = "../../etc/passwd" },
		"order":              func(m *Manifest) { m.Indexes = append(m.Indexes, m.Indexes[0]) },
		"times":              func(m *Manifest) { m.CutEndedMillis = 0 },
		"generation":         func(m *Manifest) { m.Indexes[0].LastGeneration = -1 },
		"documents negative": func(m *Manifest) { m.Indexes[0].Shards[0].Documents = -1 },
	} {
		m := testManifest()
		change(m)
		data, err := m.Encode()
		require.NoError(t, err)
		_, err = DecodeManifest(m.ID, data)
		require.ErrorIs(t, err, ErrFormat, name)
	}
	t.Run("unknown members", func(t *testing.T) {
		data, err := encodeFrame(magicManifest, map[string]any{"id": "x", "surprise": 1})
		require.NoError(t, err)
		_, err = DecodeManifest("x", data)
		require.ErrorIs(t, err, ErrFormat)
	})
}

func TestShardList(t *testing.T) {
	want := testList()
	data, err := want.Encode()
	require.NoError(t, err)
	got, err := DecodeShardList(data)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.EqualValues(t, 3, got.Bytes())
	require.Len(t, got.contents(), 2, "equal files are one object")

	for _, path := range []string{
		"", "/etc/passwd", "../x", "sparse/../../x", "sparse/..", "sparse/.x", "sparse", "sparse/", "sparse/a/b",
		"log/raft.db", "restored/reference", "sparse\\x", "sparse/a\x00", "sparse/a b", "LOCK", "seed/x", "densex/x",
		"sparse/" + strings.Repeat("x", maxPathBytes),
	} {
		l := testList()
		l.Files = []File{{Path: path, Digest: l.Files[0].Digest}}
		data, err := l.Encode()
		require.NoError(t, err)
		_, err = DecodeShardList(data)
		require.ErrorIs(t, err, ErrFormat, path)
	}
	for name, change := range map[string]func(*ShardList){
		"a path twice":       func(l *ShardList) { l.Files[1].Path = l.Files[0].Path },
		"a size below zero":  func(l *ShardList) { l.Files[0].Size = -1 },
		"a size beyond":      func(l *ShardList) { l.Files[0].Size = maxFileBytes + 1 },
		"sizes that add up":  func(l *ShardList) { l.Files = manyFiles(maxTotalBytes/maxFileBytes+1, maxFileBytes) },
		"too many":           func(l *ShardList) { l.Files = manyFiles(maxFiles+1, 1) },
		"a digest too short": func(l *ShardList) { l.Files[0].SHA256 = "ab" },
	} {
		l := testList()
		change(l)
		data, err := l.Encode()
		require.NoError(t, err)
		_, err = DecodeShardList(data)
		require.ErrorIs(t, err, ErrFormat, name)
	}
}

func manyFiles(n int, size int64) (files []File) {
	d := digest(blob.ContentOf(nil))
	d.Size = size
	for i := range n {
		name := []byte("sparse/00000")
		for at := len(name) - 1; i > 0; at, i = at-1, i/10 {
			name[at] = byte('0' + i%10)
		}
		files = append(files, File{Path: string(name), Digest: d})
	}
	return files
}

func TestNames(t *testing.T) {
	c := blob.ContentOf([]byte("x"))
	for _, name := range []string{manifestName("20261125-abc"), shardName(c.SHA256), blobName(c.SHA256), markName} {
		require.NoError(t, blob.CheckName(name))
	}
	sum, ok := digestOf(blobPrefix, blobName(c.SHA256))
	require.True(t, ok)
	require.Equal(t, c.SHA256, sum)
	for _, name := range []string{shardName(c.SHA256), "blobs/00/" + strings.Repeat("1", 64), "blobs/x", "blobs/2d/zz"} {
		_, ok := digestOf(blobPrefix, name)
		require.False(t, ok, name)
	}
	for _, id := range []string{"", "-x", "A", "a/b", "..", "a.b", strings.Repeat("a", 41)} {
		require.ErrorIs(t, CheckID(id), ErrNotFound, id)
	}
}

var update = flag.Bool("update", false, "rewrite the fixtures of the present version")

// Objects of every version can be read for ever.
func TestFixtures(t *testing.T) {
	for name, want := range map[string]any{"manifest1": testManifest(), "shard1": testList()} {
		path := filepath.Join("testdata", name)
		if *update {
			data, err := want.(interface{ Encode() ([]byte, error) }).Encode()
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		if name == "manifest1" {
			got, err := DecodeManifest("20261125-abc", data)
			require.NoError(t, err)
			require.Equal(t, want, got)
			continue
		}
		got, err := DecodeShardList(data)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// seal gives a body the header that it would have.
func seal(t testing.TB, magic string, body []byte) []byte {
	t.Helper()
	data, err := encodeFrame(magic, rawBody(body))
	require.NoError(t, err)
	return data
}

type rawBody []byte

func (b rawBody) MarshalJSON() ([]byte, error) { return b, nil }

func FuzzDecodeManifest(f *testing.F) {
	data, err := testManifest().Encode()
	require.NoError(f, err)
	f.Add(data[frameHeader:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := DecodeManifest("20261125-abc", body); err == nil {
			t.Fatal("a body without its header was taken")
		}
		sealed, err := encodeFrame(magicManifest, rawBody(body))
		if err != nil {
			return // no JSON
		}
		m, err := DecodeManifest("20261125-abc", sealed)
		if err != nil {
			return
		}
		again, err := m.Encode()
		require.NoError(t, err)
		_, err = DecodeManifest("20261125-abc", again)
		require.NoError(t, err)
	})
}

func FuzzDecodeShardList(f *testing.F) {
	data, err := testList().Encode()
	require.NoError(f, err)
	f.Add(data[frameHeader:])
	f.Add(seal(f, magicShard, []byte(`{"files":[{"path":"../x"}]}`))[frameHeader:])
	f.Fuzz(func(t *testing.T, body []byte) {
		sealed, err := encodeFrame(magicShard, rawBody(body))
		if err != nil {
			return
		}
		l, err := DecodeShardList(sealed)
		if err != nil {
			return
		}
		for _, file := range l.Files {
			require.True(t, filepath.IsLocal(filepath.FromSlash(file.Path)), file.Path)
			require.Equal(t, 1, strings.Count(file.Path, "/"))
		}
		require.LessOrEqual(t, l.Bytes(), int64(maxTotalBytes))
	})
}
