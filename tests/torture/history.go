package main

import (
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"
)

// forever is when an operation of unknown outcome returns.
const forever = math.MaxInt64

// move is an operation on a register with versions: a read, or a replacement of one version. Values are unique.
type move struct {
	set       bool
	ifVersion uint64
	value     int64
}

// seenMove is what it gave: the version read, written, or present on a conflict.
type seenMove struct {
	version           uint64
	value             int64
	conflict, unknown bool
}

// cell is the state of a register. A write of unknown outcome that took effect has a version that nobody knows until
// somebody sees it; it is above after.
type cell struct {
	version, after uint64
	value          int64
	// hidden says that version is not known.
	hidden bool
}

// is gives the cell with its version known to be v, false if it can't be.
func (c cell) is(v uint64) (cell, bool) {
	if !c.hidden {
		return c, c.version == v
	}
	return cell{version: v, value: c.value}, v > c.after
}

// register is the model: how a register with versions answers.
func register() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return cell{} },
		Step: func(state, input, output any) (bool, any) {
			return step(state.(cell), input.(move), output.(seenMove)) //nolint:forcetypeassert // made here only
		},
		Equal:             func(a, b any) bool { return a == b },
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
	}
}

func step(c cell, in move, out seenMove) (bool, cell) {
	switch {
	case !in.set:
		now, ok := c.is(out.version)
		return ok && now.value == out.value, now
	case out.unknown:
		// It took effect here, or, where the version is another one, did nothing. That it never arrived is the same
		// as taking effect after all others, where it may stand since it never returned.
		if now, ok := c.is(in.ifVersion); ok {
			return true, cell{hidden: true, after: now.version, value: in.value}
		}
		return true, c
	case out.conflict:
		now, ok := c.is(out.version)
		return ok && out.version != in.ifVersion, now
	default:
		now, ok := c.is(in.ifVersion)
		return ok && out.version > now.version, cell{version: out.version, value: in.value}
	}
}

// clients gives a history in which no client has two operations at once: one whose operation never returned goes on
// under another number.
func clients(history []porcupine.Operation) []porcupine.Operation {
	out := make([]porcupine.Operation, len(history))
	for i, o := range history {
		if o.Return == forever {
			o.ClientId = hotClients + i
		}
		out[i] = o
	}
	return out
}
