package cluster

import "time"

const (
	// lookEvery is the pause between two looks at something that nothing tells of.
	lookEvery = 50 * time.Millisecond
	// lookTimeout bounds one look: a paused node must not hold up who waits for another.
	lookTimeout = 2 * time.Second
	// closeTimeout bounds waiting for killed processes, which needs no more than the kernel's time.
	closeTimeout = 10 * time.Second
	// logTail is how much of a node's log an error carries, in bytes.
	logTail = 2000
	// firstPort to lastPort are what nodes get where they share an address: below the ports that the kernel gives
	// to outgoing connections, which could take that of a node while it is down.
	firstPort, lastPort = 10_000, 30_000
	// portTries bounds looking for a free one.
	portTries = 200
	// idleTimeout is how long a connection is kept: less than nodes keep it, whose closing would look like a fault.
	idleTimeout = 30 * time.Second
	// packetBytes is the largest that UDP carries.
	packetBytes = 64 << 10
	// chunkBytes is what a forwarder reads at once.
	chunkBytes = 32 << 10
	// maxNodes bounds a cluster: nodes of a bridge are numbered in one byte, with room for new addresses.
	maxNodes = 20
)
