package gossip

import "time"

const (
	// DefaultPort is where gossip listens, and the port of a join entry that names none.
	DefaultPort = 7946

	// label keeps other programs' memberlists out: packets and streams without it are dropped.
	label = "sagasu"

	// maxIDBytes bounds a node's id: it travels with every message about the node, in packets of 1,400 bytes.
	maxIDBytes = 128
	// maxRoles bounds the roles of a member; there are three.
	maxRoles = 16
	// maxMembers bounds what is kept in memory if someone floods us with names.
	maxMembers = 4096
	// maxGone bounds how many dead and left members are kept; the oldest go first.
	maxGone = 512
	// goneRetention is how long a dead or left member is kept, so that people can see what was there yesterday.
	goneRetention = 24 * time.Hour
	// maxConflicts bounds the conflicts kept; those not seen for the longest go first.
	maxConflicts = 64
	// maxClaims bounds the doubtful addresses watched, see claimPatience.
	maxClaims = 256

	// reclaimTime is how long a member has to be dead before its id may come from another address. Members are told
	// apart by id, and an address may change, so it is no more than memberlist needs to allow it at all.
	reclaimTime = time.Millisecond
	// reclaimPatience is how long a node that others held to be at an earlier address goes on making itself known: the
	// earlier life may be suspected, and found dead, for some seconds after the new one was believed.
	reclaimPatience = 15 * time.Second
	// maxReclaims bounds the members it does so with at a time.
	maxReclaims = 32
	// claimPatience is how long one instance may be claimed to be at two addresses: for a few seconds after a restart
	// at a new address that is how it looks, until the old one is found dead.
	claimPatience = 30 * time.Second
	// claimMemory is after how much silence such a claim is forgotten.
	claimMemory = 2 * time.Minute

	// suspicionMult is how many probe intervals a suspected member has to answer, times log10 of the members where
	// there are more than ten: one and a half seconds. It also asks for one more member that finds the same.
	suspicionMult = 3
	// suspicionMaxMult is how much longer that is where nobody else confirms it. memberlist's own 6 would let two
	// nodes that die together be alive for over ten seconds; wrong suspicions cost little here.
	suspicionMaxMult = 2
	// awarenessMax bounds how much slower a node probes that finds itself too slow to be a judge.
	awarenessMax = 4

	// joinAgain is the first pause before join addresses are tried again; it doubles.
	joinAgain = 250 * time.Millisecond
	// joinAloneMax bounds the pause while nobody is seen: a cluster that starts should not wait for itself.
	joinAloneMax = 5 * time.Second
	// joinMax bounds the pause while some are seen but others are missing, and is how often the addresses are asked
	// for if none is missing: they may be in DNS or a file, and change.
	joinMax = time.Minute
	// joinParallel bounds the join addresses tried at a time; one that does not answer takes StreamTimeout.
	joinParallel = 8
	// maxJoinAddresses bounds what is tried in one round.
	maxJoinAddresses = 1024
	// maxJoinFile bounds a file of join entries, in bytes.
	maxJoinFile = 1 << 20
	// lookupTimeout bounds one DNS lookup.
	lookupTimeout = 5 * time.Second
	// leaveTimeout bounds Leave: the news takes under a second to be out.
	leaveTimeout = 5 * time.Second
	// bindAttempts is how often a free port is asked for that is free for both UDP and TCP.
	bindAttempts = 10
)
