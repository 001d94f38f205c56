package consensus

const (
	// restoreFile is the record beside fetched files; without it a directory of them is done with.
	restoreFile = "reference"
	// partialSuffix of RestoreDir is where files are fetched to.
	partialSuffix = ".partial"
)
