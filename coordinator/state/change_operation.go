package state

import (
	"fmt"
	"slices"
)

// PutOperation adds an operation, or updates that of its id: what it was created as (Kind, CreatedMillis, Parent,
// From, RequestedBy) stays, and so does what users asked for since: progress never undoes OperationCancelling or
// OperationPaused, nor changes Throttle; see SteerOperation. One that has ended is not changed any more:
// ErrOperationEnded, except for a retry. When there are too many, the oldest that has ended is forgotten; ErrLimit if
// none has.
type PutOperation struct {
	Operation Operation `json:"operation"`
}

func (c PutOperation) kind() (typ, version uint16) {
	if c.Operation.later() {
		return TypePutOperation, 2
	}
	return TypePutOperation, 1
}

// putOperationV1 refuses what builds from before LevelOperations could not read.
func putOperationV1(before *View, c PutOperation) (*View, Index, error) {
	if c.Operation.later() {
		return nil, Index{}, fmt.Errorf("%w: put operation of version 1 with later members", ErrCommand)
	}
	return putOperation(before, c)
}

func putOperation(before *View, c PutOperation) (*View, Index, error) {
	o := c.Operation.cut()
	if err := o.check(); err != nil {
		return nil, Index{}, fmt.Errorf("put operation: %w", err)
	}
	present, known := before.Operation(o.ID)
	after := before.clone()
	if !known {
		if err := after.addOperation(o); err != nil {
			return nil, Index{}, err
		}
		return after, Index{}, nil
	}
	o = o.over(present)
	switch {
	case o == present:
		return nil, Index{}, nil
	case present.State.Ended():
		return nil, Index{}, fmt.Errorf("put operation %s, which is %s: %w", o.ID, present.State, ErrOperationEnded)
	}
	after.operations = before.withOperation(o)
	return after, Index{}, nil
}

// cut shortens the texts that may be of any length.
func (o Operation) cut() Operation {
	o.Reason, o.Error = cut(o.Reason, MaxTextBytes), cut(o.Error, MaxTextBytes)
	o.Step = cut(o.Step, MaxNameBytes)
	o.RequestedBy, o.PausedBy = cut(o.RequestedBy, MaxNameBytes), cut(o.PausedBy, MaxNameBytes)
	return o
}

// over gives the operation as an update of what is there.
func (o Operation) over(present Operation) Operation {
	o.Kind, o.CreatedMillis = present.Kind, present.CreatedMillis
	o.Parent, o.From, o.RequestedBy = present.Parent, present.From, present.RequestedBy
	o.Throttle, o.PausedBy = present.Throttle, present.PausedBy
	if o.StartedMillis == 0 {
		o.StartedMillis = present.StartedMillis
	}
	waits := present.State == OperationCancelling || present.State == OperationPaused
	switch {
	case o.State.Ended():
		o.PausedBy = ""
	case o.State == OperationCancelling:
		o.PausedBy = ""
	case waits:
		o.State = present.State
	}
	return o
}

// addOperation adds one that is not there, in the place of the oldest ended one if there are too many.
func (v *View) addOperation(o Operation) error {
	operations := slices.Clone(v.operations)
	if len(operations) >= MaxOperations {
		ended := slices.IndexFunc(operations, func(p Operation) bool { return p.State.Ended() })
		if ended < 0 {
			return fmt.Errorf("put operation %s beside %d that run: %w", o.ID, len(operations), ErrLimit)
		}
		operations = slices.Delete(operations, ended, ended+1)
	}
	v.operations = append(operations, o)
	return nil
}

// withOperation gives the operations with one in the place of that of its id.
func (v *View) withOperation(o Operation) []Operation {
	operations := slices.Clone(v.operations)
	for i := range operations {
		if operations[i].ID == o.ID {
			operations[i] = o
		}
	}
	return operations
}

// check holds an operation to the rules of its comments.
func (o Operation) check() error {
	if err := checkID("operation id", o.ID); err != nil {
		return err
	}
	if err := checkID("kind", o.Kind); err != nil {
		return err
	}
	if !o.State.valid() {
		return invalid("operation %s has an unknown state %.64q", o.ID, string(o.State))
	}
	for _, text := range [][2]string{
		{"index", o.Index}, {"shard", o.Shard}, {"node", o.Node}, {"parent", o.Parent}, {"from", o.From},
		{"step", o.Step}, {"requested_by", o.RequestedBy}, {"paused_by", o.PausedBy},
	} {
		if err := checkText(text[0]+" of operation "+o.ID, text[1], MaxNameBytes); err != nil {
			return err
		}
	}
	if err := checkMillis("created_millis", o.CreatedMillis); err != nil {
		return err
	}
	if err := checkMillis("started_millis", o.StartedMillis); err != nil {
		return err
	}
	return checkMillis("updated_millis", o.UpdatedMillis)
}
