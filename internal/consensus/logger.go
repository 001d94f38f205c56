package consensus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// sink passes raft's log lines on to slog, a level lower than raft has them: what raft calls an error, such as a
// follower that does not answer, is the everyday life of a cluster, and a node has hundreds of groups. A line that
// repeats is passed on once in repeatEvery, with how many were left out.
type sink struct {
	logger *slog.Logger

	mu    sync.Mutex
	lines map[string]*repeated
}

// repeated is a line that came before.
type repeated struct {
	told time.Time
	left int
}

// repeatEvery is how often a line that repeats is told.
const repeatEvery = time.Minute

func newLogger(logger *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Off})
	l.RegisterSink(&sink{logger: logger, lines: map[string]*repeated{}})
	return l
}

// Accept implements hclog.SinkAdapter.
func (s *sink) Accept(_ string, level hclog.Level, message string, args ...any) {
	to := slog.LevelDebug
	switch {
	case message == "entering leader state":
		to = slog.LevelInfo
	case level == hclog.Warn:
		to = slog.LevelInfo
	case level == hclog.Error:
		to = slog.LevelWarn
	}
	if !s.logger.Enabled(context.Background(), to) {
		return
	}
	left, tell := s.repeats(message, level)
	if !tell {
		return
	}
	for i, arg := range args {
		if f, ok := arg.(hclog.Format); ok && len(f) > 0 { // a format with its arguments, to be spelled out
			args[i] = formatted(f)
		}
	}
	if left > 0 {
		args = append(args, "left_out", left)
	}
	s.logger.Log(context.Background(), to, "raft: "+message, args...)
}

// repeats tells whether to pass a line on, and how many like it were not.
func (s *sink) repeats(message string, level hclog.Level) (left int, tell bool) {
	if level < hclog.Warn {
		return 0, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.lines[message]
	if line == nil {
		line = &repeated{}
		s.lines[message] = line
	}
	now := time.Now()
	if now.Sub(line.told) < repeatEvery {
		line.left++
		return 0, false
	}
	left = line.left
	line.told, line.left = now, 0
	return left, true
}

func formatted(f hclog.Format) string {
	layout, ok := f[0].(string)
	if !ok {
		return fmt.Sprint(f...)
	}
	return fmt.Sprintf(layout, f[1:]...)
}
