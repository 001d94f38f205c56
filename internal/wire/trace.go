package wire

import "context"

// Trace is the trace context of a call, opaque to this package: as in W3C traceparent the trace id (16 bytes), the
// parent id (8) and the flags (1).
type Trace [25]byte

type traceKey struct{}

// WithTrace gives a context whose calls carry the trace.
func WithTrace(ctx context.Context, trace Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// TraceFrom gives the trace of a context, in a handler the caller's, and whether there is one.
func TraceFrom(ctx context.Context) (Trace, bool) {
	trace, ok := ctx.Value(traceKey{}).(Trace)
	return trace, ok
}
