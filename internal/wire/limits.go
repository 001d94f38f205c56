package wire

import "time"

const (
	// MaxBody bounds a request's or an answer's body, in bytes. The largest is a raft entry, which may carry 64 MiB,
	// with its neighbours in one append.
	MaxBody = maxFrame - 64
	// MaxDetail bounds an Error's Detail, in bytes: it names a leader or an epoch, it is no place for answers.
	MaxDetail = 64 << 10
	// maxFrame bounds what a frame's length may announce.
	maxFrame = 80 << 20
	// maxMessage bounds an Error's Message, in bytes: it ends up in logs. What is longer is cut.
	maxMessage = 4 << 10
	// maxName bounds the names in a hello; their length is one byte.
	maxName = 255
	// maxReason bounds a refusal's text, in bytes. What is longer is cut.
	maxReason = 1 << 10
	// maxHello bounds what a hello's length may announce: the parts of today and as much again.
	maxHello = 2 << 10
)

const (
	// maxInFlight bounds the calls under way on one connection, on both sides.
	maxInFlight = 4096
	// maxConnections bounds a server's connections; a cluster has 3 of each node, and a few of nodes that join.
	maxConnections = 4096
	// maxPending is how many bytes may wait for being written on a connection. Then senders wait for room.
	maxPending = 4 << 20
	// joinLimit is the largest frame, in bytes, that is copied beside others to be written with them.
	joinLimit = 16 << 10
	// writeStep is the most that is written in one piece, in bytes, so that progress can be seen on a slow link.
	writeStep = 256 << 10
	// readBuffer is the size of a connection's read buffer, in bytes: many small frames by one read.
	readBuffer = 32 << 10
	// firstRead is the most that is allocated for a body before its bytes are there; then it doubles.
	firstRead = 1 << 20
)

const (
	// helloTimeout bounds the time from accepting a connection to its hello, the handshake of TLS included.
	helloTimeout = 5 * time.Second
	// redialPause is how long after a failed dial calls to the same node fail with its error, without a dial of their
	// own: a dead node costs 20 dials a second, however many calls there are.
	redialPause = 50 * time.Millisecond
	// refusedTries is how often, with redialPause between, a node whose connection broke is dialled to see whether
	// its port refuses. The first may still be accepted by a process that is being torn down.
	refusedTries = 5
	// acceptPause is how long a server waits after a failed accept, of which the usual cause is too many open files.
	acceptPause = 50 * time.Millisecond
	// refusalLogPause is the least time between two logged refusals: a node of another cluster tries for ever.
	refusalLogPause = 10 * time.Second
	// partTimeout bounds how long a closing server waits for its clients to hear its goodbye.
	partTimeout = time.Second
)

// Defaults of the settings that are left zero.
const (
	defaultDialTimeout   = 2 * time.Second
	defaultPingInterval  = 5 * time.Second
	defaultPeerTimeout   = 10 * time.Second
	defaultDrainTimeout  = time.Second
	defaultCloseTimeout  = 5 * time.Second
	defaultQueryHandlers = 1024 // a goroutine and a request each; searches queue for the processors beyond far fewer
	defaultRaftHandlers  = 4096 // hundreds of groups, each with some calls under way
	defaultBulkHandlers  = 64   // each reads a file
	defaultRequestBytes  = 512 << 20
)
