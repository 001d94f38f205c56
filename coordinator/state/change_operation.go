package state

import (
	"fmt"
	"slices"
)

// PutOperation adds an operation, or updates that of its id: what it was created as (Kind and
// CreatedMillis) stays. One that has ended is not changed any more: ErrOperationEnded, except for a retry.
// When there are too many, the oldest that has ended is forgotten; ErrLimit if none has.
type PutOperation struct {
	Operation Operation `json:"operation"`
}

func (PutOperation) kind() (typ, version uint16) { return TypePutOperation, 1 }

func putOperation(before *View, c PutOperation) (*View, Index, error) {
	o := c.Operation
	o.Reason, o.Error = cut(o.Reason, MaxTextBytes), cut(o.Error, MaxTextBytes)
	if err := o.check(); err != nil {
		return nil, Index{}, fmt.Errorf("put operation: %w", err)
	}
	operations := slices.Clone(before.operations)
	at := slices.IndexFunc(operations, func(p Operation) bool { return p.ID == o.ID })
	if at < 0 {
		if len(operations) >= MaxOperations {
			ended := slices.IndexFunc(operations, func(p Operation) bool { return p.State.Ended() })
			if ended < 0 {
				return nil, Index{}, fmt.Errorf("put operation %s beside %d that run: %w", o.ID, len(operations), ErrLimit)
			}
			operations = slices.Delete(operations, ended, ended+1)
		}
		operations = append(operations, o)
	} else {
		present := operations[at]
		o.Kind, o.CreatedMillis = present.Kind, present.CreatedMillis
		if present.State == OperationCancelling && !o.State.Ended() {
			o.State = OperationCancelling
		}
		switch {
		case o == present:
			return nil, Index{}, nil
		case present.State.Ended():
			return nil, Index{}, fmt.Errorf("put operation %s, which is %s: %w", o.ID, present.State, ErrOperationEnded)
		}
		operations[at] = o
	}
	after := before.clone()
	after.operations = operations
	return after, Index{}, nil
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
	for _, text := range [][2]string{{"index", o.Index}, {"shard", o.Shard}, {"node", o.Node}} {
		if err := checkText(text[0]+" of operation "+o.ID, text[1], MaxNameBytes); err != nil {
			return err
		}
	}
	if err := checkMillis("created_millis", o.CreatedMillis); err != nil {
		return err
	}
	return checkMillis("updated_millis", o.UpdatedMillis)
}
