package snapshots

import "time"

// Limits of what is read from a repository, before memory is taken for it.
const (
	// maxManifestBytes bounds a snapshot's manifest: ten thousand indexes with schemas of common size.
	maxManifestBytes = 64 << 20
	// maxShardBytes bounds the list of a shard's files.
	maxShardBytes = 16 << 20
	// maxMarkBytes bounds a repository's mark.
	maxMarkBytes = 4 << 10
	// maxFiles bounds the files of a shard; it has some dozen.
	maxFiles = 50_000
	// maxFileBytes bounds one file, and maxTotalBytes what a shard's files add up to: sums can't overflow.
	maxFileBytes  = 1 << 44
	maxTotalBytes = 1 << 50
	// maxPathBytes bounds the path of a file inside of a shard.
	maxPathBytes = 128
	// maxShardsOfIndex bounds the shards of an index in a manifest: one per slot at most.
	maxShardsOfIndex = 4096
	// maxSnapshotIndexes bounds the indexes of a manifest, as the metadata do.
	maxSnapshotIndexes = 10_000
	// maxListed bounds the manifests that are read to list a repository.
	maxListed = 10_000
)

const (
	// sessionIdle is how long a node keeps a cut that nobody asks for.
	sessionIdle = time.Minute
	// maxSessions bounds the cuts that a node keeps, each of which pins files.
	maxSessions = 512
	// uploads is how many files of a node are sent at a time.
	uploads = 4
	// pollEvery is how often the leader asks nodes how far they are, noteEvery how often it notes that.
	pollEvery = 500 * time.Millisecond
	noteEvery = 2 * time.Second
	// cutTimeout bounds the cut of one shard: a flush of what is in memory.
	cutTimeout = 60 * time.Second
	// callTimeout bounds other calls to nodes.
	callTimeout = 10 * time.Second
	// maxAway is how long a node may not answer before its upload is given up.
	maxAway = 30 * time.Second
	// shardTries is how often a shard's cut is taken anew when a node is lost.
	shardTries = 3
	// tempAge is how old what a broken upload left must be to be removed.
	tempAge = 24 * time.Hour
	// settleAfter is how long after a snapshot that failed nothing is deleted from its repository: a former leader may
	// still be writing its manifest.
	settleAfter = 2 * time.Minute
	// loopEvery is how often the leader looks at snapshots when the metadata don't change.
	loopEvery = time.Second
	// restPause is how long the leader waits after what failed for a reason that may pass.
	restPause = 5 * time.Second
)
