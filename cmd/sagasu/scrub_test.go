package main

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"sagasu/coordinator"
)

func TestScrubSettings(t *testing.T) {
	open := func(t *testing.T, args ...string) (coordinator.Config, error) {
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		addSettings(flags)
		require.NoError(t, flags.Parse(append([]string{"--data-dir", t.TempDir()}, args...)))
		cfg := coordinator.Config{}
		conf, err := resolve(flags, nil)
		if err != nil {
			return cfg, err
		}
		return cfg, configureScrub(conf, &cfg)
	}
	t.Run("a day and 20 MB per second", func(t *testing.T) {
		cfg, err := open(t)
		require.NoError(t, err)
		require.Equal(t, 24*time.Hour, cfg.ScrubEvery)
		require.Equal(t, 20_000_000, cfg.ScrubBytesPerSecond)
		require.Zero(t, cfg.MergeBytesPerSecond)
	})
	t.Run("never", func(t *testing.T) {
		cfg, err := open(t, "--scrub-every", "0", "--scrub-rate", "5", "--merge-rate", "30")
		require.NoError(t, err)
		require.Zero(t, cfg.ScrubEvery)
		require.Equal(t, 5_000_000, cfg.ScrubBytesPerSecond)
		require.Equal(t, 30_000_000, cfg.MergeBytesPerSecond)
	})
	for _, args := range [][2]string{
		{"--scrub-every", "-1s"}, {"--scrub-every", "daily"}, {"--scrub-rate", "0"}, {"--scrub-rate", "fast"},
		{"--scrub-rate", "9223372036854775807"}, {"--merge-rate", "-1"}, {"--merge-rate", "slow"},
	} {
		t.Run("refuses "+args[0]+" "+args[1], func(t *testing.T) {
			_, err := open(t, args[0], args[1])
			var exit *exitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, exitUsage, exit.code)
			require.ErrorContains(t, err, args[0][2:])
		})
	}
}
