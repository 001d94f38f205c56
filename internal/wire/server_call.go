package wire

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// call is one call under way on the server.
type call struct {
	conn   *serverConn
	id     uint64
	method *method
	number uint16
	ctx    context.Context
	cancel context.CancelFunc
	body   *buffer
	size   int64 // of the body as it entered the gate
}

// run answers the call, on a goroutine of its own.
func (k *call) run() {
	roomy(-1)
	// The answer is put right behind where its frame begins, so that a large one is not copied.
	answer := k.conn.server.buffers.get(responseHead + int(k.method.size.Load()))
	answer.b = answer.b[:responseHead]
	var out []byte
	err := errNoReturn
	defer func() { k.finish(answer, out, err) }() // also when the handler ends its goroutine
	out, err = k.handle(answer.b[responseHead:])
}

// finish sends what came of the call, and lets go of what it held.
func (k *call) finish(answer *buffer, out []byte, err error) {
	s := k.conn.server
	if err == nil && len(out) > MaxBody {
		err = &Error{Code: CodeTooLarge, Message: fmt.Sprintf("answer of %d bytes is over %d", len(out), MaxBody)}
	}
	result := outcomeOK
	_, wanted := k.conn.remove(k.id)
	switch {
	case err != nil:
		e := asError(err)
		result = outcomeOf(e)
		s.buffers.put(answer)
		if wanted {
			k.send(failureFrame(k.id, e), nil)
		}
	case !wanted:
		result = outcomeCanceled
		s.buffers.put(answer)
	default:
		k.method.learn(len(out))
		k.deliver(answer, out)
	}
	k.cancel()
	s.metrics.calls[k.conn.lane][result].Inc()
	s.buffers.put(k.body)
	s.gate.leave(k.conn.lane, k.size)
}

// deliver sends the answer, which is in the buffer behind its frame's beginning, or elsewhere if it had no room there.
func (k *call) deliver(answer *buffer, out []byte) {
	in := answer.b[:cap(answer.b)][responseHead:]
	if len(out) > len(in) || len(out) > 0 && &out[0] != &in[0] {
		var head [responseHead]byte
		putResponse(head[:], k.id, len(out))
		k.send(head[:], out)
		k.conn.server.buffers.put(answer)
		return
	}
	answer.b = answer.b[:responseHead+len(out)]
	putResponse(answer.b, k.id, len(out))
	// The connection's own end is all that can go wrong, and the client sees that.
	_ = k.conn.link.out.sendWhole(k.conn.ctx, answer)
}

func (k *call) send(head, body []byte) {
	// As in deliver.
	_ = k.conn.link.out.send(k.conn.ctx, head, body)
}

// handle calls the handler and survives its panic.
func (k *call) handle(dst []byte) (out []byte, err error) {
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		out, err = nil, &Error{Code: CodeInternal, Message: fmt.Sprintf("handler of method %#04x panicked", k.number)}
		k.conn.server.cfg.Logger.Error("handler panicked",
			slog.String("method", fmt.Sprintf("%#04x", k.number)), slog.String("caller", k.conn.peer.Node),
			slog.Any("panic", reason), slog.String("stack", string(debug.Stack())))
	}()
	return k.method.handle(k.ctx, k.body.b, dst)
}

// learn remembers how large answers are, so that the next one finds a buffer that is large enough.
func (m *method) learn(size int) {
	old := m.size.Load()
	if now := max(int64(size), old-old/16); now != old {
		m.size.Store(min(now, 1<<maxClass-responseHead))
	}
}
