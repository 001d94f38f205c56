package replica

// The directories of a replica.
const (
	logDir    = "log"
	sparseDir = "sparse"
	denseDir  = "dense"
	lockFile  = "LOCK"
	// restoredDir holds the files of another replica, complete, that are to take the place of these.
	restoredDir = "restored"
)
