package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The types of command. A number is never used again for something else.
const (
	// TypeCreateIndex adds an index; its payload is a CreateIndex.
	TypeCreateIndex uint16 = 1
	// TypeDeleteIndex removes an index; its payload is a DeleteIndex.
	TypeDeleteIndex uint16 = 2
	// TypeFoundCluster names the cluster; its payload is a FoundCluster.
	TypeFoundCluster uint16 = 3
	// TypeRaiseLevel raises the feature level; its payload is a RaiseLevel.
	TypeRaiseLevel uint16 = 4
	// TypeRegisterNode adds or updates a node; its payload is a RegisterNode.
	TypeRegisterNode uint16 = 5
	// TypeRemoveNode removes a node; its payload is a RemoveNode.
	TypeRemoveNode uint16 = 6
	// TypeSetReplicas changes where a shard's replicas belong; its payload is a SetReplicas.
	TypeSetReplicas uint16 = 7
	// TypeMarkFounded tells that a shard's group exists; its payload is a MarkFounded.
	TypeMarkFounded uint16 = 8
	// TypeSetCopies changes how many replicas an index wants; its payload is a SetCopies.
	TypeSetCopies uint16 = 9
	// TypePutAlias adds or moves an alias; its payload is a PutAlias.
	TypePutAlias uint16 = 10
	// TypeDeleteAlias removes an alias; its payload is a DeleteAlias.
	TypeDeleteAlias uint16 = 11
	// TypePutOperation adds or updates an operation; its payload is a PutOperation.
	TypePutOperation uint16 = 12
	// TypePutSetting sets a setting; its payload is a PutSetting.
	TypePutSetting uint16 = 13
	// TypeBeginGeneration lets an index be filled with other vectors; its payload is a BeginGeneration.
	TypeBeginGeneration uint16 = 14
	// TypeSwitchGeneration makes them the index's; its payload is a SwitchGeneration.
	TypeSwitchGeneration uint16 = 15
	// TypeCancelGeneration gives them up; its payload is a CancelGeneration.
	TypeCancelGeneration uint16 = 16
	// TypeForgetGeneration tells that a generation is dropped; its payload is a ForgetGeneration.
	TypeForgetGeneration uint16 = 17
	// TypeForgetLeftover tells that what a deleted index left is dropped; its payload is a ForgetLeftover.
	TypeForgetLeftover uint16 = 18
	// TypeBeginOperations adds an operation and its parts; its payload is a BeginOperations.
	TypeBeginOperations uint16 = 19
	// TypeSteerOperation pauses, resumes, cancels or throttles one; its payload is a SteerOperation.
	TypeSteerOperation uint16 = 20
	// TypeBeginMove begins to move a replica; its payload is a BeginMove.
	TypeBeginMove uint16 = 21
	// TypeSwitchMove lets searches go to the new one; its payload is a SwitchMove.
	TypeSwitchMove uint16 = 22
	// TypeEndMove lets the old one go; its payload is an EndMove.
	TypeEndMove uint16 = 23
	// TypeRevertMove brings a move back; its payload is a RevertMove.
	TypeRevertMove uint16 = 24
	// TypeStartDrain begins to drain a node; its payload is a StartDrain.
	TypeStartDrain uint16 = 25
	// TypeEndDrain ends that; its payload is an EndDrain.
	TypeEndDrain uint16 = 26
	// TypePutRepository adds or changes a repository; its payload is a PutRepository.
	TypePutRepository uint16 = 40
	// TypeDeleteRepository forgets one; its payload is a DeleteRepository.
	TypeDeleteRepository uint16 = 41
	// TypeBeginSnapshot begins a snapshot; its payload is a BeginSnapshot.
	TypeBeginSnapshot uint16 = 42
	// TypeEndSnapshot tells what became of it; its payload is an EndSnapshot.
	TypeEndSnapshot uint16 = 43
	// TypeDropSnapshot begins to delete a snapshot; its payload is a DropSnapshot.
	TypeDropSnapshot uint16 = 44
	// TypeForgetSnapshot tells what became of that; its payload is a ForgetSnapshot.
	TypeForgetSnapshot uint16 = 45
	// TypeBeginRestore adds an index to be filled from a snapshot; its payload is a BeginRestore.
	TypeBeginRestore uint16 = 46
	// TypeEndRestore tells what became of that; its payload is an EndRestore.
	TypeEndRestore uint16 = 47
	// TypePutSchedule adds or changes a schedule of snapshots; its payload is a PutSchedule.
	TypePutSchedule uint16 = 48
	// TypeDeleteSchedule removes one; its payload is a DeleteSchedule.
	TypeDeleteSchedule uint16 = 49
	// TypePutKey adds a key; its payload is a PutKey.
	TypePutKey uint16 = 50
	// TypeRotateKey lets a key be recognised by something else; its payload is a RotateKey.
	TypeRotateKey uint16 = 51
	// TypeRevokeKey ends a key; its payload is a RevokeKey.
	TypeRevokeKey uint16 = 52
	// TypeNoteKeyUse notes when keys were used last; its payload is a NoteKeyUse.
	TypeNoteKeyUse uint16 = 53
	// TypePutRole adds or changes a role; its payload is a PutRole.
	TypePutRole uint16 = 54
	// TypeDeleteRole removes a role; its payload is a DeleteRole.
	TypeDeleteRole uint16 = 55
)

// Version is the version of every command but later forms of some; see Kind.
const Version uint16 = 1

// Command is one entry of the metadata log.
type Command struct {
	// Index is the entry's position in the log; commands at or below the applied index are ignored.
	Index uint64
	// Type and Version say how Payload is read.
	Type, Version uint16
	Payload       []byte
}

// Change is the content of a command: one of the structs named at the types.
type Change interface {
	kind() (typ, version uint16)
}

// Kind gives the type and the version that the payload of a change goes with.
func Kind(c Change) (typ, version uint16) { return c.kind() }

// Encode gives the payload of a change.
func Encode(c Change) ([]byte, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	return payload, nil
}

// decode reads one JSON value strictly: an unknown member means a newer writer, and is refused.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrCommand, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: data after the value", ErrCommand)
	}
	return nil
}
