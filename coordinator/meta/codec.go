package meta

import (
	"encoding/json"
	"errors"
	"fmt"

	"sagasu/coordinator/state"
)

// protocolVersion is the first byte of every call and answer. These calls are rare and small but for the
// view itself, so they are JSON.
const protocolVersion = 1

func encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode metadata call: %w", err)
	}
	return append([]byte{protocolVersion}, data...), nil
}

func decode(data []byte, into any) error {
	if len(data) == 0 || data[0] != protocolVersion {
		return fmt.Errorf("%w: no version %d in %d bytes", ErrProtocol, protocolVersion, len(data))
	}
	if err := json.Unmarshal(data[1:], into); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}

// proposeCall asks a coordinator to commit a command.
type proposeCall struct {
	Type    uint16 `json:"type"`
	Version uint16 `json:"version"`
	// Key is the idempotency key, the same in every repetition.
	Key     [16]byte `json:"key"`
	Payload []byte   `json:"payload"`
	// Forwarded is set by a coordinator that passes the call on to the leader it knows.
	Forwarded bool `json:"forwarded"`
}

// proposeAnswer tells what became of it.
type proposeAnswer struct {
	Outcome outcome `json:"outcome"`
	// Leader is the leader that the answering coordinator knows, if it is none itself.
	Leader string `json:"leader,omitempty"`
	// Index is the entry of the log, Version that of a view which shows it.
	Index   uint64 `json:"index,omitempty"`
	Version uint64 `json:"version,omitempty"`
	Changed bool   `json:"changed,omitempty"`
	// Refusal names the sentinel and Text the whole of a refusal.
	Refusal string `json:"refusal,omitempty"`
	Text    string `json:"text,omitempty"`
	// Concerned is the index that the change is about.
	Concerned *state.Index `json:"concerned,omitempty"`
}

// outcome is what is known of a proposal.
type outcome string

const (
	outcomeApplied   outcome = "applied"
	outcomeNotLeader outcome = "not_leader"
	outcomeUnknown   outcome = "unknown"
)

type watchCall struct {
	// Above is the version the caller has; the answer comes when there is a higher one, or after a while.
	Above uint64 `json:"above"`
}

type syncAnswer struct {
	Applied uint64 `json:"applied"`
	// Version and Cluster are those of the leader's view at that entry, or later.
	Version uint64 `json:"version"`
	Cluster string `json:"cluster"`
}

// refusals are the errors of package state that travel by name.
func refusals() map[string]error {
	return map[string]error{
		"invalid": state.ErrInvalid, "limit": state.ErrLimit, "cluster": state.ErrCluster, "level": state.ErrLevel,
		"node_not_found": state.ErrNodeNotFound, "node_instance": state.ErrNodeInstance,
		"node_in_use": state.ErrNodeInUse, "index_exists": state.ErrIndexExists,
		"index_not_found": state.ErrIndexNotFound, "shard_not_found": state.ErrShardNotFound,
		"not_founded": state.ErrNotFounded, "epoch": state.ErrEpoch, "alias_exists": state.ErrAliasExists,
		"alias_not_found": state.ErrAliasNotFound, "operation_ended": state.ErrOperationEnded,
		"setting": state.ErrSetting, "generation": state.ErrGeneration,
		"operation_not_found": state.ErrOperationNotFound, "moving": state.ErrMoving, "no_move": state.ErrNoMove,
		"draining": state.ErrDraining, "repository_not_found": state.ErrRepositoryNotFound,
		"repository_busy": state.ErrRepositoryBusy, "read_only": state.ErrReadOnly,
		"snapshot_exists": state.ErrSnapshotExists, "snapshot_not_found": state.ErrSnapshotNotFound,
		"snapshot_state": state.ErrSnapshotState, "schedule_not_found": state.ErrScheduleNotFound,
		"key_exists": state.ErrKeyExists, "key_not_found": state.ErrKeyNotFound, "key_revoked": state.ErrKeyRevoked,
		"key_changed": state.ErrKeyChanged, "role_not_found": state.ErrRoleNotFound, "role_in_use": state.ErrRoleInUse,
	}
}

func refusalName(err error) string {
	for name, sentinel := range refusals() {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	return "other"
}

// remoteRefusal is a refusal that another node told of.
type remoteRefusal struct {
	sentinel error
	text     string
}

func (e *remoteRefusal) Error() string { return e.text }
func (e *remoteRefusal) Unwrap() error { return e.sentinel }

func (a *proposeAnswer) result() state.Result {
	r := state.Result{Changed: a.Changed}
	if a.Concerned != nil {
		r.Index = *a.Concerned
	}
	if a.Refusal != "" {
		r.Err = &remoteRefusal{refusals()[a.Refusal], a.Text}
	}
	return r
}

func answerOf(r state.Result, index uint64) proposeAnswer {
	a := proposeAnswer{Outcome: outcomeApplied, Index: index, Changed: r.Changed}
	if r.Index.UUID != "" {
		a.Concerned = &r.Index
	}
	if r.Err != nil {
		a.Refusal, a.Text = refusalName(r.Err), r.Err.Error()
	}
	return a
}
