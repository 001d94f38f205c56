package shard

import "time"

// DefaultScrubBytesPerSecond is what a host reads to verify its files: a tenth of what a slow disk reads, and enough
// for more than 1.7 TB a day.
const DefaultScrubBytesPerSecond = 20_000_000

const (
	// tendEvery is how often a leader looks at its group's membership when nothing wakes it.
	tendEvery = time.Second
	// stepTimeout bounds one change of a membership.
	stepTimeout = 10 * time.Second
	// askTimeout bounds asking one node how its replica is: others may know more than one that hangs.
	askTimeout = 2 * time.Second
	// maxBehind is how many entries a member may lag behind the leader to be given its vote: what a group
	// under full load commits in well under a second.
	maxBehind = 128
	// reopenPause is how long a replica that can't be opened, or repaired, rests before the next try; each further
	// one waits twice as long, up to maxReopenPause.
	reopenPause    = 2 * time.Second
	maxReopenPause = time.Minute
	// openShare bounds the share of time that such tries take to one in so many: they read all files.
	openShare = 20
	// steadyAfter is how long a replica must have been open, at least, for a failure not to count as one in a row; one
	// that takes long to open must have been longer, by openShare.
	steadyAfter = 5 * time.Second
	// maxRepairs bounds the replicas of a host that are repaired at once: a disk that fails damages many, and each
	// copies its files.
	maxRepairs = 2
	// damagedSourceRest is how long a node is not asked for files after those it gave were damaged: it finds that out
	// by itself, and is repaired.
	damagedSourceRest = 10 * time.Minute
	// retireEvery is how often a node asks whether a replica that it shall give up is still a member.
	retireEvery = time.Second
	// valveBurst is how long a copy may run ahead of its rate.
	valveBurst = 50 * time.Millisecond
	// tallySlot times tallySlots is what the rates of calls are averaged over.
	tallySlot  = 10 * time.Second
	tallySlots = 5
	// maxSessions bounds the transfers a host serves at once, each of which pins files.
	maxSessions = 16
	// sessionIdle is how long a transfer may rest before its files are let go.
	sessionIdle = 2 * time.Minute
)
