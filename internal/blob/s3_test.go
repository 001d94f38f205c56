package blob_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/blob"
	"sagasu/internal/blob/blobtest"
)

func openS3(t *testing.T, cfg blob.S3Config) *blob.S3 {
	t.Helper()
	s, err := blob.OpenS3(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestS3(t *testing.T) {
	server := blobtest.StartS3(t)
	cfg := server.Config()
	cfg.Prefix = "backups/one"
	s := openS3(t, cfg)
	blobtest.Conform(t, s)

	t.Run("keeps to its prefix", func(t *testing.T) {
		data := []byte("data")
		require.NoError(t, s.Put(t.Context(), "here", blob.Bytes(data), blob.ContentOf(data)))
		require.FileExists(t, filepath.Join(server.Bucket, "backups/one/here"))
		other := server.Config()
		other.Prefix = "backups/on"
		require.NoError(t, openS3(t, other).List(t.Context(), "", func(info blob.Info) error {
			t.Errorf("found %s", info.Name)
			return nil
		}))
	})

	t.Run("says what is wrong with access", func(t *testing.T) {
		wrong := cfg
		wrong.SecretKey = "not-the-secret"
		_, err := openS3(t, wrong).Stat(t.Context(), "here")
		require.ErrorIs(t, err, blob.ErrDenied)
		require.NotContains(t, err.Error(), wrong.SecretKey)
		wrong = cfg
		wrong.Bucket = "not-there"
		err = openS3(t, wrong).List(t.Context(), "", func(blob.Info) error { return nil })
		require.ErrorIs(t, err, blob.ErrNotFound)
	})

	t.Run("a server that hangs ends the call", func(t *testing.T) {
		impatient := cfg
		impatient.Stall = 300 * time.Millisecond
		s := openS3(t, impatient)
		_, err := s.Stat(t.Context(), "here")
		require.NoError(t, err)
		resume := server.Pause(t)
		defer resume()
		_, err = s.Stat(t.Context(), "here")
		require.ErrorIs(t, err, blob.ErrUnavailable)
		data := make([]byte, 8<<20)
		err = s.Put(t.Context(), "hanging", blob.Bytes(data), blob.ContentOf(data))
		require.ErrorIs(t, err, blob.ErrUnavailable)
	})

	t.Run("what the server changed is found", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(server.Bucket, "backups/one/here"), []byte("fata"), 0o600))
		err := blob.Copy(t.Context(), s, "here", blob.ContentOf([]byte("data")), discard{})
		require.ErrorIs(t, err, blob.ErrContent)
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestS3Unreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := blob.DefaultS3()
	cfg.Endpoint, cfg.Bucket = "http://"+listener.Addr().String(), "bucket"
	cfg.AccessKey, cfg.SecretKey, cfg.Stall = "key", "secret", time.Second
	require.NoError(t, listener.Close())
	_, err = openS3(t, cfg).Stat(t.Context(), "x")
	require.ErrorIs(t, err, blob.ErrUnavailable)
}

func TestS3Config(t *testing.T) {
	good := blob.DefaultS3()
	good.Endpoint, good.Bucket, good.AccessKey, good.SecretKey = "https://s3.example.com", "bucket", "key", "secret"
	require.NoError(t, good.Validate())
	for name, change := range map[string]func(*blob.S3Config){
		"endpoint without a scheme": func(c *blob.S3Config) { c.Endpoint = "s3.example.com" },
		"another scheme":            func(c *blob.S3Config) { c.Endpoint = "file:///etc" },
		"credentials in the URL":    func(c *blob.S3Config) { c.Endpoint = "https://a:b@s3.example.com" },
		"a path":                    func(c *blob.S3Config) { c.Endpoint = "https://s3.example.com/x" },
		"bucket":                    func(c *blob.S3Config) { c.Bucket = "../x" },
		"prefix":                    func(c *blob.S3Config) { c.Prefix = "/x" },
		"no key":                    func(c *blob.S3Config) { c.AccessKey = "" },
		"no stall":                  func(c *blob.S3Config) { c.Stall = 0 },
	} {
		cfg := good
		change(&cfg)
		_, err := blob.OpenS3(cfg)
		require.ErrorIs(t, err, blob.ErrConfig, name)
		require.NotContains(t, err.Error(), "a:b", name)
	}
}
