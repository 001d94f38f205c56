package rpc

import (
	"context"
	"errors"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/shard/replica"
	"sagasu/sparse"
)

// Failure is an error on its way between nodes. Handlers return it, and the client takes it out of what
// its Caller returns; what lies between carries the three fields.
type Failure struct {
	// Code is one of the table in docs/formats/shard-calls.md.
	Code uint16
	// Message is the error's text.
	Message string
	// Detail has everything that the error is, with what belongs to it.
	Detail []byte
}

// Error gives the message.
func (f *Failure) Error() string { return f.Message }

// codeOther is an error that is nothing of the table.
const codeOther uint16 = 0x0100

// The codes that are asked for by name: those of errors with values of their own, of what comes first, and of
// contexts. All codes are in docs/formats/shard-calls.md; none is reused.
const (
	codeNotLeader      uint16 = 0x0110
	codeEpoch          uint16 = 0x0111
	codeNoShard        uint16 = 0x0112
	codeProblem        uint16 = 0x0120
	codeUnknownOutcome uint16 = 0x0121
	codeDeadline       uint16 = 0x0160
	codeCanceled       uint16 = 0x0161
)

// sentinel is an error that travels as a number.
type sentinel struct {
	code uint16
	err  error
}

// sentinels gives the table, from the special to the general, since an error that is a case of another brings
// the other with it.
func sentinels() []sentinel {
	return []sentinel{
		{0x0156, replica.ErrRepeated},
		{codeUnknownOutcome, api.ErrUnknownOutcome},
		{0x0101, ErrMessage},
		{0x0102, ErrVersion},
		{0x0103, ErrTooLarge},
		{0x0104, ErrPath},
		{0x0105, ErrNoSession},
		{0x0106, ErrChecksum},
		{0x0113, ErrLagging},
		{0x0130, sparse.ErrQuery},
		{0x0131, sparse.ErrClosed},
		{0x0150, replica.ErrNoDense},
		{0x0151, replica.ErrFilterTooBroad},
		{0x0152, replica.ErrOverloaded},
		{0x0153, replica.ErrWrite},
		{0x0154, replica.ErrClosed},
		{0x0155, replica.ErrNotLeader},
		{0x0157, replica.ErrNoGeneration},
		{0x0158, replica.ErrTooLarge},
		{0x0140, dense.ErrDimension},
		{0x0141, dense.ErrNotFinite},
		{0x0142, dense.ErrFull},
		{0x0143, dense.ErrTooLarge},
		{0x0144, dense.ErrFilterUnsupported},
		{0x0145, dense.ErrUnavailable},
		{0x0146, dense.ErrTimeout},
		{0x0147, dense.ErrIncomplete},
		{0x0124, api.ErrIndexNotFound},
		{0x0123, api.ErrOverloaded},
		{0x0122, api.ErrUnavailable},
		{codeCanceled, context.Canceled},
		{codeDeadline, context.DeadlineExceeded},
	}
}

// part is one thing that an error is, with what belongs to it beside its code.
type part struct {
	code    uint16
	err     error
	payload []byte
}

// parts finds all that err is, leaving out what another part is a case of.
func parts(err error) []part {
	var found []part
	add := func(code uint16, err error, payload func(e *encoder)) {
		e := &encoder{}
		payload(e)
		found = append(found, part{code, err, e.buf})
	}
	if x := (*NotLeaderError)(nil); errors.As(err, &x) {
		add(codeNotLeader, x, func(e *encoder) { e.str(clip(x.Leader, maxNameBytes)); e.uint(x.Term) })
	}
	if x := (*EpochError)(nil); errors.As(err, &x) {
		add(codeEpoch, x, func(e *encoder) { e.uint(x.Epoch) })
	}
	if x := (*NoShardError)(nil); errors.As(err, &x) {
		add(codeNoShard, x, func(e *encoder) { e.str(clip(x.Shard, maxNameBytes)); e.uint(x.Version) })
	}
	if x := (*api.Problem)(nil); errors.As(err, &x) {
		add(codeProblem, x, func(e *encoder) { e.problem(clipProblem(*x)) })
	}
	for _, s := range sentinels() {
		if errors.Is(err, s.err) && !covered(found, s.err) {
			found = append(found, part{code: s.code, err: s.err})
		}
	}
	return found
}

// clipProblem shortens what a client may have brought into a problem.
func clipProblem(p api.Problem) *api.Problem {
	p.Detail, p.Field = clip(p.Detail, maxMessageBytes), clip(p.Field, maxMessageBytes)
	return &p
}

func covered(found []part, target error) bool {
	for _, p := range found {
		if errors.Is(p.err, target) {
			return true
		}
	}
	return false
}

// toFailure gives an error its form for the way. An error that is a context's and nothing else is left as
// it is: the layer below has a form for it.
func toFailure(err error) error {
	found := parts(err)
	if onlyContext(found) {
		return err
	}
	f := &Failure{Code: codeOther, Message: clip(err.Error(), maxMessageBytes)}
	if len(found) == 0 {
		return f
	}
	f.Code = found[0].code
	e := newEncoder(64)
	e.len(len(found))
	for _, p := range found {
		if p.code == codeUnknownOutcome {
			f.Code = p.code
		}
		e.uint(uint64(p.code))
		e.bytes(p.payload)
	}
	f.Detail = e.buf
	return f
}

func onlyContext(found []part) bool {
	for _, p := range found {
		if p.code != codeCanceled && p.code != codeDeadline {
			return false
		}
	}
	return len(found) > 0
}

// RemoteError is an error that another node returned. It is what the original was: sentinels and typed
// errors are found in it by errors.Is and errors.As.
type RemoteError struct {
	text   string
	causes []error
}

// Error gives the text of the original.
func (e *RemoteError) Error() string { return e.text }

// Unwrap gives what the original was.
func (e *RemoteError) Unwrap() []error { return e.causes }

// fromFailure turns a *Failure found in err back into what it was; any other error passes through.
func fromFailure(err error) error {
	var f *Failure
	if !errors.As(err, &f) {
		return err
	}
	r := &RemoteError{text: clip(f.Message, maxMessageBytes), causes: decodeDetail(f.Detail)}
	if len(r.causes) == 0 {
		if cause := causeOf(f.Code, nil); cause != nil {
			r.causes = append(r.causes, cause)
		}
	}
	return r
}

// decodeDetail gives the errors of a detail; what this node does not know, or can't read, it leaves out.
func decodeDetail(detail []byte) []error {
	if len(detail) == 0 {
		return nil
	}
	d := newDecoder(detail)
	var causes []error
	for range d.atMost(len(sentinels())+4, 2) {
		code, payload := d.uint(), d.bytes()
		if d.err != nil || code > 1<<16-1 {
			continue
		}
		if cause := causeOf(uint16(code), payload); cause != nil {
			causes = append(causes, cause)
		}
	}
	return causes
}

// causeOf gives the error of a code, nil if there is none.
func causeOf(code uint16, payload []byte) error {
	d := &decoder{data: payload}
	var err error
	switch code {
	case codeNotLeader:
		err = &NotLeaderError{Leader: d.name(), Term: d.uint()}
	case codeEpoch:
		err = &EpochError{Epoch: d.uint()}
	case codeNoShard:
		err = &NoShardError{Shard: d.name(), Version: d.uint()}
	case codeProblem:
		err = d.problem()
	default:
		for _, s := range sentinels() {
			if s.code == code {
				return s.err
			}
		}
		return nil
	}
	if d.end() != nil {
		return nil
	}
	return err
}
