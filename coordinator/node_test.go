package coordinator

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/coordinator/httpapi"
	"sagasu/internal/vfs"
	"sagasu/sparse/analysis"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func testConfig(dir string) Config {
	cfg := Default()
	cfg.DataDir, cfg.Analyzers = dir, analysis.NewRegistry()
	cfg.Logger, cfg.Registry = slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	return cfg
}

func openNode(t *testing.T, dir string) *Node {
	t.Helper()
	n, err := Open(testContext(t), testConfig(dir))
	require.NoError(t, err)
	require.NoError(t, n.Ready(testContext(t)))
	return n
}

func testSchema(t *testing.T) api.Schema {
	t.Helper()
	schema, err := api.ParseSchema([]byte(`{"fields":{"text":{"type":"text"}}}`))
	require.NoError(t, err)
	return schema
}

func createIndex(t *testing.T, n *Node, name string) {
	t.Helper()
	_, err := n.CreateIndex(testContext(t), name, testSchema(t), api.Layout{})
	require.NoError(t, err)
}

func writeText(t *testing.T, n *Node, index, id, text string) {
	t.Helper()
	schema := testSchema(t)
	w, err := api.ParseDocument(&schema, fmt.Appendf(nil, `{"id":%q,"text":%q}`, id, text))
	require.NoError(t, err)
	_, err = n.Write(testContext(t), index, []api.Write{w}, httpapi.WriteOptions{})
	require.NoError(t, err)
}

func TestNode(t *testing.T) {
	t.Run("indexes and documents outlive a restart", func(t *testing.T) {
		dir := t.TempDir()
		n := openNode(t, dir)
		for _, name := range []string{"papers", "notes"} {
			createIndex(t, n, name)
		}
		_, err := n.CreateIndex(testContext(t), "papers", testSchema(t), api.Layout{})
		require.ErrorIs(t, err, api.ErrIndexExists)
		writeText(t, n, "papers", "a", "earthquake")
		require.NoError(t, n.Close())

		n = openNode(t, dir)
		defer func() { require.NoError(t, n.Close()) }()
		doc, err := n.Get(testContext(t), "papers", "a")
		require.NoError(t, err)
		require.JSONEq(t, `{"text":"earthquake"}`, string(doc.Source))
		_, err = n.Get(testContext(t), "papers", "b")
		require.ErrorIs(t, err, api.ErrDocumentNotFound)
		_, err = n.Get(testContext(t), "others", "a")
		require.ErrorIs(t, err, api.ErrIndexNotFound)
	})
	t.Run("a deleted index leaves no files, and its name is free", func(t *testing.T) {
		dir := t.TempDir()
		n := openNode(t, dir)
		defer func() { require.NoError(t, n.Close()) }()
		createIndex(t, n, "papers")
		writeText(t, n, "papers", "a", "earthquake")
		require.NoError(t, n.DeleteIndex(testContext(t), "papers"))
		left, err := os.ReadDir(filepath.Join(dir, indexesDir))
		require.NoError(t, err)
		require.Empty(t, left)
		require.ErrorIs(t, n.DeleteIndex(testContext(t), "papers"), api.ErrIndexNotFound)
		createIndex(t, n, "papers")
		count, err := n.Count(testContext(t), "papers", nil)
		require.NoError(t, err)
		require.Zero(t, count)
	})
	t.Run("indexes without their metadata log are refused and kept", func(t *testing.T) {
		dir := t.TempDir()
		n := openNode(t, dir)
		createIndex(t, n, "papers")
		require.NoError(t, n.Close())
		require.NoError(t, os.Remove(filepath.Join(dir, metaDir, metaLogDir, "raft.db")))
		_, err := Open(testContext(t), testConfig(dir))
		require.ErrorIs(t, err, ErrData)
		require.ErrorContains(t, err, metaLogDir)
		left, err := os.ReadDir(filepath.Join(dir, indexesDir))
		require.NoError(t, err)
		require.Len(t, left, 1)
	})
	t.Run("files of an index whose deletion was cut short are removed", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, openNode(t, dir).Close())
		orphan := filepath.Join(dir, indexesDir, "0123", "sparse")
		require.NoError(t, os.MkdirAll(orphan, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(orphan, "segment"), []byte("x"), 0o600))
		require.NoError(t, openNode(t, dir).Close())
		require.NoDirExists(t, filepath.Dir(orphan))
	})
	t.Run("after close", func(t *testing.T) {
		n := openNode(t, t.TempDir())
		require.NoError(t, n.Close())
		_, err := n.Count(testContext(t), "papers", nil)
		require.ErrorIs(t, err, api.ErrUnavailable)
	})
}

func TestDataDirectory(t *testing.T) {
	t.Run("is refused to a second process", func(t *testing.T) {
		dir := t.TempDir()
		n := openNode(t, dir)
		defer func() { require.NoError(t, n.Close()) }()
		_, err := Open(testContext(t), testConfig(dir))
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.ErrorContains(t, err, dir)
	})
	t.Run("of a newer version is refused", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, versionFile), []byte("3\n"), 0o600))
		_, err := Open(testContext(t), testConfig(dir))
		require.ErrorIs(t, err, ErrNewerData)
		require.ErrorContains(t, err, "version 3, this build reads up to 2")
	})
	t.Run("that is something else is left alone", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "photo.jpg"), []byte("x"), 0o600))
		_, err := Open(testContext(t), testConfig(dir))
		require.ErrorIs(t, err, ErrData)
		require.ErrorContains(t, err, "photo.jpg")
	})
}
