package auditlog

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sagasu/internal/auth"
	"sagasu/internal/vfs"
)

func testConfig(dir string) Config {
	cfg := Default()
	cfg.Dir, cfg.Node, cfg.Logger = dir, "n1", slog.New(slog.DiscardHandler)
	cfg.Registry = prometheus.NewRegistry()
	return cfg
}

func open(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	require.NoError(t, err)
	return l
}

func record(action string) auth.Record {
	return auth.Record{At: time.Unix(1, 0), Action: action, Principal: "key:k", Outcome: "200", Allowed: true}
}

// verify checks every file, and that each follows from the one before.
func verify(t *testing.T, dir string) (files int, records uint64, text string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	var tail *auth.Tail
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		v, err := auth.VerifyLog(bytes.NewReader(data))
		require.NoError(t, err, path)
		if tail != nil {
			require.Equal(t, *tail, v.From, path)
		}
		tail = &v.Tail
		records += v.Records
		text += string(data)
	}
	return len(paths), records, text
}

func TestLog(t *testing.T) {
	t.Run("a restart goes on with the chain", func(t *testing.T) {
		dir := t.TempDir()
		for range 3 {
			l := open(t, testConfig(dir))
			require.NoError(t, l.Append(record("index.create"), true))
			require.NoError(t, l.Append(record("index.delete"), false))
			require.NoError(t, l.Close())
			require.NoError(t, l.Close())
			require.ErrorIs(t, l.Append(record("late"), true), ErrClosed)
		}
		files, records, _ := verify(t, dir)
		require.Equal(t, 3, files)
		require.Equal(t, uint64(9), records)
	})
	t.Run("rotation keeps the chain and so many files", func(t *testing.T) {
		dir := t.TempDir()
		cfg := testConfig(dir)
		cfg.MaxBytes, cfg.MaxFiles = auth.MaxAuditLineBytes, 3
		l := open(t, cfg)
		r := record("x")
		r.Detail = strings.Repeat("d", 900)
		for range 400 {
			require.NoError(t, l.Append(r, false))
		}
		require.NoError(t, l.Close())
		files, _, _ := verify(t, dir)
		require.Equal(t, 3, files)
	})
	t.Run("a crash leaves a torn line, and the chain goes on", func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, testConfig(dir))
		require.NoError(t, l.Append(record("x"), true))
		require.NoError(t, l.Append(record("y"), true))
		path := filepath.Join(dir, fileName(1))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, data[:len(data)-9], 0o644))
		l = open(t, testConfig(dir))
		require.NoError(t, l.Close())
		verify(t, dir)
	})
	t.Run("a broken file is told of", func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, testConfig(dir))
		require.NoError(t, l.Append(record("index.delete"), true))
		require.NoError(t, l.Append(record("y"), true))
		require.NoError(t, l.Close())
		path := filepath.Join(dir, fileName(1))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, bytes.Replace(data, []byte("index.delete"), []byte("index.create"), 1), 0o644))
		cfg := testConfig(dir)
		var told bytes.Buffer
		cfg.Logger = slog.New(slog.NewTextHandler(&told, nil))
		l = open(t, cfg)
		require.NoError(t, l.Close())
		require.Contains(t, told.String(), "broken")
		data, err = os.ReadFile(filepath.Join(dir, fileName(2)))
		require.NoError(t, err)
		require.Contains(t, string(data), "audit.broken")
	})
	t.Run("denials past the limit are counted", func(t *testing.T) {
		dir := t.TempDir()
		cfg := testConfig(dir)
		now := time.Unix(1000, 0)
		cfg.Now = func() time.Time { return now }
		cfg.DenialBurst, cfg.DenialsPerSecond = 10, 1
		l := open(t, cfg)
		for range 25 {
			require.NoError(t, l.Denied(record("denied")))
		}
		now = now.Add(time.Second)
		require.NoError(t, l.Denied(record("denied")))
		require.NoError(t, l.Close())
		_, records, text := verify(t, dir)
		require.Equal(t, uint64(1+10+1+1), records)
		require.Contains(t, text, "15 denials were left out here")
	})
	t.Run("many at once", func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, testConfig(dir))
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 50 {
					_ = l.Append(record("x"), false)
				}
			})
		}
		group.Wait()
		require.NoError(t, l.Close())
		_, records, _ := verify(t, dir)
		require.Equal(t, uint64(401), records)
	})
	t.Run("a disk that fails is told of, and the chain survives it", func(t *testing.T) {
		dir := t.TempDir()
		cfg := testConfig(dir)
		disk := &failing{FS: vfs.OS()}
		cfg.FS = disk
		l := open(t, cfg)
		disk.fail = 3
		for range 2 {
			require.ErrorContains(t, l.Append(record("lost"), true), "no space")
		}
		require.NoError(t, l.Append(record("kept"), true))
		require.NoError(t, l.Close())
		_, _, text := verify(t, dir)
		require.Contains(t, text, "kept")
	})
	t.Run("configurations that can't be", func(t *testing.T) {
		for _, change := range []func(*Config){
			func(c *Config) { c.Dir = "" }, func(c *Config) { c.MaxBytes = 1 }, func(c *Config) { c.MaxFiles = -1 },
			func(c *Config) { c.DenialBurst = 0 }, func(c *Config) { c.Logger = nil },
		} {
			cfg := testConfig("x")
			change(&cfg)
			_, err := Open(cfg)
			require.ErrorIs(t, err, ErrConfig)
		}
	})
}

// failing is a file system whose files take half of what is written, fail times.
type failing struct {
	vfs.FS
	fail int
}

type failingFile struct {
	vfs.File
	fs *failing
}

func (f *failing) Create(path string) (vfs.File, error) {
	file, err := f.FS.Create(path)
	return failingFile{file, f}, err
}

func (f failingFile) Write(b []byte) (int, error) {
	if f.fs.fail == 0 {
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:len(b)/2])
	f.fs.fail--
	return n, errors.New("no space left on device")
}
