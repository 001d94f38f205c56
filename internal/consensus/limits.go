package consensus

import "time"

const (
	// DedupWindow is the number of log entries for which an idempotency key is remembered. Whether a command is a
	// duplicate is part of what replicas agree on, so that it is a property of the format and not a setting.
	DedupWindow = 4096
	// ReaderVersion is what this program's entries ask of their readers at most: an entry with a higher MinReader is
	// refused.
	ReaderVersion = 1
	// MaxPayload bounds one command's payload, in bytes: a replica holds it several times while replicating.
	MaxPayload = 64 << 20
	// maxCheckpoints is how many of its own state hashes a replica keeps for comparison; the leader's hash comes
	// with one of the entries right after, so that a few would do.
	maxCheckpoints = 256
	// maxAppendEntries is the most entries raft stores in one write, sends in one call and applies in one batch.
	maxAppendEntries = 128
	// maxSnapshotRepeats is how often the same snapshot may be streamed to a replica before it is taken for the
	// endless loop of a replica the snapshot does not help.
	maxSnapshotRepeats = 3
	// retainedSnapshots is the number of snapshot references kept: the newest, and one should it be unreadable.
	retainedSnapshots = 2
	// snapshotInterval is how often raft looks whether SnapshotThreshold is reached, up to twice that by jitter.
	snapshotInterval = 30 * time.Second
	// soloTimeout is raft's election timeout in a group of one voter: nobody else can lead, and the first election
	// is started without waiting for it.
	soloTimeout = time.Second
	// defaultTimeout is how long a call to another replica may take, without what its size adds, in a group that is not
	// open yet; in an open one it is ElectionTimeout.
	defaultTimeout = 1500 * time.Millisecond
	// transferRate is the bytes a second that a call's time limit grants: a slow network and the other side's disk.
	transferRate = 4 << 20
	// maxAppendBytes is the most data of several entries in one call; a larger entry goes alone.
	maxAppendBytes = 8 << 20
	// maxReference bounds a snapshot's reference: its fields, and the keys of DedupWindow entries.
	maxReference = 256 << 10
	// changeLimit is how long a change of the members waits for the one before it.
	changeLimit = 10 * time.Second
	// passedEvery is how often one who waits for an entry looks whether it is one that the machine is not told of.
	passedEvery = 20 * time.Millisecond
	// heirLimit is how long one who hands leadership over listens to how far the others are.
	heirLimit = 200 * time.Millisecond
	// recoverTerms is how many terms Recover chooses from.
	recoverTerms = 1024
	// announceAfter is for how long nothing was sent to a follower before it is told the commit index by itself.
	announceAfter = 10 * time.Millisecond
	// suspectEvery is how often a group acts on the loss of its leader's process.
	suspectEvery = time.Second
	// succeedAsk is how long the followers of a lost leader listen to who of them is to stand.
	succeedAsk = 100 * time.Millisecond
	// succeedWait is how long the others wait for that one to win, before they ask again or stand: its asking, a vote's
	// writes, and some more.
	succeedWait = 200 * time.Millisecond
	// handOverPoll is how often a leader that goes looks whether another one leads.
	handOverPoll = 20 * time.Millisecond
	// succeedSpread is added to it by jitter.
	succeedSpread = 100 * time.Millisecond
	// maxAsking is how many groups of a node ask so at once: the loss of a node concerns hundreds.
	maxAsking = 64
	// patience is how long an append is sent again to a follower that is not reached, before raft is told.
	patience = time.Minute
	// retryPause is the time between two such attempts, up to twice that by jitter: what a follower that comes back
	// waits for, and often enough for hundreds of groups whose follower is away.
	retryPause = 250 * time.Millisecond
	// knownWait is how long an acknowledgement waits for a follower to know of the commit: a round trip takes a
	// fraction of a millisecond, and a follower that takes much longer is no help.
	knownWait = 100 * time.Millisecond
	// stallChecks is how often the oldest store write is looked at within DiskStallLimit.
	stallChecks = 8
)
