package state

// OperationState is how far an operation is.
type OperationState string

// The states of an operation. A new one needs a new feature level.
const (
	// OperationPending is planned, and has not begun.
	OperationPending OperationState = "pending"
	OperationRunning OperationState = "running"
	// OperationPaused rests until it is resumed; it came with LevelOperations.
	OperationPaused OperationState = "paused"
	// OperationCancelling is an operation that was asked to end; progress does not undo it.
	OperationCancelling OperationState = "cancelling"
	OperationDone       OperationState = "done"
	OperationFailed     OperationState = "failed"
	OperationCancelled  OperationState = "cancelled"
)

// Ended reports whether an operation in this state never changes again.
func (s OperationState) Ended() bool {
	return s == OperationDone || s == OperationFailed || s == OperationCancelled
}

func (s OperationState) valid() bool {
	return s.Ended() || s == OperationPending || s == OperationRunning || s == OperationCancelling ||
		s == OperationPaused
}

// Operation is a piece of work that may take longer than a second, and survives its leader.
type Operation struct {
	// ID is chosen by the proposer, of letters, digits, ".", "_" and "-".
	ID string `json:"id"`
	// Kind says what is done, e.g. "rebuild"; as many kinds as there are who do them.
	Kind string `json:"kind"`
	// Reason is a sentence for a person, cut at MaxTextBytes.
	Reason string         `json:"reason,omitempty"`
	State  OperationState `json:"state"`
	// Index, Shard and Node say what it is about; each may be empty.
	Index string `json:"index,omitempty"`
	Shard string `json:"shard,omitempty"`
	Node  string `json:"node,omitempty"`
	// Error is why it failed, cut at MaxTextBytes.
	Error string `json:"error,omitempty"`
	// Done of Total units are done, whatever they are; Total is 0 while it is unknown.
	Done  uint64 `json:"done"`
	Total uint64 `json:"total"`
	// CreatedMillis and UpdatedMillis are milliseconds since 1970 UTC; the former is kept by updates.
	CreatedMillis int64 `json:"created_millis"`
	UpdatedMillis int64 `json:"updated_millis"`

	// What follows came with LevelOperations.

	// Parent is the operation that this one is a part of: it is paused, resumed and cancelled with it.
	Parent string `json:"parent,omitempty"`
	// From is the node that a replica leaves; Node is where it goes.
	From string `json:"from,omitempty"`
	// Step says what is being done now, in a word or two; cut at MaxNameBytes.
	Step string `json:"step,omitempty"`
	// RequestedBy is who asked for it, PausedBy who paused it.
	RequestedBy string `json:"requested_by,omitempty"`
	PausedBy    string `json:"paused_by,omitempty"`
	// Throttle bounds what it copies, in bytes per second; 0 for the cluster's setting.
	Throttle uint64 `json:"throttle_bytes_per_second,omitempty"`
	// Bytes of TotalBytes are copied; the latter is an estimate until all is.
	Bytes      uint64 `json:"bytes,omitempty"`
	TotalBytes uint64 `json:"total_bytes,omitempty"`
	// StartedMillis is when it began to run, in milliseconds since 1970 UTC; 0 before.
	StartedMillis int64 `json:"started_millis,omitempty"`
}

// later reports whether the operation says anything that came with LevelOperations.
func (o Operation) later() bool {
	return o.State == OperationPaused || o.Parent != "" || o.From != "" || o.Step != "" || o.RequestedBy != "" ||
		o.PausedBy != "" || o.Throttle != 0 || o.Bytes != 0 || o.TotalBytes != 0 || o.StartedMillis != 0
}
