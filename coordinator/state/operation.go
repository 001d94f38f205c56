package state

// OperationState is how far an operation is.
type OperationState string

// The states of an operation. A new one needs a new feature level.
const (
	OperationPending OperationState = "pending"
	OperationRunning OperationState = "running"
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
	return s.Ended() || s == OperationPending || s == OperationRunning || s == OperationCancelling
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
}
