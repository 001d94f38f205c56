package httpapi

import (
	"fmt"
	"log/slog"
)

// serverLog takes what fasthttp has to say, which is about connections and of no consequence.
type serverLog struct{ logger *slog.Logger }

// Printf implements fasthttp.Logger.
func (l serverLog) Printf(format string, args ...any) {
	l.logger.Debug("http server", "message", fmt.Sprintf(format, args...))
}
