package main

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfig(t *testing.T) {
	for _, wrong := range [][]string{
		{"-roles", "source,king"}, {"-steps", "jump"}, {"-nodes", "3"}, {"-searches", "0"}, {"-kills", "x"},
	} {
		_, err := readConfig(wrong, io.Discard)
		require.Error(t, err, wrong)
	}
	c, err := readConfig(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, []string{"source", "target", "leader"}, c.roles)
}

func TestPercentile(t *testing.T) {
	var all []time.Duration
	require.Zero(t, percentile(all, 99))
	for i := range 100 {
		all = append(all, time.Duration(100-i)*time.Millisecond)
	}
	require.Equal(t, 50*time.Millisecond, percentile(all, 50))
	require.Equal(t, 99*time.Millisecond, percentile(all, 99))
}
