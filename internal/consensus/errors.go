package consensus

import "errors"

var (
	// ErrNotLeader is returned when this replica does not lead the group; the command surely is not committed.
	ErrNotLeader = errors.New("not the leader")
	// ErrUnknownOutcome is returned when a command may or may not be, or become, committed. Propose it again with
	// the same key, or ask Outcome.
	ErrUnknownOutcome = errors.New("outcome of the command is unknown")
	// ErrDuplicate is returned when a command's key was committed before and its result is no longer known.
	ErrDuplicate = errors.New("command was already applied")
	// ErrInvalidConfig is returned when a Config does not make sense.
	ErrInvalidConfig = errors.New("invalid consensus configuration")
	// ErrInvalidProposal is returned when a proposal can't become a log entry; it is not committed.
	ErrInvalidProposal = errors.New("invalid proposal")
	// ErrClosed is returned when the group is closed.
	ErrClosed = errors.New("consensus group is closed")
	// ErrFailed is returned by every call after the replica has failed; the reason is wrapped with it and in Err.
	ErrFailed = errors.New("consensus replica failed")

	// ErrNoGroup is returned when another node has no replica of the group, or none that is open.
	ErrNoGroup = errors.New("no open replica of the group")
	// ErrMessage is returned when a message between nodes can't be read, or must not be sent.
	ErrMessage = errors.New("message between replicas is malformed")
	// ErrNotMember is returned when a server to promote or to lead is not a member of the group.
	ErrNotMember = errors.New("not a member of the group")

	// ErrEnvelope is the reason of a replica that met a log entry which is damaged.
	ErrEnvelope = errors.New("log entry is damaged")
	// ErrUnreadable is the reason of a replica that met a log entry written for a newer program.
	ErrUnreadable = errors.New("log entry needs a newer program")
	// ErrDiverged is the reason of a replica whose state differs from the leader's at the same index.
	ErrDiverged = errors.New("state differs from the leader's")
	// ErrStateMachine is the reason of a replica whose machine panicked or broke its contract.
	ErrStateMachine = errors.New("state machine failed")
	// ErrStore is the reason of a replica whose log store failed; what is on disk is unknown until reopened.
	ErrStore = errors.New("raft log store failed")
	// ErrDiskStalled is the reason of a replica with a store write that took longer than DiskStallLimit.
	ErrDiskStalled = errors.New("disk stalled")
	// ErrSnapshotLoop is the reason of a replica that was streamed the same snapshot again and again.
	ErrSnapshotLoop = errors.New("snapshot does not help the replica")

	// ErrRestored is the reason of a replica whose state was fetched from another one. Close it, Adopt the files, and
	// open it again.
	ErrRestored = errors.New("replica was restored and must be opened again")
	// ErrRestoring is told to a leader whose snapshot this replica can't take yet: it is getting the state it stands for.
	ErrRestoring = errors.New("restore under way")
	// ErrRestoreUnsupported is told to a leader whose snapshot this replica can't take: a snapshot is a reference to
	// the leader's own files, which are not fetched without a Fetch.
	ErrRestoreUnsupported = errors.New("restoring a streamed snapshot is not supported")
	// ErrRestorePending is returned by Open, and by Recover, when restored files wait in RestoreDir to be adopted.
	ErrRestorePending = errors.New("restored files are not adopted yet")
	// ErrStateBehind is returned by Open when the machine lacks commands that the log no longer holds.
	ErrStateBehind = errors.New("state machine is behind the snapshot")
	// ErrLogBehind is returned by Open when the log lacks what the machine has applied.
	ErrLogBehind = errors.New("raft log is behind the state machine")
	// ErrReference is returned when a snapshot's reference is damaged: the newest one's by Open, of fetched files by
	// Adopt.
	ErrReference = errors.New("snapshot reference is damaged")

	// ErrNothingToRecover is returned by Recover when the directory holds no replica.
	ErrNothingToRecover = errors.New("no replica to recover")

	// errUnreached is why a call to another node has no answer: the way there, or the node.
	errUnreached = errors.New("node not reached")
	// errOvertaken is why fetched files are dropped: this replica has caught up without them.
	errOvertaken = errors.New("replica has caught up")
)
