package replica

// The directories of a replica.
const (
	// LogDir holds the log of the group.
	LogDir    = "log"
	sparseDir = "sparse"
	denseDir  = "dense"
	lockFile  = "LOCK"
	// restoredDir holds the files of another replica, complete, that are to take the place of these.
	restoredDir = "restored"
)
