package state

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// State is the metadata. Apply is called by one goroutine; View and Hash by any number at any time.
type State struct {
	view atomic.Pointer[View]
}

// New gives the empty state, before the first command.
func New() *State { return newState(&View{format: formatIndexes, shards: map[string]place{}}) }

func newState(v *View) *State {
	s := &State{}
	s.view.Store(v)
	return s
}

// Result is what became of a command.
type Result struct {
	// Index is the index that was created, deleted or changed, also if a retry found it so.
	Index Index
	// Changed is false if the state is as before: the command was refused, or a retry.
	Changed bool
	// Err is nil or a refusal (see errors.go), which leaves the state as it was, on every node.
	Err error
}

// change computes the view after a command, without touching the one before it; nil or the one before if
// nothing changes. It also gives the index concerned, if there is one.
type change func(before *View, payload []byte) (after *View, x Index, err error)

// typed makes a change of a function on its decoded content.
func typed[C any](apply func(before *View, c C) (*View, Index, error)) change {
	return func(before *View, payload []byte) (*View, Index, error) {
		var c C
		if err := decode(payload, &c); err != nil {
			return nil, Index{}, err
		}
		return apply(before, c)
	}
}

// changes is the table of commands: what isn't in it is refused.
func changes(typ, version uint16) (change, bool) {
	for _, table := range []func(typ, version uint16) (change, bool){
		clusterChanges, generationChanges, operationChanges, keyChanges, snapshotChanges,
	} {
		if c, ok := table(typ, version); ok {
			return c, true
		}
	}
	return nil, false
}

// clusterChanges are the commands up to LevelCluster, with which all but the first two lines came.
func clusterChanges(typ, version uint16) (change, bool) {
	switch [2]uint16{typ, version} {
	case [2]uint16{TypeCreateIndex, 1}:
		return typed(createIndexV1), true
	case [2]uint16{TypeDeleteIndex, 1}:
		return typed(deleteIndex), true
	case [2]uint16{TypeCreateIndex, 2}:
		return typed(createIndex), true
	case [2]uint16{TypeFoundCluster, 1}:
		return typed(foundCluster), true
	case [2]uint16{TypeRaiseLevel, 1}:
		return typed(raiseLevel), true
	case [2]uint16{TypeRegisterNode, 1}:
		return typed(registerNode), true
	case [2]uint16{TypeRemoveNode, 1}:
		return typed(removeNode), true
	case [2]uint16{TypeSetReplicas, 1}:
		return typed(setReplicas), true
	case [2]uint16{TypeMarkFounded, 1}:
		return typed(markFounded), true
	case [2]uint16{TypeSetCopies, 1}:
		return typed(setCopies), true
	case [2]uint16{TypePutAlias, 1}:
		return typed(putAlias), true
	case [2]uint16{TypeDeleteAlias, 1}:
		return typed(deleteAlias), true
	case [2]uint16{TypePutOperation, 1}:
		return typed(putOperationV1), true
	case [2]uint16{TypePutSetting, 1}:
		return typed(putSettingV1), true
	}
	return nil, false
}

// generationChanges are the commands that came with LevelGenerations.
func generationChanges(typ, version uint16) (change, bool) {
	switch [2]uint16{typ, version} {
	case [2]uint16{TypeCreateIndex, 3}:
		return typed(createIndexV3), true
	case [2]uint16{TypeDeleteIndex, 2}:
		return typed(deleteIndex), true
	case [2]uint16{TypeBeginGeneration, 1}:
		return typed(beginGeneration), true
	case [2]uint16{TypeSwitchGeneration, 1}:
		return typed(switchGeneration), true
	case [2]uint16{TypeCancelGeneration, 1}:
		return typed(cancelGeneration), true
	case [2]uint16{TypeForgetGeneration, 1}:
		return typed(forgetGeneration), true
	case [2]uint16{TypeForgetLeftover, 1}:
		return typed(forgetLeftover), true
	}
	return nil, false
}

// operationChanges are the commands about operations, moves and drains that came with LevelOperations.
func operationChanges(typ, version uint16) (change, bool) {
	switch [2]uint16{typ, version} {
	case [2]uint16{TypePutOperation, 2}:
		return typed(putOperation), true
	case [2]uint16{TypePutSetting, 2}:
		return typed(putSetting), true
	case [2]uint16{TypeBeginOperations, 1}:
		return typed(beginOperations), true
	case [2]uint16{TypeSteerOperation, 1}:
		return typed(steerOperation), true
	case [2]uint16{TypeBeginMove, 1}:
		return typed(beginMove), true
	case [2]uint16{TypeSwitchMove, 1}:
		return typed(switchMove), true
	case [2]uint16{TypeEndMove, 1}:
		return typed(endMove), true
	case [2]uint16{TypeRevertMove, 1}:
		return typed(revertMove), true
	case [2]uint16{TypeStartDrain, 1}:
		return typed(startDrain), true
	case [2]uint16{TypeEndDrain, 1}:
		return typed(endDrain), true
	}
	return nil, false
}

// snapshotChanges are the commands about snapshots that came with LevelOperations.
func snapshotChanges(typ, version uint16) (change, bool) {
	switch [2]uint16{typ, version} {
	case [2]uint16{TypePutRepository, 1}:
		return typed(putRepository), true
	case [2]uint16{TypeDeleteRepository, 1}:
		return typed(deleteRepository), true
	case [2]uint16{TypeBeginSnapshot, 1}:
		return typed(beginSnapshot), true
	case [2]uint16{TypeEndSnapshot, 1}:
		return typed(endSnapshot), true
	case [2]uint16{TypeDropSnapshot, 1}:
		return typed(dropSnapshot), true
	case [2]uint16{TypeForgetSnapshot, 1}:
		return typed(forgetSnapshot), true
	case [2]uint16{TypeBeginRestore, 1}:
		return typed(beginRestore), true
	case [2]uint16{TypeEndRestore, 1}:
		return typed(endRestore), true
	case [2]uint16{TypePutSchedule, 1}:
		return typed(putSchedule), true
	case [2]uint16{TypeDeleteSchedule, 1}:
		return typed(deleteSchedule), true
	}
	return nil, false
}

// Apply applies a command. An error means that it could not be understood (ErrUnknownCommand,
// ErrCommand): the state is as before and the node must stop, for another node may have understood
// it. A refusal that every node agrees on is in Result.Err.
func (s *State) Apply(c Command) (Result, error) {
	before := s.view.Load()
	if c.Index <= before.applied {
		return Result{}, nil
	}
	apply, ok := changes(c.Type, c.Version)
	if !ok {
		return Result{}, fmt.Errorf("apply entry %d, type %d, version %d: %w", c.Index, c.Type, c.Version,
			ErrUnknownCommand)
	}
	after, x, err := apply(before, c.Payload)
	if least := levelOf(c.Type, c.Version); err == nil && before.level < least {
		err = fmt.Errorf("type %d, version %d needs feature level %d, it is %d: %w", c.Type, c.Version, least,
			before.level, ErrLevel)
	}
	if errors.Is(err, ErrCommand) || errors.Is(err, ErrUnknownCommand) {
		return Result{}, fmt.Errorf("apply entry %d: %w", c.Index, err)
	}
	changed := err == nil && after != nil && after != before
	if !changed {
		after = before.clone()
	}
	after.applied = c.Index
	if changed {
		after.format = max(after.format, formatOf(c.Type, c.Version))
	}
	if changed || after.format == formatIndexes {
		after.version = c.Index
	}
	s.view.Store(after)
	return Result{Index: x, Changed: changed, Err: err}, nil
}

// View gives the state as of now. It never changes.
func (s *State) View() *View { return s.view.Load() }
