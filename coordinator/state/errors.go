package state

import "errors"

// What stops a node: it can't tell what another node made of the command.
var (
	// ErrUnknownCommand is returned when a command has a type, version or feature level this build doesn't
	// know: the node is older than the one that proposed it and must not guess.
	ErrUnknownCommand = errors.New("command of an unknown type or version")
	// ErrCommand is returned when a payload or a snapshot can't be decoded.
	ErrCommand = errors.New("malformed command")
	// ErrNewerFormat is returned when a snapshot was written by a newer version than this one.
	ErrNewerFormat = errors.New("metadata snapshot of a newer format")
)

// Refusals, on which every node agrees: they are in Result.Err and leave the state as it was.
var (
	// ErrInvalid is returned when a member of a command breaks a rule of its comment.
	ErrInvalid = errors.New("invalid metadata")
	// ErrLimit is returned when there are as many of something as limits.go allows.
	ErrLimit = errors.New("limit reached")
	// ErrCluster is returned when a cluster is founded that has another id already.
	ErrCluster = errors.New("another cluster")
	// ErrLevel is returned when a node can't run the cluster's feature level, or the level to be reached.
	ErrLevel = errors.New("feature level not supported by every node")
	// ErrNodeNotFound is returned when no node of that id is registered, or it can't hold replicas.
	ErrNodeNotFound = errors.New("node not found")
	// ErrNodeInstance is returned when the node of that id is another instance: another data directory.
	ErrNodeInstance = errors.New("another instance of the node")
	// ErrNodeInUse is returned when a node to be removed holds replicas.
	ErrNodeInUse = errors.New("node holds replicas")
	// ErrIndexExists is returned when an index of that name exists.
	ErrIndexExists = errors.New("index exists already")
	// ErrIndexNotFound is returned when there is no index of that name.
	ErrIndexNotFound = errors.New("index not found")
	// ErrShardNotFound is returned when there is no shard of that id.
	ErrShardNotFound = errors.New("shard not found")
	// ErrNotFounded is returned when the replicas of a shard are to change before its group is founded.
	ErrNotFounded = errors.New("shard is not founded")
	// ErrEpoch is returned when a shard changed since the proposer looked at it.
	ErrEpoch = errors.New("shard changed meanwhile")
	// ErrAliasExists is returned when an alias has the name of an index to be created.
	ErrAliasExists = errors.New("alias exists already")
	// ErrAliasNotFound is returned when there is no alias of that name, or it leads to another index.
	ErrAliasNotFound = errors.New("alias not found")
	// ErrOperationNotFound is returned when no operation of that id is kept.
	ErrOperationNotFound = errors.New("operation not found")
	// ErrMoving is returned when a replica of the shard is being moved.
	ErrMoving = errors.New("shard is being moved")
	// ErrNoMove is returned when no such move is under way.
	ErrNoMove = errors.New("no such move")
	// ErrDraining is returned when a node of another failure domain is being drained.
	ErrDraining = errors.New("another node is being drained")
	// ErrOperationEnded is returned when an operation has ended, and so can't change any more.
	ErrOperationEnded = errors.New("operation has ended")
	// ErrGeneration is returned when another generation of vectors is being filled, or is the index's, than the
	// command is about.
	ErrGeneration = errors.New("wrong generation of vectors")
	// ErrRepositoryNotFound is returned when there is no repository of that name.
	ErrRepositoryNotFound = errors.New("repository not found")
	// ErrRepositoryBusy is returned when something is under way in a repository that can't go together.
	ErrRepositoryBusy = errors.New("repository is in use")
	// ErrReadOnly is returned when something is to be written to a repository that is only read.
	ErrReadOnly = errors.New("repository is read-only")
	// ErrSnapshotExists is returned when there is a snapshot of that id.
	ErrSnapshotExists = errors.New("snapshot exists already")
	// ErrSnapshotNotFound is returned when no snapshot of that id is known.
	ErrSnapshotNotFound = errors.New("snapshot not found")
	// ErrSnapshotState is returned when a snapshot has ended otherwise.
	ErrSnapshotState = errors.New("snapshot has ended")
	// ErrScheduleNotFound is returned when there is no schedule of that name.
	ErrScheduleNotFound = errors.New("schedule not found")
	// ErrKeyExists is returned when a key of that id exists, or any where it must be the first.
	ErrKeyExists = errors.New("key exists already")
	// ErrKeyNotFound is returned when there is no key of that id.
	ErrKeyNotFound = errors.New("key not found")
	// ErrKeyRevoked is returned when a key was revoked, and so can't change any more.
	ErrKeyRevoked = errors.New("key is revoked")
	// ErrKeyChanged is returned when a key was rotated since the proposer looked at it.
	ErrKeyChanged = errors.New("key was rotated meanwhile")
	// ErrRoleNotFound is returned when there is no role of that name.
	ErrRoleNotFound = errors.New("role not found")
	// ErrRoleInUse is returned when a role to be deleted is a key's.
	ErrRoleInUse = errors.New("role is in use")
	// ErrSetting is returned when a setting is unknown or can't have the value.
	ErrSetting = errors.New("invalid setting")
)
