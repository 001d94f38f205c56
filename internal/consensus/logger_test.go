package consensus

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := newLogger(slog.New(slog.NewTextHandler(&out, nil)))
		l.Info("entering follower state")
		require.Empty(t, out.String(), "the everyday is left to debugging")
		l.Info("entering leader state")
		require.Contains(t, out.String(), `level=INFO msg="raft: entering leader state"`)
		out.Reset()
		for range 5 {
			l.Error("failed to heartbeat to", "peer", "b")
		}
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), `level=WARN msg="raft: failed to heartbeat to" peer=b`)
		time.Sleep(repeatEvery)
		l.Error("failed to heartbeat to", "peer", "b")
		require.Contains(t, out.String(), "left_out=4")
	})
}
