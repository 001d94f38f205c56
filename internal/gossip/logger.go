package gossip

import (
	"context"
	"log"
	"log/slog"
	"strings"
)

// sink passes memberlist's log lines, "[LEVEL] memberlist: text", on to slog.
type sink struct{ logger *slog.Logger }

func newLogger(logger *slog.Logger) *log.Logger { return log.New(sink{logger}, "", 0) }

// Write takes one line.
func (s sink) Write(line []byte) (int, error) {
	level, text := parseLine(string(line))
	s.logger.Log(context.Background(), level, text)
	return len(line), nil
}

func parseLine(line string) (slog.Level, string) {
	line = strings.TrimSpace(line)
	level := slog.LevelInfo
	for prefix, l := range map[string]slog.Level{
		"[DEBUG] ": slog.LevelDebug, "[INFO] ": slog.LevelInfo, "[WARN] ": slog.LevelWarn,
		// What memberlist calls an error is a node that does not answer.
		"[ERR] ": slog.LevelWarn, "[ERROR] ": slog.LevelWarn,
	} {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			level, line = l, rest
			break
		}
	}
	// These repeat with every message, and what is behind them is a conflict, logged once.
	for _, known := range []string{"ignoring alive message", "Conflicting address", "Refuting an alive message"} {
		if strings.Contains(line, known) {
			level = slog.LevelDebug
		}
	}
	return level, line
}
