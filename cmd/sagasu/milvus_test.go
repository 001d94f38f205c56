package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/milvus"
	"sagasu/shard"
)

var _ shard.Remote = (*milvusServer)(nil)

// milvusSettings resolves flags, with a data directory.
func milvusSettings(t *testing.T, args ...string) (*configuration, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	addSettings(flags)
	require.NoError(t, flags.Parse(append(args, "--data-dir", t.TempDir())))
	return resolve(flags, nil)
}

func TestMilvusSettings(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("pass word\n"), 0o600))
	read := func(t *testing.T, args ...string) milvus.Config {
		conf, err := milvusSettings(t, append(args, "--milvus-addr", "127.0.0.1:1")...)
		require.NoError(t, err)
		cfg, err := milvusConfig(conf)
		require.NoError(t, err)
		require.NoError(t, cfg.Validate())
		return cfg
	}
	t.Run("without an address there is none", func(t *testing.T) {
		conf, err := milvusSettings(t)
		require.NoError(t, err)
		server, err := newMilvus(conf)
		require.NoError(t, err)
		require.Nil(t, server)
	})
	t.Run("a user has a password", func(t *testing.T) {
		cfg := read(t, "--milvus-user", "root", "--milvus-password-file", secret, "--milvus-database", "d")
		got := []string{cfg.Username, cfg.Password, cfg.Token, cfg.Database}
		require.Equal(t, []string{"root", "pass word", "", "d"}, got)
		require.Nil(t, cfg.TLS)
		require.Equal(t, milvus.ConsistencyBounded, cfg.Consistency)
	})
	t.Run("a secret without a user is a token", func(t *testing.T) {
		cfg := read(t, "--milvus-password-file", secret, "--milvus-tls", "--milvus-consistency", "strong")
		require.Equal(t, []string{"", "", "pass word"}, []string{cfg.Username, cfg.Password, cfg.Token})
		require.NotNil(t, cfg.TLS)
		require.Equal(t, milvus.ConsistencyStrong, cfg.Consistency)
	})
	t.Run("a name alone asks for TLS", func(t *testing.T) {
		require.Equal(t, "milvus.test", read(t, "--milvus-tls-name", "milvus.test").TLS.ServerName)
	})
	t.Run("what can't be is named", func(t *testing.T) {
		_, err := milvusSettings(t, "--milvus-consistency", "some")
		require.ErrorContains(t, err, "milvus-consistency")
		for want, args := range map[string][]string{
			"milvus-password-file": {"--milvus-password-file", filepath.Join(dir, "gone")},
			"TLS to Milvus":        {"--milvus-tls-ca", secret}, "needs a key": {"--milvus-tls-cert", secret},
		} {
			conf, err := milvusSettings(t, append(args, "--milvus-addr", "127.0.0.1:1")...)
			require.NoError(t, err)
			_, err = newMilvus(conf)
			require.ErrorContains(t, err, want)
			var coded *exitError
			require.ErrorAs(t, err, &coded)
			require.Equal(t, exitUsage, coded.code)
		}
	})
}

func TestMilvusLate(t *testing.T) {
	conf, err := milvusSettings(t, "--milvus-addr", "127.0.0.1:1")
	require.NoError(t, err)
	server, err := newMilvus(conf)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.close()) }()
	ctx := context.Background()
	schema := api.Schema{Dense: &api.DenseConfig{Dims: 3, Generation: 2}}
	collection, err := server.Open(ctx, "0190d1c2-77aa-7000-8000-0123456789ab", *schema.Dense, schema)
	require.NoError(t, err)
	defer func() { require.NoError(t, collection.Close()) }()
	_, err = collection.Count(ctx)
	require.ErrorIs(t, err, dense.ErrUnavailable)
	require.ErrorContains(t, err, "sagasu_0190d1c2_77aa_7000_8000_0123456789ab_g2 at 127.0.0.1:1")
	require.ErrorIs(t, server.Drop(ctx, "0190d1c2", 2), dense.ErrUnavailable)
}
