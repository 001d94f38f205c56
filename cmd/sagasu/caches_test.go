package main

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestCacheSettings(t *testing.T) {
	open := func(t *testing.T, args ...string) (*caches, error) {
		t.Helper()
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		addSettings(flags)
		require.NoError(t, flags.Parse(append([]string{"--data-dir", t.TempDir()}, args...)))
		conf, err := resolve(flags, nil)
		if err != nil {
			return nil, err
		}
		c, err := newCaches(conf, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err == nil {
			t.Cleanup(c.client.Close)
		}
		return c, err
	}
	t.Run("defaults keep both in this process", func(t *testing.T) {
		c, err := open(t)
		require.NoError(t, err)
		require.NotNil(t, c.answers)
		require.NotNil(t, c.embedding)
	})
	t.Run("none", func(t *testing.T) {
		c, err := open(t, "--answer-cache", "0", "--embedding-cache", "0")
		require.NoError(t, err)
		require.Nil(t, c.answers)
		require.Nil(t, c.embedding)
	})
	t.Run("a server that is not there does not keep the node from starting", func(t *testing.T) {
		_, err := open(t, "--redis-addr", "127.0.0.1:1", "--redis-timeout", "5ms", "--redis-tls")
		require.NoError(t, err)
	})
	for setting, value := range map[string]string{
		"answer-cache": "-1", "answer-cache-ttl": "0s", "embedding-cache": "much", "embedding-cache-ttl": "a day",
		"redis-addr": "redis", "redis-master": "m", "redis-user": "u", "redis-password-file": "/nonexistent",
		"redis-tls-ca": "/x", "redis-database": "one", "redis-prefix": "a b", "redis-timeout": "2s",
	} {
		t.Run("refuses "+setting+" "+value, func(t *testing.T) {
			_, err := open(t, "--"+setting, value)
			var exit *exitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, exitUsage, exit.code)
		})
	}
}
