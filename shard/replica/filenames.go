package replica

// The directories of a replica.
const (
	logDir    = "log"
	sparseDir = "sparse"
	denseDir  = "dense"
	lockFile  = "LOCK"
)
