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
	// reopenPause is how long a replica that can't be opened rests before the next try.
	reopenPause = 2 * time.Second
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
