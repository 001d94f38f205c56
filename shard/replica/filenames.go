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
	// repairPartial is where the files of another replica are fetched that are to replace damaged ones, repairDir where
	// they are once they are complete and verified, with a record of them.
	repairPartial = "repair.partial"
	repairDir     = "repair"
	repairRecord  = "record"
	// DamagedDir holds the files that were replaced last.
	DamagedDir = "damaged"

	// segmentSuffix and vectorSuffix end the names of files that never change once they are written.
	segmentSuffix = ".seg"
	vectorSuffix  = ".flat"
)
