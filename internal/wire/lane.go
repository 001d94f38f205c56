package wire

// Lane says what a connection is for, so that calls of one kind never wait behind those of another. It is the first
// byte of the connection.
type Lane byte

// The lanes.
const (
	// LaneQuery carries queries and writes.
	LaneQuery Lane = 'Q'
	// LaneRaft carries consensus.
	LaneRaft Lane = 'R'
	// LaneBulk carries files.
	LaneBulk Lane = 'B'
)

// lanes is how many there are; index counts them.
const lanes = 3

// String names the lane, as metrics do.
func (l Lane) String() string {
	switch l {
	case LaneQuery:
		return "query"
	case LaneRaft:
		return "raft"
	case LaneBulk:
		return "bulk"
	default:
		return "unknown"
	}
}

// index gives the lane's place in arrays, and whether it is a lane at all.
func (l Lane) index() (int, bool) {
	switch l {
	case LaneQuery:
		return 0, true
	case LaneRaft:
		return 1, true
	case LaneBulk:
		return 2, true
	default:
		return 0, false
	}
}
