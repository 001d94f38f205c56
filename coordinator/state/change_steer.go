package state

import (
	"fmt"
	"slices"
)

// Steering is what is asked of an operation.
type Steering string

// The ways to steer an operation.
const (
	SteerPause    Steering = "pause"
	SteerResume   Steering = "resume"
	SteerCancel   Steering = "cancel"
	SteerThrottle Steering = "throttle"
)

// Automatic is the PausedBy of what a cluster paused by itself; a user's wish outlasts it.
const Automatic = "automatic"

// SteerOperation pauses, resumes, cancels or throttles an operation and what it is the parent of; whoever runs it
// goes by that. ErrOperationNotFound, ErrOperationEnded, and ErrInvalid for one that is being cancelled. What is so
// already changes nothing.
type SteerOperation struct {
	ID     string   `json:"id"`
	Action Steering `json:"action"`
	// By is who asks. Automatic only resumes what it has paused.
	By string `json:"by"`
	// Throttle is for SteerThrottle, in bytes per second; 0 for the cluster's setting.
	Throttle uint64 `json:"throttle_bytes_per_second,omitempty"`
	// Millis is the proposer's clock, in milliseconds since 1970 UTC.
	Millis int64 `json:"millis"`
}

func (SteerOperation) kind() (typ, version uint16) { return TypeSteerOperation, 1 }

func steerOperation(before *View, c SteerOperation) (*View, Index, error) {
	fail := func(err error) (*View, Index, error) {
		return nil, Index{}, fmt.Errorf("%.16s operation %.64q: %w", string(c.Action), c.ID, err)
	}
	present, known := before.Operation(c.ID)
	switch {
	case !known:
		return fail(ErrOperationNotFound)
	case present.State.Ended():
		return fail(fmt.Errorf("it is %s: %w", present.State, ErrOperationEnded))
	case present.State == OperationCancelling && c.Action != SteerCancel:
		return fail(invalid("it is being cancelled"))
	}
	if err := checkText("by", c.By, MaxNameBytes); err != nil {
		return fail(err)
	}
	if err := checkMillis("millis", c.Millis); err != nil {
		return fail(err)
	}
	operations := slices.Clone(before.operations)
	changed := false
	for i, o := range operations {
		if o.ID != c.ID && o.Parent != c.ID || o.State.Ended() {
			continue
		}
		next, ok := o.steer(c)
		if !ok {
			return fail(invalid("there is no such action"))
		}
		if next != o {
			next.UpdatedMillis = max(o.UpdatedMillis, c.Millis)
			operations[i], changed = next, true
		}
	}
	if !changed {
		return nil, Index{}, nil
	}
	after := before.clone()
	after.operations = operations
	return after, Index{}, nil
}

// steer gives the operation as it is to be; false for an unknown action.
func (o Operation) steer(c SteerOperation) (Operation, bool) {
	switch c.Action {
	case SteerPause:
		running := o.State == OperationPending || o.State == OperationRunning
		if running || o.State == OperationPaused && c.By != Automatic {
			o.State, o.PausedBy = OperationPaused, c.By
		}
	case SteerResume:
		if o.State != OperationPaused || c.By == Automatic && o.PausedBy != Automatic {
			break
		}
		o.State, o.PausedBy = OperationPending, ""
		if o.StartedMillis != 0 {
			o.State = OperationRunning
		}
	case SteerCancel:
		o.State, o.PausedBy = OperationCancelling, ""
	case SteerThrottle:
		o.Throttle = c.Throttle
	default:
		return o, false
	}
	return o, true
}

// BeginOperations adds an operation and those that it is the parent of, all or none: ErrLimit, or ErrInvalid if they
// do not belong together. If the first is there, it changes nothing.
type BeginOperations struct {
	// Operations are the parent and then its parts, at most MaxTogether in all.
	Operations []Operation `json:"operations"`
}

func (BeginOperations) kind() (typ, version uint16) { return TypeBeginOperations, 1 }

func beginOperations(before *View, c BeginOperations) (*View, Index, error) {
	if len(c.Operations) == 0 || len(c.Operations) > MaxTogether {
		return nil, Index{}, fmt.Errorf("begin operations: %w", invalid("%d at once, must be 1 to %d", len(c.Operations),
			MaxTogether))
	}
	parent := c.Operations[0].ID
	if _, again := before.Operation(parent); again {
		return nil, Index{}, nil
	}
	after := before.clone()
	for i, o := range c.Operations {
		o = o.cut()
		if err := o.check(); err != nil {
			return nil, Index{}, fmt.Errorf("begin operations: %w", err)
		}
		if _, taken := after.Operation(o.ID); taken || i > 0 && o.Parent != parent {
			return nil, Index{}, fmt.Errorf("begin operations: %w", invalid("%s is there already, or no part of %s", o.ID,
				parent))
		}
		if err := after.addOperation(o); err != nil {
			return nil, Index{}, fmt.Errorf("begin operations: %w", err)
		}
	}
	return after, Index{}, nil
}
